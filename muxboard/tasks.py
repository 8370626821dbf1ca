"""The only file that starts tasks and threads.

Every task has an owner, a name and an end: the owner's ``close`` cancels what still runs and
waits for it. A task that dies of an exception is logged at once, not when it is collected.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

T = TypeVar("T")
CLOSING_STEP_S = 0.005

log = logging.getLogger("muxboard.tasks")


class Tasks:
    """The tasks of one owner."""

    def __init__(self, owner: str) -> None:
        self._owner = owner
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False

    def start(self, coroutine: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any] | None:
        """Run a coroutine in the background; after ``close`` it is discarded instead."""
        if self._closed:
            coroutine.close()
            return None
        task = asyncio.get_running_loop().create_task(coroutine, name=f"{self._owner}: {name}")
        self._running.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("task failed: %s", task.get_name(), exc_info=error)

    async def settled(self) -> None:
        """Wait until nothing runs any more. Cancelling is safe."""
        while self._running:
            await asyncio.wait(set(self._running))

    async def close(self) -> None:
        """Cancel what still runs and wait until it has ended. Idempotent."""
        self._closed = True
        current = asyncio.current_task()
        running = [task for task in self._running if task is not current]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)


class Strangers:
    """Calls of somebody else's code, which may never return: each has a thread of its own, and the process
    does not wait for it to end.

    Args:
        most: How many may run at once.
    """

    def __init__(self, owner: str, most: int) -> None:
        self._owner = owner
        self._left = threading.Semaphore(most)

    async def run(self, call: Callable[..., T], *args: Any) -> T:
        """Return what a call returns. Cancelling leaves the call running.

        Raises:
            BlockingIOError: As many as may run do.
        """
        if not self._left.acquire(blocking=False):
            raise BlockingIOError(f"{self._owner}: too many calls have not returned")
        answer: Future[T] = Future()
        answer.set_running_or_notify_cancel()  # whoever waits may cancel the waiting, not the call

        def work() -> None:
            try:
                result = call(*args)
            except Exception as error:  # noqa: BLE001  given to whoever waits
                answer.set_exception(error)
            else:
                answer.set_result(result)
            finally:
                self._left.release()

        threading.Thread(target=work, name=self._owner, daemon=True).start()
        return await asyncio.wrap_future(answer)


class Threads:
    """A few threads for calls that wait, which a loop must not."""

    def __init__(self, owner: str, most: int) -> None:
        self._pool = ThreadPoolExecutor(most, thread_name_prefix=owner)

    async def run(self, call: Callable[..., T], *args: Any) -> T:
        """Return what a call returns. Cancelling leaves the call running."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, call, *args)

    def start(self, call: Callable[..., Any], *args: Any) -> None:
        """Begin a call, from any thread; after ``close`` it is discarded. It must not raise."""
        with contextlib.suppress(RuntimeError):
            self._pool.submit(call, *args)

    async def close(self) -> None:
        """Wait for the calls that were begun, without holding the loop up, and end the threads. Idempotent.

        Those that wait for a thread are made as well: it is by them that connections are ended.
        """
        self._pool.shutdown(wait=False)
        while any(thread.is_alive() for thread in self._pool._threads):  # noqa: ASYNC110, SLF001  join would wait
            await asyncio.sleep(CLOSING_STEP_S)
