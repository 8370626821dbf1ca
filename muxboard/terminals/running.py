"""What runs on a terminal: a child on a PTY, which another may replace, until its end and its last output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxboard.terminals.timer import Timer

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxboard.terminals.pty import Pty

EXIT_GRACE_S = 1.0  # the longest wait for the last output of a child that has ended


class Running:
    """The child of one terminal.

    Args:
        spawn: Starts a child on a PTY of that many columns and rows. Raises ``OSError``.
        retire: Ends a child that another has replaced.
        on_readable: Called when there is output.
        on_over: Called when the child has ended, and again when all its output is read.
        held_up: Whether output is not read because nobody takes it: then it may still come.

    Attributes:
        pty: The child's PTY.
        ended: Whether the child has ended.
        drained: Whether no more output will come.
    """

    def __init__(
        self,
        spawn: Callable[[int, int], Pty],
        retire: Callable[[Pty], None],
        *,
        on_readable: Callable[[], None],
        on_over: Callable[[], None],
        held_up: Callable[[], bool],
    ) -> None:
        self._spawn = spawn
        self._retire = retire
        self._on_readable = on_readable
        self._on_over = on_over
        self._held_up = held_up
        self._last_output = Timer()

    def start(self, cols: int, rows: int) -> None:
        """Start the first child. Raises ``OSError``."""
        self.pty = self._spawn(cols, rows)
        self.pty.on_readable = self._on_readable
        self.pty.on_exit = self._ended
        self.ended = self.drained = False

    def replace(self, cols: int, rows: int) -> None:
        """Start another child in place of this one. Raises ``OSError``; then this one stays."""
        old = self.pty
        self.start(cols, rows)
        old.on_readable = old.on_exit = lambda: None
        self.stop()
        self._retire(old)

    def read(self, limit: int) -> bytes:
        """Return what can be read now, at most ``limit`` bytes; sets ``drained`` at the end."""
        data, self.drained = self.pty.read(limit)
        return data

    @property
    def over(self) -> bool:
        """Whether the child has ended and all its output is read."""
        return self.ended and self.drained

    def _ended(self) -> None:
        self.ended = True
        self._await_last_output()
        self._on_over()

    def _await_last_output(self) -> None:
        # The child led its session, so the kernel hangs its PTY up and reading ends with EIO; the timer
        # is for a descendant that keeps the PTY open all the same.
        def give_up() -> None:
            if self._held_up():
                self._await_last_output()
            else:
                self.drained = True
                self._on_over()

        self._last_output.start(EXIT_GRACE_S, give_up)

    def stop(self) -> None:
        """Wait for no more output. Idempotent."""
        self._last_output.stop()
