"""Which registry and board the configuration names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxboard.config.load import wrong
from muxboard.registry.board import Alone
from muxboard.registry.memory import MemoryRegistry
from muxboard.registry.registry import RegistryUnavailable

if TYPE_CHECKING:
    from muxboard.config.schema import Loaded
    from muxboard.registry.board import Board
    from muxboard.registry.registry import Registry

WHERE = "registry.url"


def build_registry(loaded: Loaded) -> tuple[Registry, Board]:
    """Return both, not opened.

    Raises:
        ConfigError: The URL has options that are not understood.
    """
    url = loaded.config.registry.url
    if not url.shared:
        return MemoryRegistry(), Alone()
    # A single process does without.
    from muxboard.registry.redis import RedisRegistry  # noqa: PLC0415
    from muxboard.registry.redis_board import RedisBoard  # noqa: PLC0415
    from muxboard.registry.redis_link import RedisLink  # noqa: PLC0415

    try:
        # Connections of their own: leases do not wait behind what is told of a thousand hosts.
        return RedisRegistry(RedisLink(url.reveal())), RedisBoard(RedisLink(url.reveal()))
    except ValueError as error:
        raise wrong(loaded, WHERE, str(error)) from error


async def unreachable(loaded: Loaded) -> list[tuple[str, str]]:
    """Return the key path and the problem of a registry that does not answer."""
    registry, _ = build_registry(loaded)
    try:
        await registry.open()
    except RegistryUnavailable as error:
        return [(WHERE, no_answer(loaded, error))]
    finally:
        await registry.close()
    return []


def no_answer(loaded: Loaded, error: RegistryUnavailable) -> str:
    """Return what to say of it."""
    return f"{loaded.config.registry.url} does not answer: {error.reason}"
