"""Watching a server's memory while something goes on."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from bench.process import Process

SAMPLE_S = 0.02


class Peak:
    """Samples resident memory in the background; ``growth`` is the most that was added, in bytes."""

    def __init__(self, server: Process | None) -> None:
        self._server = server
        self._base = 0
        self._top = 0
        self._task: asyncio.Task[None]

    @property
    def growth(self) -> int:
        return self._top - self._base

    async def __aenter__(self) -> Self:
        if self._server:
            self._base = self._top = self._server.rss()
        self._task = asyncio.create_task(self._sample())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _sample(self) -> None:
        while self._server and self._server.alive:
            self._top = max(self._top, self._server.rss())
            await asyncio.sleep(SAMPLE_S)
