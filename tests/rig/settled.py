"""Nothing is left over after a test: no task, thread, child process or descriptor."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tornado.ioloop import IOLoop

# For what ends by itself: a closed connection's handler, a child that was told to stop.
SETTLE_S = float(os.environ.get("MUXBOARD_TEST_SETTLE_S", "3"))


def _threads() -> dict[object, str]:
    return {thread: f"thread {thread.name}" for thread in threading.enumerate()}


def _children() -> dict[object, str]:
    found: dict[object, str] = {}
    # The kernel's own lists, one for each thread: psutil would read every process that there is.
    for listed in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # the thread has ended
            found |= {("child", pid): _child(int(pid)) for pid in listed.read_text().split()}
    return found


def _child(pid: int) -> str:
    with contextlib.suppress(psutil.NoSuchProcess):
        child = psutil.Process(pid)
        words = child.name() if child.status() == psutil.STATUS_ZOMBIE else " ".join(child.cmdline())
        return f"child process {pid} ({child.status()}): {words[:200]}"
    return f"child process {pid}"


def _descriptors() -> dict[object, str]:
    found: dict[object, str] = {}
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208  numbers, not paths
        with contextlib.suppress(OSError):  # the one that lists the folder is gone by now
            place = os.readlink(f"/proc/self/fd/{name}")  # noqa: PTH115
            found[name, place] = f"descriptor {name}: {place}"
    return found


def _present() -> dict[object, str]:
    return {**_threads(), **_children(), **_descriptors()}


@pytest.fixture(scope="session", autouse=True)
def _main_loop() -> Iterator[None]:
    """The thread's own loop, which Tornado would make at its first test and leave open."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


@pytest.fixture(autouse=True)
def settled() -> Iterator[None]:
    """Fail a test that leaves something behind. What wider fixtures hold is there before and after."""
    before = _present()
    yield
    deadline = time.monotonic() + SETTLE_S
    while left := [text for key, text in _present().items() if key not in before]:
        if time.monotonic() > deadline:
            pytest.fail("left behind by this test:\n  " + "\n  ".join(left), pytrace=False)
        gc.collect()
        time.sleep(0.01)


@pytest.fixture
def io_loop(io_loop: IOLoop) -> Iterator[IOLoop]:
    """pytest-tornado's loop, with a look at its tasks before it closes."""
    yield io_loop
    loop: asyncio.AbstractEventLoop = io_loop.asyncio_loop  # type: ignore[attr-defined]

    async def others() -> list[str]:
        deadline = time.monotonic() + SETTLE_S
        while left := [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]:
            if time.monotonic() > deadline:
                return [f"task {task.get_name()}: {task.get_coro()}" for task in left]
            await asyncio.sleep(0.01)
        return []

    left = loop.run_until_complete(others())
    if left:
        pytest.fail("left behind by this test:\n  " + "\n  ".join(left), pytrace=False)
