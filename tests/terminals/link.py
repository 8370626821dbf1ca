"""A link and a browser at its other end, simulated on a clock of their own: what a window does to an echo and
to the throughput is a matter of arithmetic, not of this machine."""

from __future__ import annotations

import heapq
import itertools
from typing import TYPE_CHECKING

from muxboard.terminals.pty import FRAME_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxboard.terminals.flow import Flow


class Clock:
    """Things that happen at a time, in order."""

    def __init__(self) -> None:
        self.now = 0.0
        self._order = itertools.count()
        self._queue: list[tuple[float, int, Callable[[], None]]] = []

    def __call__(self) -> float:
        return self.now

    def at(self, when: float, what: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (max(when, self.now), next(self._order), what))

    def run(self, until: float) -> None:
        while self._queue and self._queue[0][0] <= until:
            self.now, _, what = heapq.heappop(self._queue)
            what()
        self.now = until

    @property
    def idle(self) -> bool:
        return not self._queue


class Link:
    """A program that always has output, a reader that obeys the flow, a link, and a browser that acks.

    Args:
        flow: Which window.
        clock: Also the flow's.
        rate: Bytes per second that the link carries.
        trip_s: There and back.
        parse: Bytes per second that the browser parses.
        step: It acks once so many bytes are parsed,
        late_s: or so long after the first byte that is not acked; None = never.
        first_ack_s: When a reader that has heard nothing trusts the client.
    """

    def __init__(
        self, flow: Flow, clock: Clock, *, rate: float, trip_s: float, parse: float = 20e6,
        step: int = 24 * 1024, late_s: float | None = 0.05, first_ack_s: float = 1.5,
    ) -> None:  # fmt: skip
        self.flow, self.clock = flow, clock
        self.rate, self.trip_s, self.parse = rate, trip_s, parse
        self.step, self.late_s, self.first_ack_s = step, late_s, first_ack_s
        self.end = 0  # sent
        self.parsed = 0
        self.acked = 0  # by the browser
        self.delays: list[tuple[float, float]] = []  # when sent, and how long ahead of it was queued
        self._link_free = self._parser_free = 0.0
        self._skipped = 0
        self._timer = False
        self._waits = False

    def read(self) -> None:
        """One turn of the loop, and the next."""
        budget = self.flow.budget(self.end)
        if budget == 0:
            if self.flow.unproven and not self._waits:
                self._waits = True
                self.clock.at(self.clock.now + self.first_ack_s, self._trust)
            return
        size = min(budget, FRAME_BYTES)
        self.end += size
        self.flow.sent(self.end, size)
        now = self.clock.now
        self.delays.append((now, max(0.0, self._link_free - now)))
        self._link_free = max(self._link_free, now) + size / self.rate
        end = self.end
        self.clock.at(self._link_free + self.trip_s / 2, lambda: self._arrive(end, size))
        self.clock.at(now + 20e-6, self.read)

    def skip(self) -> None:
        """The browser is told to go on here: it acks nothing of what is on its way."""
        self._skipped = self.acked = self.parsed = self.end
        self.flow.skip(self.end)
        self.read()

    def _trust(self) -> None:
        self._waits = False
        if self.flow.unproven:
            self.flow.trust()
            self.read()

    def _arrive(self, end: int, size: int) -> None:
        self._parser_free = max(self._parser_free, self.clock.now) + size / self.parse
        self.clock.at(self._parser_free, lambda: self._parse(end))

    def _parse(self, end: int) -> None:
        if end <= self._skipped:
            return
        self.parsed = end
        if self.parsed - self.acked >= self.step:
            self._ack()
        elif not self._timer and self.late_s is not None:
            self._timer = True
            self.clock.at(self.clock.now + self.late_s, self._late)

    def _late(self) -> None:
        self._timer = False
        if self.parsed > self.acked:
            self._ack()

    def _ack(self) -> None:
        self.acked = offset = self.parsed
        self.clock.at(self.clock.now + self.trip_s / 2, lambda: self._hear(offset))

    def _hear(self, offset: int) -> None:
        if self.flow.ack(offset, self.end):
            self.read()

    def throughput(self, begin: float, seconds: float) -> float:
        """Bytes per second that were parsed in a while from ``begin`` on."""
        self.clock.run(begin)
        before = self.parsed
        self.clock.run(begin + seconds)
        return (self.parsed - before) / seconds

    def queued(self, begin: float, share: float) -> float:
        """How long ahead of a byte was queued on the link, from ``begin`` on: this share waited for less."""
        waits = sorted(wait for when, wait in self.delays if when >= begin)
        return waits[min(len(waits) - 1, int(share * len(waits)))]
