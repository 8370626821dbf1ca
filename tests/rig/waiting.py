"""Conditions with deadlines."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

STEP_S = 0.01  # short beside anything that is waited for


def until(condition: Callable[[], T], what: str | Callable[[], str], *, seconds: float = 10) -> T:
    """Return the condition's value as soon as it is true; fail saying ``what`` was waited for."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            awaited = what if isinstance(what, str) else what()
            raise AssertionError(f"not within {seconds:g} s: {awaited}; last: {value!r}")
        time.sleep(STEP_S)
    return value


def ended(pid: int) -> bool:
    """Whether a process is gone, or waits for no more than init, which may take seconds to reap it."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
