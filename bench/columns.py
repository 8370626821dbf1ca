"""Which targets a measure compares, and their start and stop."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from bench.targets import Bare, Muxboard, Target, Terminado

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.report import Report
    from bench.workshop import Workshop


def every(workshop: Workshop) -> list[Target]:
    return [
        Bare(workshop, tmux=False),
        Bare(workshop, tmux=True),
        Terminado(workshop),
        Muxboard(workshop, tmux=False),
        Muxboard(workshop, tmux=True),
    ]


@contextlib.asynccontextmanager
async def started(targets: list[Target], report: Report) -> AsyncIterator[list[Target]]:
    """Start targets and stop them in reverse order. One that cannot start is left out, and said so."""
    running: list[Target] = []
    async with contextlib.AsyncExitStack() as stack:
        for target in targets:
            stack.push_async_callback(target.stop)
            try:
                await target.start()
            except (RuntimeError, TimeoutError) as error:
                report.note(f"{target.name} was left out of a group: {error}")
            else:
                running.append(target)
        yield running
