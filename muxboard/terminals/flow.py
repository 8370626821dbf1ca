"""How much output may be read before the browser has parsed what it got: as much as its link takes.

Everything between the PTY and the browser's parser is inside the window: the ring, the socket's buffers, the
link. So it is also what an echo, or the answer to a ^C, has to wait for. A window of ``QUEUE_S`` beyond what
the link needs to be busy keeps that wait the same at any rate; a fixed one of 192 KiB is 0.02 s on a fast
link and 24 s on 64 kbit/s.

The rate is what was acked while the window was full; the round trip is taken from bytes before which nothing
waited. The window doubles while it is full and what was acked last waited for nothing.
"""

from __future__ import annotations

import math
import time
from collections import deque
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MOST_BYTES = 192 * 1024
FIRST_BYTES = 16 * 1024  # before anything is known: a screen, and 2 s of the slowest link that counts
LEAST_BYTES = 1024  # a few lines; less would be more acks than output
QUEUE_S = 0.1
# Reading begins again when the browser has parsed this share of the window, not at every ack: a
# read of a few bytes costs as much as one of 4 KiB. It must not be more than the window less one ack of
# the browser, or a paused terminal would wait for ever.
RESUME_SHARE = 8
ROUNDS = 6  # the best rate of so many rounds counts: one that was slowed by a neighbour does not
SHORTEST_ROUND_S = 0.05
IDLE_S = 0.02  # output that begins so long after the last ack was not waiting for it
PARTS = 6
PROBE_BYTES = 256
PROBE_AGE_S = 1.0
MARKS = 256  # many more than a window has parts; what comes in crumbs, a byte each, has no mark for each
BASE_S = 20.0  # the round trip is taken anew after so long, by letting the link run empty once


class Flow:
    """The window of one terminal. States: reading, or paused until enough is acked.

    Args:
        most: The largest window, in bytes.
        clock: Monotonic seconds.
    """

    def __init__(self, most: int = MOST_BYTES, clock: Callable[[], float] = time.monotonic) -> None:
        self.most = most
        self._clock = clock
        self.begin(0)

    def begin(self, offset: int) -> None:
        """Another connection, which has everything before an offset: what the last link took says nothing."""
        now = self._clock()
        self.acked = offset
        self.paused = False
        self.window = min(FIRST_BYTES, self.most)
        self._base_s = 0.0  # the round trip; 0 = not known
        self._acked_at = now
        self._base_at = -math.inf
        self._rates: deque[float] = deque(maxlen=ROUNDS)
        self._delay_s = math.inf  # between sending and the ack of what was acked last
        # Where what was sent ends, its size, when, and whether nothing was ahead of it.
        self._marks: deque[tuple[int, int, float, bool]] = deque()
        self._round = (self.acked, now)  # where and when this round began
        self._full = False  # whether the window was full in it
        self._draining = False
        self._step = 0  # the smallest of the client's acks; 0 = none yet

    @property
    def rate(self) -> float:
        """Bytes a second that the client takes as a rule; 0 = not known."""
        return median(self._rates) if self._rates else 0.0

    def skip(self, offset: int) -> None:
        """The client is told to go on at an offset: what is on its way before it may never be acked."""
        self.acked, self.paused, self._draining = offset, False, False
        self._marks.clear()
        self._round, self._full = (offset, self._clock()), False

    @property
    def unproven(self) -> bool:
        """Whether the client has not acked anything yet."""
        return self._step == 0

    def trust(self) -> None:
        """The client acks in longer steps than the window is: give it the largest."""
        self._step = self.window = self.most

    def budget(self, end: int) -> int:
        """Return how many bytes may be read when output has come to ``end``; 0 pauses."""
        flying = end - self.acked
        if flying == 0:
            self._draining = False
        part = max(self.window // PARTS, PROBE_BYTES)
        room = 0 if self._draining else self.window - flying
        if flying and room < part // 2:
            room = 0  # a crumb would be acked late and alone
        self.paused = room <= 0
        self._full = self._full or self.paused
        if flying == 0 and self._clock() - self._base_at > PROBE_AGE_S:
            return min(PROBE_BYTES, room)  # so few that they tell the round trip, not the rate
        # In parts: a frame is parsed and acked when it is whole, and the link must not wait for that.
        return min(room, part) if room > 0 else 0

    def sent(self, end: int, size: int) -> None:
        """Note that ``size`` bytes up to ``end`` were sent."""
        now, alone = self._clock(), end - size == self.acked
        if alone and now - self._acked_at > IDLE_S:
            self._round, self._full = (self.acked, now), False
        if len(self._marks) >= MARKS:
            size += self._marks.pop()[1]
        self._marks.append((end, size, now, alone))

    def ack(self, offset: int, end: int) -> bool:
        """Take in an ack; return whether a paused reader may go on.

        An offset before the last one is old news and changes nothing.

        Raises:
            ValueError: The offset was never sent.
        """
        if offset > end:
            raise ValueError(f"ack of {offset} beyond {end}")
        if offset > self.acked:
            # A client that acks in large steps needs a window in which two of them fit.
            self._step = min(self._step or self.most, offset - self.acked)
            self.acked = offset
            self._learn(self._clock())
        flying = end - self.acked
        # A client that acks in steps alone leaves the last bytes unacked: empty is what is less than a step.
        if not self.paused or (self._draining and flying >= self._step):
            return False
        if self._draining and flying:
            self._base_at = self._clock()
        if flying and not self._draining and self.window - flying < self.window // RESUME_SHARE:
            return False
        self._draining = self.paused = False
        return True

    def _learn(self, now: float) -> None:
        self._acked_at = now
        while self._marks and self._marks[0][0] <= self.acked:
            _, size, at, alone = self._marks.popleft()
            if alone and size <= PROBE_BYTES:
                self._base_s, self._base_at = now - at, now
                continue
            self._delay_s = now - at
            if self._base_at == -math.inf:  # it was not alone, so this is the most that it can be
                self._base_s = min(self._base_s or self._delay_s, self._delay_s)
        began, since = self._round
        took = now - since
        if took < max(self._base_s, SHORTEST_ROUND_S):
            return
        taken = self.acked - began
        # A burst that filled it for a moment says nothing of the link: the rest of the round it was idle.
        full = self._full and (taken >= self.window // 2 or not self._unhindered)
        if full or taken / took > max(self._rates, default=0.0):
            self._rates.append(taken / took)
            self._fit(full=full)
        self._round, self._full = (self.acked, now), False
        if self.window < self.most and self._marks and now - self._base_at > BASE_S:
            self._draining = True

    @property
    def _unhindered(self) -> bool:
        """Whether what was acked last has waited for nothing."""
        return self._delay_s < self._base_s + QUEUE_S / 4

    def _fit(self, *, full: bool) -> None:
        """A window that keeps the link busy and queues no more than ``QUEUE_S``."""
        wanted = max(self._rates) * (self._base_s + QUEUE_S)
        if full and self._unhindered:
            wanted = max(wanted, 2.0 * self.window)  # the link takes more
        self.window = int(min(max(wanted, LEAST_BYTES, 2 * self._step), self.most))
