"""All live terminals, by id, and for a while those that have ended."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from muxboard.problems import Code, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from muxboard.access.principal import Principal
    from muxboard.terminals.terminal import Terminal

NO_TERMINAL = "There is no such terminal, or it has ended."
# Whoever was between two connections when a terminal ended asks for it again, and is told why.
KEPT_S = 60.0
KEPT = 256
KEPT_BYTES = 8 << 20  # of output that nobody has taken yet


class Table:
    """Finds terminals. Somebody else's is as unknown as one that never was.

    Attributes:
        on_change: Called after one has come or gone.
    """

    def __init__(self) -> None:
        self.on_change: Callable[[], None] = lambda: None
        self._terminals: dict[str, Terminal] = {}
        self._ended: dict[str, tuple[float, Terminal]] = {}  # oldest first

    def __len__(self) -> int:
        return len(self._terminals)

    def __iter__(self) -> Iterator[Terminal]:
        return iter(list(self._terminals.values()))

    def add(self, terminal: Terminal) -> None:
        self._terminals[terminal.id] = terminal
        self.on_change()

    def remove(self, terminal: Terminal) -> None:
        """Take a terminal that has ended out. Idempotent."""
        if self._terminals.pop(terminal.id, None) is not None:
            self._ended[terminal.id] = (asyncio.get_running_loop().time() + KEPT_S, terminal)
            self._forget()
            self.on_change()

    def _forget(self) -> None:
        """Drop whoever has been kept for long enough, or is too many."""
        now, kept = asyncio.get_running_loop().time(), sum(each.kept for _, each in self._ended.values())
        for terminal_id, (until, terminal) in list(self._ended.items()):
            if until > now and len(self._ended) <= KEPT and kept <= KEPT_BYTES:
                break
            kept -= terminal.kept
            del self._ended[terminal_id]

    def of(self, principal: Principal) -> list[Terminal]:
        """Return a principal's terminals, oldest first."""
        return [terminal for terminal in self if terminal.principal.key in principal.keys]

    def find(
        self, terminal_id: str, principal: Principal, *, oversees: bool = False, ended: bool = False
    ) -> Terminal:
        """Return a terminal of the principal, or of anybody for one who oversees.

        Args:
            terminal_id: Which one.
            principal: Who asks.
            oversees: Whether they may have anybody's.
            ended: Whether one that has ended a short while ago will do.

        Raises:
            Problem: ``not_found``.
        """
        terminal = self._terminals.get(terminal_id)
        if terminal is None and ended:
            self._forget()
            _, terminal = self._ended.get(terminal_id, (0.0, None))
        if terminal is None or not (oversees or terminal.principal.key in principal.keys):
            raise Problem(Code.not_found, NO_TERMINAL)
        return terminal
