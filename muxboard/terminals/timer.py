"""One timer on the loop."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Timer:
    """Calls something once, later; starting it anew forgets the call before."""

    def __init__(self) -> None:
        self._handle: asyncio.TimerHandle | None = None

    @property
    def running(self) -> bool:
        return self._handle is not None

    def start(self, seconds: float, call: Callable[[], None]) -> None:
        """Call ``call`` after so many seconds."""
        self.stop()

        def over() -> None:
            self._handle = None
            call()

        self._handle = asyncio.get_running_loop().call_later(seconds, over)

    def stop(self) -> None:
        """Call nothing any more. Idempotent."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
