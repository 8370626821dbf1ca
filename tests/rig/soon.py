"""Conditions with deadlines, for tests on a loop: it goes on turning while they wait."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from tests.rig.waiting import steps

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


async def soon(condition: Callable[[], T], what: str, *, seconds: float = 10) -> T:
    """Return the condition's value as soon as it is true; fail saying ``what`` was waited for."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    wait = steps()
    while not (value := condition()):
        if loop.time() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}; last: {value!r}")
        await asyncio.sleep(next(wait))
    return value
