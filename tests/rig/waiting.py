"""Conditions with deadlines."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

STEP_S, MOST_STEP_S = 0.01, 0.05


def steps() -> Iterator[float]:
    """How long to wait between looks, in seconds: most things are there soon, and a look costs them time."""
    step = STEP_S
    while True:
        yield step
        step = min(1.2 * step, MOST_STEP_S)


def until(condition: Callable[[], T], what: str | Callable[[], str], *, seconds: float = 10) -> T:
    """Return the condition's value as soon as it is true; fail saying ``what`` was waited for."""
    deadline = time.monotonic() + seconds
    wait = steps()
    while not (value := condition()):
        if time.monotonic() > deadline:
            awaited = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {seconds:g} s: {awaited}; last: {value!r}")
        time.sleep(next(wait))
    return value


def ended(pid: int) -> bool:
    """Whether a process is gone, or waits for no more than init, which may take seconds to reap it."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
