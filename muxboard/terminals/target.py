"""What a terminal is attached to."""

from __future__ import annotations

from typing import NamedTuple


class Target(NamedTuple):
    """What a terminal is attached to. ``session`` is tmux's id, ``name`` what it was called then."""

    host: str
    user: str
    session: str
    name: str
