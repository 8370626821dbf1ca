"""How long a terminal lives: in all, without input, without a connection, and while its login does."""

from __future__ import annotations

import asyncio
import math
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxboard.config import Limits
    from muxboard.terminals.messages import ExitReason


class Lifetimes:
    """The timers that end one terminal. They run from the beginning on, and nobody is connected then.

    Args:
        limits: Lifetimes in seconds.
        login_ends: When the owner's login ends, as wall-clock seconds; None = never.
        on_end: Called with the reason when one of them is over.
    """

    def __init__(
        self, limits: Limits, login_ends: float | None, on_end: Callable[[ExitReason], None]
    ) -> None:
        self._limits = limits
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._began = self._last_input = self._loop.time()
        self._timers: dict[ExitReason, asyncio.TimerHandle] = {}
        self.renew(login_ends)
        self.left()
        if limits.idle != math.inf:
            self._timers["idle"] = self._loop.call_later(float(limits.idle), self._check_idle)

    def renew(self, login_ends: float | None) -> None:
        """The owner's login ends at another time from now on."""
        self._login_ends = login_ends
        login_left = math.inf if login_ends is None else login_ends - time.time()
        lived = self._loop.time() - self._began
        self._start("lifetime", max(0.0, min(float(self._limits.lifetime) - lived, login_left)))

    def typed(self) -> None:
        """There was input."""
        self._last_input = self._loop.time()

    @property
    def quiet_s(self) -> float:
        """For how long there was no input."""
        return self._loop.time() - self._last_input

    def left(self) -> None:
        """Nobody is connected any more: somebody may come back for as long as ``resume``."""
        self._start("detached", float(self._limits.resume))

    def came(self) -> None:
        """Somebody is connected."""
        self._stop("detached")

    @property
    def awaiting(self) -> bool:
        """Whether somebody may still come back."""
        return "detached" in self._timers

    def stop(self) -> None:
        """Nothing is ended any more. Idempotent."""
        for reason in list(self._timers):
            self._stop(reason)

    def _start(self, reason: ExitReason, seconds: float) -> None:
        self._stop(reason)
        if seconds != math.inf:
            self._timers[reason] = self._loop.call_later(seconds, self._over, reason)

    def _stop(self, reason: ExitReason) -> None:
        if timer := self._timers.pop(reason, None):
            timer.cancel()

    def _over(self, reason: ExitReason) -> None:
        self._timers.pop(reason, None)
        expired = self._login_ends is not None and self._login_ends <= time.time()
        self._on_end("expired" if reason == "lifetime" and expired else reason)

    def _check_idle(self) -> None:
        left = self._last_input + float(self._limits.idle) - self._loop.time()
        if left <= 0:
            self._over("idle")
        else:
            self._timers["idle"] = self._loop.call_later(left, self._check_idle)
