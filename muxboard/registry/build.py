"""Which registry and board a URL names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxboard.registry.board import Alone
from muxboard.registry.memory import MemoryRegistry

if TYPE_CHECKING:
    from muxboard.config.values import RegistryUrl
    from muxboard.registry.board import Board
    from muxboard.registry.registry import Registry


def build_registry(url: RegistryUrl) -> tuple[Registry, Board]:
    """Return both, not opened. Raises ``ValueError``: the URL has options that are not understood."""
    if not url.shared:
        return MemoryRegistry(), Alone()
    # A single process does without.
    from muxboard.registry.redis import RedisRegistry  # noqa: PLC0415
    from muxboard.registry.redis_board import RedisBoard  # noqa: PLC0415
    from muxboard.registry.redis_link import RedisLink  # noqa: PLC0415

    # Connections of their own: leases do not wait behind what is told of a thousand hosts.
    return RedisRegistry(RedisLink(url.reveal())), RedisBoard(RedisLink(url.reveal()))
