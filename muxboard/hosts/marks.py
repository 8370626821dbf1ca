"""Random marks that frame what a host prints, so that nothing it prints can pretend to be a frame."""

from __future__ import annotations

import os
from collections import deque

MARK_BYTES = 8
_POOL = 256

_marks: deque[str] = deque()


def fresh() -> str:
    """Return 16 hex digits that nobody can guess and that were never returned before.

    They are drawn many at a time: each draw gives the interpreter away to another thread.
    """
    if not _marks:
        drawn = os.urandom(MARK_BYTES * _POOL).hex()
        _marks.extend(drawn[begin : begin + 2 * MARK_BYTES] for begin in range(0, len(drawn), 2 * MARK_BYTES))
    return _marks.popleft()
