"""One run at a time, however many ask."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from muxboard.tasks import Tasks

T = TypeVar("T")


class Flight(Generic[T]):
    """Shares the runs of one function among its callers.

    Cancelling a caller cancels neither the run nor the other callers.
    """

    def __init__(self, run: Callable[[], Awaitable[T]], tasks: Tasks, name: str) -> None:
        self._run = run
        self._tasks = tasks
        self._name = name
        self._running: asyncio.Future[T] | None = None

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return self._running is not None

    async def join(self) -> T:
        """Return the result of the run under way, or of a new one."""
        if self._running is None:
            self._running = asyncio.get_running_loop().create_future()
            if self._tasks.start(self._fly(self._running), self._name) is None:
                self._running.cancel()
        return await asyncio.shield(self._running)

    async def after_now(self) -> T:
        """Return the result of a run that begins after this call; all who wait share it."""
        if self._running is not None:
            await asyncio.wait([self._running])
        return await self.join()

    async def _fly(self, result: asyncio.Future[T]) -> None:
        try:
            value = await self._run()
        except asyncio.CancelledError:
            result.cancel()
            raise
        except Exception as error:  # noqa: BLE001  it is handed to every caller
            self._running = None
            result.set_exception(error)
            result.exception()  # nobody may be left to ask
        else:
            self._running = None
            result.set_result(value)
