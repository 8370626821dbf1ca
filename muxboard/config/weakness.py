"""What is weak about one setting."""

from __future__ import annotations

from msgspec import Struct


class Weak(Struct, frozen=True):
    """One weak setting: its key path, what is weak about it, and what to do."""

    path: str
    problem: str
    remedy: str
