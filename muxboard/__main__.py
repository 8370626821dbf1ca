"""``python -m muxboard``."""

from muxboard.cli import main

main()
