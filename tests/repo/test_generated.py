"""What is made from the code says what the code says."""

import runpy
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_generated_files_are_fresh():
    """The page's types, the configuration reference and the problem table: tools/generate mends them."""
    generate = runpy.run_path(str(ROOT / "tools" / "generate"))

    assert generate["stale"]() == []
