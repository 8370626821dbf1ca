"""How fast a client reads from its link and parses what it has read."""

from __future__ import annotations

from dataclasses import dataclass

MB = 1_000_000


@dataclass(frozen=True, slots=True)
class Pace:
    """Rates of one client, in bytes a second; ``None`` is as fast as it can."""

    name: str = "fast"
    link: float | None = None  # the socket is read at this rate, from a small receive buffer
    draw: float | None = None  # the socket is read at once, bytes are parsed (and acked) at this rate
    stalled: bool = False  # stops reading for good once the terminal is up


FAST = Pace()
SLOW_LINK = Pace("1 MB/s link", link=MB)
SLOW_DRAW = Pace("draws 1 MB/s", draw=MB)
STALLED = Pace("stalled", stalled=True)

BY_NAME = {pace.name: pace for pace in (FAST, SLOW_LINK, SLOW_DRAW, STALLED)}
