"""A fresh child in place of output that nobody is to wait for: it draws the whole screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from muxboard.terminals.backlog import Backlog
    from muxboard.terminals.running import Running
    from muxboard.terminals.size import Size

TYPED_S = 0.6  # what was typed so long ago is tmux's; it holds an ESC back for half a second
WORTH_S = 0.25  # what takes less time is sent sooner than a screen


class Redraw:
    """Draws one terminal anew.

    Args:
        running: Its child.
        backlog: What waits for the client.
        size: Of the screen.
        whole: Whether a fresh child draws all that is worth seeing, so that output may be left out.
    """

    def __init__(self, running: Running, backlog: Backlog, size: Size, *, whole: bool) -> None:
        self._running = running
        self._backlog = backlog
        self._size = size
        self._whole = whole

    def now(self) -> None:
        """Leave out what is kept, and let a fresh child draw everything. Raises ``OSError``."""
        if not self._running.ended:  # else its end is told: the id may be another session's by now
            self._running.replace(self._size.cols, self._size.rows)
        self._backlog.clear()

    def behind_stall(self, quiet_s: float) -> bool:
        """Leave out what has become stale; return whether it does.

        Args:
            quiet_s: Seconds since something was typed, which the child may not have taken yet.
        """
        if not self._may or self._running.pty.queued or quiet_s < TYPED_S:
            return False
        return self._backlog.skip() and self._drawn()

    def behind_interrupt(self) -> bool:
        """Leave out what would come before a ^C's answer, where that takes long; return whether it does."""
        pty = self._running.pty
        if not self._may or not pty.taken or self._backlog.takes_s(pty.held) < WORTH_S:
            return False
        if not self._drawn():
            return False
        self._backlog.flow.skip(self._backlog.end)
        return True

    @property
    def _may(self) -> bool:
        return self._whole and not self._running.ended

    def _drawn(self) -> bool:
        try:
            self.now()
        except OSError:
            return False
        return True
