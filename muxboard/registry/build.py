"""Which registry a URL names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxboard.registry.memory import MemoryRegistry

if TYPE_CHECKING:
    from muxboard.config.values import RegistryUrl
    from muxboard.registry.registry import Registry


def build_registry(url: RegistryUrl) -> Registry:
    """Return the registry, not opened. Raises ``ValueError``: the URL has options that are not understood."""
    if not url.shared:
        return MemoryRegistry()
    from muxboard.registry.redis import RedisRegistry  # noqa: PLC0415  a single process does without

    return RedisRegistry(url.reveal())
