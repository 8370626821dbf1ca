"""Where processes that share a registry put up what the others may see, and tell each other things.

Nothing here is needed for anything to be right: what was told may be lost, what was put up may be old.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

# Of a record that no process of ours has put up.
NOT_OURS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Board(ABC):
    """What one process sees of the others.

    Attributes:
        alone: Whether there can be no others.
    """

    alone: bool

    @abstractmethod
    async def claim(self, what: str, seconds: float) -> bool:
        """Be the only one who does something, at most so long; False while another process does.

        Raises:
            RegistryUnavailable: Nobody knows.
        """

    @abstractmethod
    async def unclaim(self, what: str) -> None:
        """Give a claim back, if it is still ours; one that cannot be given back now ends by itself."""

    @abstractmethod
    async def put(self, name: str, record: bytes, seconds: float) -> None:
        """Put a record up for so long, in place of an older one. Raises ``RegistryUnavailable``."""

    @abstractmethod
    async def get(self, name: str) -> bytes | None:
        """Return a record, whoever put it up. Raises ``RegistryUnavailable``."""

    @abstractmethod
    async def put_own(self, kind: str, record: bytes, seconds: float) -> None:
        """Put this process's own record of a kind up for so long. Raises ``RegistryUnavailable``."""

    @abstractmethod
    async def others(self, kind: str) -> list[bytes]:
        """Return the other processes' own records of a kind. Raises ``RegistryUnavailable``."""

    @abstractmethod
    async def tell(self, topic: str, message: bytes) -> None:
        """Tell the others something, now. Raises ``RegistryUnavailable``: perhaps nobody heard."""

    @abstractmethod
    def hear(self, topic: str, listener: Callable[[bytes], None]) -> None:
        """Call a listener with what the others tell, while ``stay`` runs. It must not wait."""

    @abstractmethod
    async def stay(self) -> None:
        """Listen, until it is cancelled."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of everything. Idempotent."""


class Alone(Board):
    """There is no other process: everything is ours, and nobody hears."""

    alone = True

    async def claim(self, what: str, seconds: float) -> bool:  # noqa: ARG002
        return True

    async def unclaim(self, what: str) -> None:
        """Nobody waits for it."""

    async def put(self, name: str, record: bytes, seconds: float) -> None:
        """Nobody looks."""

    async def get(self, name: str) -> bytes | None:  # noqa: ARG002
        return None

    async def put_own(self, kind: str, record: bytes, seconds: float) -> None:
        """Nobody looks."""

    async def others(self, kind: str) -> list[bytes]:  # noqa: ARG002
        return []

    async def tell(self, topic: str, message: bytes) -> None:
        """Nobody hears."""

    def hear(self, topic: str, listener: Callable[[bytes], None]) -> None:
        """Nobody tells anything."""

    async def stay(self) -> None:
        """There is nothing to listen to."""

    async def close(self) -> None:
        """Nothing is held."""
