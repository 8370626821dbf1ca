"""A ^C on a slow link: what the program said before it need not come before its answer.

Behind a reader that waits for its client the kernel holds some 20 KB, which are three seconds of 64 kbit/s.
Where a fresh child draws the screen sooner, it does so instead.

Only ^C: of every other key a tmux client may hold a part back (an escape sequence, its prefix, its own
prompt), which would be lost with it. And only when nothing was typed after it.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from muxboard.terminals.timer import Timer

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = b"\x03"
TAKEN_S = 0.2  # a key that the child has read so long ago is tmux's
EVERY_S = 2.0  # a redraw starts a child: at most so often, also for who holds the key down


class Interrupt:
    """Waits until the ^C that was typed last has been taken.

    Args:
        taken: Called then; returns whether it has started another child.
        clock: Monotonic seconds.
    """

    def __init__(self, taken: Callable[[], bool], clock: Callable[[], float] = time.monotonic) -> None:
        self._taken = taken
        self._clock = clock
        self._timer = Timer()
        self._redrawn_at = -math.inf

    def typed(self, data: bytes) -> None:
        """Take in what was typed."""
        self._timer.stop()
        if data.endswith(KEY):
            self._timer.start(TAKEN_S, self._due)

    def _due(self) -> None:
        now = self._clock()
        if now - self._redrawn_at >= EVERY_S and self._taken():
            self._redrawn_at = now

    def stop(self) -> None:
        """Nothing is called any more. Idempotent."""
        self._timer.stop()
