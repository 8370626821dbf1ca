"""The registry of a single process."""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from muxboard.registry.window import Windows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxboard.config.values import Rate


class Full(Exception):  # noqa: N818
    """A counter is at its limit; ``args[0]`` is the counter's name."""


class Lease(NamedTuple):
    """The right to count one in each of some counters, until it is released."""

    holder: str
    counters: tuple[str, ...]


class MemoryRegistry:
    """Counts in this process; everything is gone with it, and so is what was counted."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._leases: dict[str, Lease] = {}
        self._used: dict[str, float] = {}
        self._windows = Windows()

    async def lease(self, holder: str, limits: Mapping[str, int]) -> Lease:
        """Count one in every counter, or in none.

        Args:
            holder: Who holds it: an id that no other lease has.
            limits: Counter's name → how many it may count.

        Raises:
            Full: For the first counter that is at its limit.
        """
        for counter, limit in limits.items():  # the check and the change share one turn of the loop
            if self._counts[counter] >= limit:
                raise Full(counter)
        lease = Lease(holder, tuple(limits))
        self._counts.update(lease.counters)
        self._leases[holder] = lease
        return lease

    async def release(self, lease: Lease) -> None:
        """Give a lease back. Idempotent."""
        if self._leases.pop(lease.holder, None) is not None:
            self._counts.subtract(lease.counters)
            for counter in lease.counters:
                if self._counts[counter] <= 0:
                    del self._counts[counter]

    async def count(self, counter: str) -> int:
        """Return how many leases a counter counts."""
        return self._counts[counter]

    async def use(self, name: str, until: float) -> bool:
        """Use an id up until a time (Unix seconds); False when it was used up already."""
        now = time.time()
        for used in [used for used, end in self._used.items() if end <= now]:
            del self._used[used]
        if name in self._used:
            return False
        self._used[name] = until
        return True

    async def used(self, name: str) -> bool:
        """Whether an id is used up."""
        return self._used.get(name, 0.0) > time.time()

    async def hit(self, what: str, who: str, rate: Rate) -> float | None:
        """Count one event; return None, or the seconds until the rate allows it again."""
        return self._windows.hit(f"{what} of {who}", rate, time.monotonic())

    async def over(self, what: str, who: str, rate: Rate) -> float | None:
        """Like ``hit``, but counts nothing."""
        return self._windows.wait(f"{what} of {who}", rate, time.monotonic())

    async def close(self) -> None:
        """Let go of everything. Idempotent."""
