"""Processes with all that they started: stopped, continued and killed together."""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING

import psutil

from tests.rig.waiting import ended, until

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def tree(pid: int) -> list[psutil.Process]:
    """The process and everything below it; nothing if it has gone."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    return []


@contextlib.contextmanager
def frozen(*pids: int) -> Iterator[None]:
    """Stop some processes and all below them; they go on afterwards, whatever happens."""
    stopped: list[psutil.Process] = []
    try:
        # One that is being stopped may just have started another.
        while begun := [each for pid in pids for each in tree(pid) if each not in stopped]:
            stopped += begun
            _signal(begun, signal.SIGSTOP)
        yield
    finally:
        _signal(stopped, signal.SIGCONT)


def kill(*pids: int) -> None:
    """End some processes and all below them at once, also those that are stopped."""
    found = [process for pid in pids for process in tree(pid)]
    _signal(found, signal.SIGKILL)
    until(lambda: all(ended(process.pid) for process in found), "the end of what was killed")


def _signal(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
