"""The size of one terminal, handed on as often as tmux can bear."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxboard.terminals.messages import clamp
from muxboard.terminals.timer import Timer

if TYPE_CHECKING:
    from collections.abc import Callable

EVERY_S = 0.05  # at most so often: tmux redraws every client for each one


class Size:
    """Columns and rows; of many changes in a row, the first and the last are applied.

    Args:
        cols: Clamped, as is every later one,
        rows: like this.
        apply: Hands a size on.
    """

    def __init__(self, cols: int, rows: int, apply: Callable[[int, int], None]) -> None:
        self.cols, self.rows = clamp(cols, rows)
        self._apply = apply
        self._timer = Timer()

    def change(self, cols: int, rows: int) -> None:
        """Take another size."""
        size = clamp(cols, rows)
        if size != (self.cols, self.rows):
            self.cols, self.rows = size
            if not self._timer.running:
                self._hand_on()

    def _hand_on(self) -> None:
        size = self.cols, self.rows
        self._apply(*size)

        def later() -> None:
            if (self.cols, self.rows) != size:
                self._hand_on()

        self._timer.start(EVERY_S, later)

    def stop(self) -> None:
        """Nothing is handed on any more. Idempotent."""
        self._timer.stop()
