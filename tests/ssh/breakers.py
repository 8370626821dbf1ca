"""How long a breaker holds back, told by what it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxboard.hosts.way import Unreached

if TYPE_CHECKING:
    from muxboard.hosts.ssh.breaker import Breaker


def held(breaker: Breaker) -> float:
    """Return the seconds until it lets a try pass; 0 = it does now."""
    now = breaker._clock()
    try:
        breaker.check()
    except Unreached:
        return breaker._until - now
    return 0.0
