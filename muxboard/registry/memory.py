"""The registry of a single process."""

from __future__ import annotations

import secrets
import time
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from muxboard.registry.registry import Full, Lease, Registry
from muxboard.registry.window import Windows

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from muxboard.config.values import Rate


class MemoryRegistry(Registry):
    """Counts in this process; everything is gone with it, and so is what was counted."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._leases: dict[str, Lease] = {}
        self._used: dict[str, float] = {}
        self._windows = Windows()
        self._secrets: defaultdict[str, bytes] = defaultdict(lambda: secrets.token_bytes(32))

    async def open(self) -> None:
        """It answers."""

    async def stay(self) -> None:
        """What is held stays."""

    async def lease(self, holder: str, limits: Mapping[str, int], instead: str = "") -> Lease:
        # The check and the change share one turn of the loop.
        lease = Lease(holder, tuple(limits))
        old = self._leases.get(instead)
        if old is None or lease.counters[0] not in old.counters:
            old = Lease("", ())
        for counter, limit in limits.items():
            if self._counts[counter] - (counter in old.counters) >= limit:
                raise Full(counter)
        await self.release(old)
        self._counts.update(lease.counters)
        self._leases[holder] = lease
        return lease

    async def release(self, lease: Lease) -> None:
        if self._leases.pop(lease.holder, None) is not None:
            self._counts.subtract(lease.counters)
            for counter in lease.counters:
                if self._counts[counter] <= 0:
                    del self._counts[counter]

    async def count(self, counter: str) -> int:
        return self._counts[counter]

    async def use(self, name: str, until: float) -> bool:
        now = time.time()
        for used in [used for used, end in self._used.items() if end <= now]:
            del self._used[used]
        if name in self._used:
            return False
        self._used[name] = until
        return True

    async def used(self, name: str) -> bool:
        return self._used.get(name, 0.0) > time.time()

    async def used_among(self, names: Collection[str]) -> set[str]:
        return {name for name in names if await self.used(name)}

    async def hit(self, what: str, who: str, rate: Rate) -> float | None:
        return self._windows.hit(f"{what} of {who}", rate, time.monotonic())

    async def over(self, what: str, who: str, rate: Rate) -> float | None:
        return self._windows.wait(f"{what} of {who}", rate, time.monotonic())

    async def secret(self, name: str) -> bytes:
        return self._secrets[name]

    async def close(self) -> None:
        """Nothing is held."""
