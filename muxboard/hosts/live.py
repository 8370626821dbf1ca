"""A view that is drawn anew while hosts are asked, and lines that stay. Only commands import this: the
service starts without rich."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import re
import sys
import threading
from typing import TYPE_CHECKING, NoReturn

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.live import Live
from rich.text import Text

from muxboard.hosts.tmux import printable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Sequence

    from rich.console import RenderableType

REDRAW_S = 0.1
CLOSE_S = 1.5  # what still hangs then, such as a name server, is not waited for
INTERRUPTED = 130  # as a shell has it
GAP = 2
INDENT = 8  # of what stands below a line
_SUDOERS = re.compile(r"\S+ ALL=\(|Defaults:")


class Screen:
    """Standard output: a terminal, on which something can be drawn again and again, or lines for others."""

    def __init__(self) -> None:
        if isinstance(sys.stdout, io.TextIOWrapper):  # an old locale is no reason to end
            sys.stdout.reconfigure(errors="backslashreplace")
        self.console = Console(highlight=False, markup=False, emoji=False)
        self.live = self.console.is_terminal and sys.stdout.isatty()

    @property
    def width(self) -> int | None:
        """Columns; None where nobody counts them."""
        return self.console.width if self.live else None

    @property
    def rows(self) -> int:
        """How many rows of a table can be drawn, beside its head and two lines of words."""
        return max(1, self.console.height - 4)

    def line(self, *parts: tuple[str, str], indent: int = 0) -> None:
        """Print one line of texts with their styles; it is not wrapped, so that it can be copied whole."""
        text = Text(" " * indent)
        for words, style in parts:
            text.append(printable(words), style)
        self.console.print(text, soft_wrap=True)

    def failure(self, where: str, problem: str | None, remedy: str | None) -> None:
        """Print a failure on one line, and below it what mends it."""
        self.line(("FAILED  ", "bold red"), (f"{where}: {problem}", ""))
        for line in (remedy or "").splitlines():
            before = "add by visudo: " if _SUDOERS.match(line) else ""
            self.line((before, "dim"), (line, "bold"), indent=INDENT)

    async def watch(self, work: Awaitable[None], draw: Callable[[], RenderableType]) -> None:
        """Wait for what is under way; on a terminal, draw how far it is."""
        if not self.live:
            await work
            return
        ended = False

        async def to_its_end() -> None:
            nonlocal ended
            try:
                await work
            finally:
                ended = True

        with Live(console=self.console, auto_refresh=False, transient=True) as live:

            async def redraw() -> None:
                while not ended:
                    live.update(draw(), refresh=True)
                    await asyncio.sleep(REDRAW_S)

            await asyncio.gather(to_its_end(), redraw())


def safe(text: str, style: str = "") -> Text:
    """Return text for a cell, in which nothing is markup or moves a cursor."""
    return Text(printable(text), style, no_wrap=True, overflow="ellipsis")


def aligned(rows: Sequence[Sequence[str]], width: int | None, flexible: Sequence[int] = ()) -> list[str]:
    """Return rows as lines of aligned columns.

    Args:
        rows: Cells; they are escaped here.
        width: To which the ``flexible`` columns are cut, the widest first; None = whole.
        flexible: Indices of columns.
    """
    cells = [[printable(cell) for cell in row] for row in rows]
    wide = [max(map(cell_len, column)) for column in zip(*cells, strict=True)]
    over = sum(wide) + GAP * (len(wide) - 1) - width if width is not None else 0
    while over > 0 and (widest := max(flexible, key=lambda index: wide[index])) is not None:
        if wide[widest] <= len("SESSION"):
            break
        wide[widest] -= 1
        over -= 1
    return [
        (" " * GAP).join(_cut(cell, size) for cell, size in zip(row, wide, strict=True)).rstrip()
        for row in cells
    ]


def _cut(cell: str, size: int) -> str:
    if cell_len(cell) <= size:
        return set_cell_size(cell, size)
    return set_cell_size(cell, size - 1) + "~"


def counted(count: int, noun: str) -> str:
    """Return a number with its noun."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def interrupted(work: Coroutine[None, None, None]) -> bool:
    """Run it to its end; return whether ^C ended it before."""
    try:
        asyncio.run(work)
    except KeyboardInterrupt:
        return True
    return False


async def closed(close: Awaitable[None]) -> None:
    """Wait for a close, but not for ever."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(close, CLOSE_S)


def leave(code: int) -> NoReturn:
    """Exit, without waiting for a thread that hangs."""
    if threading.active_count() == 1:
        sys.exit(code)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()
    os._exit(code)
