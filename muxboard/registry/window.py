"""Moving windows: how often something may happen in the last so many seconds. Pure."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from muxboard.config.values import Rate

PURGE_KEYS = 1024  # so many keys are kept before those that are over are looked for


class Windows:
    """One moving window for each key.

    What it holds is bounded: at most ``rate.count`` times a key, and keys whose times are over go when
    the number of keys has doubled.
    """

    def __init__(self) -> None:
        self._ends: dict[str, deque[float]] = {}
        self._purge_at = PURGE_KEYS

    def hit(self, key: str, rate: Rate, now: float) -> float | None:
        """Count one event; return None, or, counting nothing, the seconds until there is room again."""
        wait = self.wait(key, rate, now)
        if wait is None:
            if len(self._ends) >= self._purge_at:
                self._purge(now)
            self._ends.setdefault(key, deque()).append(now + rate.seconds)
        return wait

    def wait(self, key: str, rate: Rate, now: float) -> float | None:
        """Return None, or the seconds until there is room for one event more."""
        ends = self._ends.get(key)
        if ends is None:
            return None
        while ends and ends[0] <= now:
            ends.popleft()
        if not ends:
            del self._ends[key]
        return ends[0] - now if len(ends) >= rate.count else None

    def _purge(self, now: float) -> None:
        self._ends = {key: ends for key, ends in self._ends.items() if ends[-1] > now}
        self._purge_at = max(PURGE_KEYS, 2 * len(self._ends))

    def __len__(self) -> int:
        return len(self._ends)
