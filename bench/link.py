"""Links of a rate and a round trip, put before a server by ``bench.shaper``."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass(slots=True)
class Shaped:
    """A port with a link before it."""

    port: int
    _orders: asyncio.StreamWriter

    def black(self) -> None:
        """Nothing goes through, and nobody is told."""
        self._orders.write(b"black\n")

    def clear(self) -> None:
        """Everything goes through again."""
        self._orders.write(b"clear\n")


@dataclass(frozen=True, slots=True)
class Link:
    """A link: bytes a second, round trip in seconds; how soon a ^C must bring the prompt back."""

    name: str
    rate: float
    round_trip: float
    limit_ms: float = 0.0

    @contextlib.asynccontextmanager
    async def before(self, port: int) -> AsyncIterator[Shaped]:
        """Put it before a port."""
        pipe = asyncio.subprocess.PIPE
        argv = ("-m", "bench.shaper", str(port), str(self.rate), str(self.round_trip / 2))
        child = await asyncio.create_subprocess_exec(sys.executable, *argv, stdin=pipe, stdout=pipe)
        assert child.stdin
        assert child.stdout
        try:
            yield Shaped(int(await child.stdout.readline()), child.stdin)
        finally:
            child.stdin.close()
            await child.wait()


LINKS = (
    Link("10 Mbit/s, 50 ms", 1_250_000, 0.05, 250),
    Link("1 Mbit/s, 200 ms", 125_000, 0.2, 500),
    Link("64 kbit/s, 50 ms", 8_000, 0.05, 1500),
)
