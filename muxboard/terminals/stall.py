"""Whether what waits for a client has become stale: nothing of it moved for too long."""

from __future__ import annotations

import math
import time
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

STALL_S = 1.0
LEAST_BYTES = 4096  # less than this is sent sooner than a redraw
# A link that takes so many times as long as it just did has stopped; one that is merely slow has not.
USUAL_TIMES = 3
REMEMBERED = 4
EVERY_S = 10.0  # a redraw starts a child: at most so often


def screenful(cols: int, rows: int) -> int:
    """Return how many bytes are worth a redraw."""
    return max(LEAST_BYTES, cols * rows)


class Stall:
    """Looks at what one terminal's client has not acked, from its first connection on.

    Args:
        clock: Monotonic seconds.

    Attributes:
        stale: Whether nothing had moved for too long while more than a screenful waited. What tmux and the
            kernel hold behind that is as old: it stays so until a redraw, or until the client has caught up.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.stale = False
        self._clock = clock
        self._begun = False
        self._since = math.inf  # when more than a screenful began to wait, or some of it last moved
        self._gaps: deque[float] = deque(maxlen=REMEMBERED)
        self._skipped_at = -math.inf

    def waits(self, size: int, screen: int) -> None:
        """More waits than before: ``size`` bytes, of which ``screen`` are worth a redraw."""
        if self._begun and size > screen and self._since == math.inf:
            self._since = self._clock()

    def moved(self, size: int, screen: int) -> None:
        """Some of it was acked, and ``size`` bytes still wait.

        A link that was not seen to move before is slow, not stalled.
        """
        now = self._clock()
        gap, usual = now - self._since, max(self._gaps, default=math.inf)
        if gap >= 0:
            self._gaps.append(gap)
        elif not self._gaps:  # never more than a screenful waited: it is quicker than the child
            self._gaps.append(0.0)
        self._since = now if size > screen else math.inf
        self.stale = self.stale or (size > screen and gap > max(STALL_S, USUAL_TIMES * usual))

    def caught_up(self) -> None:
        """Nothing is held up: what comes next is fresh."""
        self.stale = False

    def comes(self, size: int, screen: int) -> None:
        """The client comes by another link, and ``size`` bytes wait: what the last link took says nothing."""
        self.stale = size > screen and self._clock() - self._since > STALL_S
        self._begun = True
        self._gaps.clear()
        self._since = self._clock() if size > screen else math.inf

    def skip(self) -> bool:
        """Whether a redraw may come now in place of what waits; it is counted."""
        now = self._clock()
        if not self.stale or now - self._skipped_at < EVERY_S:
            return False
        self.stale, self._skipped_at, self._since = False, now, math.inf
        return True
