"""The configured hosts, and what changes when the configuration does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from muxboard.hosts import local
from muxboard.hosts.local import LocalWay
from muxboard.hosts.managed import ManagedHost
from muxboard.hosts.ssh.fleet import Fleet

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from muxboard.config import Host
    from muxboard.config.schema import Loaded


class Change(NamedTuple):
    """Keys of hosts that a new configuration brought, took away, or describes otherwise."""

    added: list[str]
    removed: list[str]
    changed: list[str]


class Configured:
    """Every configured host by its key, in the configuration's order, and what they share.

    Args:
        loaded: The configuration.
        environ: What children may be given a part of.
    """

    def __init__(self, loaded: Loaded, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._fleet = Fleet(environ)
        self._loaded = loaded
        self._gone: list[ManagedHost] = []
        self.hosts = {host.key: self._make(host, loaded) for host in loaded.config.hosts}

    def _make(self, host: Host, loaded: Loaded) -> ManagedHost:
        if host.local:
            return ManagedHost(host, loaded.config.inventory, LocalWay(self._environ))
        way = self._fleet.way(host, loaded.config, loaded.secrets.get(host.key))
        return ManagedHost(host, loaded.config.inventory, way)

    def update(self, loaded: Loaded) -> Change:
        """Take in another configuration's hosts. One that is the same but for its label or order stays as
        it is, connections and all; the others are to be let go of."""
        before, old = self.hosts, self._loaded
        after: dict[str, ManagedHost] = {}
        keys = {host.key for host in loaded.config.hosts}
        change = Change([], [key for key in before if key not in keys], [])
        for host in loaded.config.hosts:
            known = before.get(host.key)
            if known is not None and self._same(known.config, old, host, loaded):
                known.config = host
                after[host.key] = known
                continue
            (change.added if known is None else change.changed).append(host.key)
            after[host.key] = self._make(host, loaded)
        self.hosts, self._loaded = after, loaded
        for gone in (host for key, host in before.items() if after.get(key) is not host):
            gone.closed = True  # at once: a terminal that is being opened must not come after the others' end
            self._gone.append(gone)
        return change

    async def let_go(self) -> None:
        """Close the hosts that are no more. Cancelling leaves that to ``close``."""
        gone = list(self._gone)
        await _close(gone)
        self._gone = [host for host in self._gone if host not in gone]

    def _same(self, was: Host, old: Loaded, now: Host, new: Loaded) -> bool:
        def plain(host: Host, loaded: Loaded) -> tuple[object, ...]:
            bare = msgspec.structs.replace(host, label="", session_order=[])
            if host.local:
                return (bare,)
            return bare, self._fleet.destination(host, loaded.config, loaded.secrets.get(host.key))

        return plain(was, old) == plain(now, new)

    async def close(self) -> None:
        """Let go of everything. Idempotent."""
        await _close([*self.hosts.values(), *self._gone])
        await self._fleet.close()
        await local.ended()


async def _close(hosts: Iterable[ManagedHost]) -> None:
    """Close hosts at once: one that is slow to go holds the others up as little as may be."""
    await asyncio.gather(*(host.close() for host in hosts))
