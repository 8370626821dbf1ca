"""Processes of one service that share a real Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.rig.service import local_host

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.rig.redis import Redis
    from tests.rig.service import Service
    from tests.rig.tmux import Tmux


@pytest.fixture
def start_replicas(
    start_service: Callable[..., Service], redis: Redis, tmux: Tmux
) -> Callable[..., list[Service]]:
    """Call it with how many, and what their configuration says besides, for replicas that are ready."""

    def start(count: int, env: dict[str, str] | None = None, **config: Any) -> list[Service]:
        all_env = {"TMUX_TMPDIR": str(tmux.folder), "MUXBOARD_REGISTRY_URL": redis.url, **(env or {})}
        return [start_service({"hosts": [local_host()], **config}, env=all_env) for _ in range(count)]

    return start
