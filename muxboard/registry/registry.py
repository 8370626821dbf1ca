"""What every registry does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple

from muxboard.problems import Code, Problem

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from muxboard.config.values import Rate


class Full(Exception):  # noqa: N818
    """A counter is at its limit; ``args[0]`` is the counter's name."""


class RegistryUnavailable(Problem):
    """The registry does not answer; ``reason`` says why, for the log. Nothing is given away meanwhile."""

    def __init__(self, reason: str) -> None:
        super().__init__(Code.registry_unavailable, "The registry does not answer; try again.", reason=reason)


class Lease(NamedTuple):
    """The right to count one in each of some counters, until it is released."""

    holder: str
    counters: tuple[str, ...]


class Registry(ABC):
    """Leases, ids used up and rates. Where it says so, whoever asks is refused while it does not answer."""

    @abstractmethod
    async def open(self) -> None:
        """Make sure that it answers.

        Raises:
            RegistryUnavailable: It does not; the words say what to look at.
        """

    @abstractmethod
    async def stay(self) -> None:
        """Keep what is held, until it is cancelled."""

    @abstractmethod
    async def lease(self, holder: str, limits: Mapping[str, int], instead: str = "") -> Lease:
        """Count one in every counter, or in none.

        Args:
            holder: Who holds it: an id that no other lease has.
            limits: Counter's name → how many it may count.
            instead: Holder of a lease that ends by this one, if it counts in the first counter.

        Raises:
            Full: For the first counter that is at its limit.
            RegistryUnavailable: It may have been counted; then it ends by itself.
        """

    @abstractmethod
    async def release(self, lease: Lease) -> None:
        """Give a lease back. Idempotent; one that cannot be given back now ends by itself."""

    @abstractmethod
    async def count(self, counter: str) -> int:
        """Return how many leases a counter counts. Raises ``RegistryUnavailable``."""

    @abstractmethod
    async def use(self, name: str, until: float) -> bool:
        """Use an id up until a time (Unix seconds); False when it was used up already.

        Raises:
            RegistryUnavailable: It is not known whether it was.
        """

    @abstractmethod
    async def used(self, name: str) -> bool:
        """Whether an id is used up, or it is not known any more. Raises ``RegistryUnavailable``."""

    @abstractmethod
    async def used_among(self, names: Collection[str]) -> set[str]:
        """Return which of these ids are known to be used up. Raises ``RegistryUnavailable``."""

    @abstractmethod
    async def hit(self, what: str, who: str, rate: Rate) -> float | None:
        """Count one event; return None, or the seconds until the rate allows it again.

        While a shared registry does not answer, each process counts for itself.
        """

    @abstractmethod
    async def over(self, what: str, who: str, rate: Rate) -> float | None:
        """Like ``hit``, but counts nothing."""

    @abstractmethod
    async def secret(self, name: str) -> bytes:
        """Return 32 random bytes, the same for every process of this registry, and others once it has
        forgotten which ids were used: what was signed before must not count any more.

        Raises:
            RegistryUnavailable: Nobody knows them.
        """

    @abstractmethod
    async def close(self) -> None:
        """Let go of everything. Idempotent."""
