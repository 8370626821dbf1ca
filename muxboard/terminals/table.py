"""All live terminals, by id."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxboard.problems import Code, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from muxboard.access.principal import Principal
    from muxboard.terminals.terminal import Terminal


class Table:
    """Finds terminals. Somebody else's is as unknown as one that never was."""

    def __init__(self) -> None:
        self._terminals: dict[str, Terminal] = {}

    def __len__(self) -> int:
        return len(self._terminals)

    def __iter__(self) -> Iterator[Terminal]:
        return iter(list(self._terminals.values()))

    def add(self, terminal: Terminal) -> None:
        self._terminals[terminal.id] = terminal

    def remove(self, terminal: Terminal) -> None:
        self._terminals.pop(terminal.id, None)

    def of(self, principal: Principal) -> list[Terminal]:
        """Return a principal's terminals, oldest first."""
        return [terminal for terminal in self if terminal.principal.key in principal.keys]

    def find(self, terminal_id: str, principal: Principal, *, oversees: bool = False) -> Terminal:
        """Return a terminal of the principal, or of anybody for one who oversees.

        Raises:
            Problem: ``not_found``.
        """
        terminal = self._terminals.get(terminal_id)
        if terminal is None or not (oversees or terminal.principal.key in principal.keys):
            raise Problem(Code.not_found, "There is no such terminal, or it has ended.")
        return terminal
