"""The product's own host on the test's tmux server, for tests on a loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from muxboard.config import Host
from muxboard.config.schema import Inventory
from muxboard.config.values import Duration
from muxboard.hosts.local import LocalWay
from muxboard.hosts.managed import ManagedHost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tornado.ioloop import IOLoop

    from tests.rig.tmux import Tmux


@pytest.fixture
def manage(tmux: Tmux, io_loop: IOLoop) -> Iterator[Callable[..., ManagedHost]]:
    """Call it with fields of ``[[hosts]]`` for a host on the test's tmux server.

    ``environ`` adds to what the service would hand on; ``timeout_s`` bounds one command.
    """
    made: list[ManagedHost] = []

    def manage(environ: Mapping[str, str] | None = None, timeout_s: float = 10, **fields: Any) -> ManagedHost:
        config = Host(key="local", local=True, **fields)
        inventory = Inventory(command_timeout=Duration(timeout_s))
        host = ManagedHost(
            config, inventory, LocalWay({**tmux.env, "HOME": str(tmux.folder), **(environ or {})})
        )
        made.append(host)
        return host

    yield manage
    for host in made:
        io_loop.run_sync(host.close)


@pytest.fixture
def host(manage: Callable[..., ManagedHost]) -> ManagedHost:
    """The service's own user on the test's tmux server."""
    return manage()
