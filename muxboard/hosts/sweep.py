"""Asks every host again and again: each ``interval``, oftener while somebody looks."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from tornado.ioloop import PeriodicCallback

from muxboard.hosts.turns import Turns, name_of
from muxboard.registry.board import Alone
from muxboard.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from muxboard.config.schema import Inventory
    from muxboard.hosts.managed import ManagedHost
    from muxboard.hosts.model import HostReport

log = logging.getLogger("muxboard.sweep")


FRESH = 0.6  # of the time between two sweeps: what another process found so long ago will do
# Between the beginnings of two hosts' sweeps. One by one, so that a terminal waits for one host's turn at
# most; 500 hosts are begun within the 2 s after which a dashboard wants them anew.
STEP_S = 0.003


class Sweeper:
    """Keeps every host's report fresh and tells observers of each new one.

    An observer is called with the report and whether its facts changed. It must not wait.
    """

    def __init__(
        self, hosts: dict[str, ManagedHost], inventory: Inventory, turns: Turns | None = None
    ) -> None:
        self.hosts = hosts
        self._turns = turns or Turns(Alone())
        self._turns.listen(self._heard)
        self._names = {name_of(host): host for host in hosts.values()}
        self._inventory = inventory
        self.generation = 0
        self._tasks = Tasks("sweeper")
        self._observers: set[Callable[[HostReport | None, bool], None]] = set()
        self._told: dict[str, HostReport] = {}
        self._watchers = 0
        self._glance: asyncio.TimerHandle | None = None
        self._queue: dict[str, tuple[ManagedHost, float]] = {}
        self._pacing = False
        self._slow = PeriodicCallback(self.sweep_all, float(inventory.interval) * 1000)
        self._fast = PeriodicCallback(self.sweep_all, float(inventory.watched_interval) * 1000)

    def start(self) -> None:
        """Begin with a sweep at once."""
        self.sweep_all()
        self._slow.start()

    async def close(self) -> None:
        """Stop asking and wait for what runs; the hosts are closed by whoever made them. Idempotent."""
        self._slow.stop()
        self._fast.stop()
        if self._glance is not None:
            self._glance.cancel()
        await self._tasks.close()

    def observe(self, observer: Callable[[HostReport | None, bool], None]) -> None:
        self._observers.add(observer)

    def forget(self, observer: Callable[[HostReport | None, bool], None]) -> None:
        self._observers.discard(observer)

    def watch(self) -> None:
        """Somebody began to look: ask oftener, and at once."""
        self._watchers += 1
        if self._watchers == 1:
            self._fast.start()
            self.sweep_all()

    def unwatch(self) -> None:
        """Somebody stopped looking."""
        self._watchers -= 1
        if self._watchers == 0:
            self._fast.stop()

    def glance(self, seconds: float) -> None:
        """Somebody looked and may look again: watch for so long."""
        if self._glance is None:
            self.watch()
        else:
            self._glance.cancel()
        self._glance = asyncio.get_running_loop().call_later(seconds, self._look_away)

    def _look_away(self) -> None:
        self._glance = None
        self.unwatch()

    def sweep_all(self) -> None:
        """Ask every host whose time it is and that is not being asked already; does not wait."""
        inventory = self._inventory
        between = float(inventory.watched_interval if self._watchers else inventory.interval)
        self.sweep_these(self.hosts.values(), fresh_s=FRESH * between)

    def sweep_these(self, hosts: Iterable[ManagedHost], *, fresh_s: float = 0.0) -> None:
        """Ask hosts that are not being asked already; does not wait. Many are begun one by one, so that
        terminals get their turns in between.

        Args:
            hosts: Which ones.
            fresh_s: What another process found in the last seconds will do.
        """
        self._queue.update((host.config.key, (host, fresh_s)) for host in hosts)
        self._next()
        if self._queue and not self._pacing:
            self._pacing = self._tasks.start(self._paced(), "sweep of many") is not None

    def _next(self) -> None:
        if self._queue:
            host, fresh_s = self._queue.pop(next(iter(self._queue)))
            self.sweep_soon(host, fresh_s=fresh_s)

    async def _paced(self) -> None:
        try:
            while self._queue:
                await asyncio.sleep(STEP_S)
                self._next()
        finally:
            self._pacing = False

    def replace(self, hosts: dict[str, ManagedHost]) -> None:
        """Ask these from now on; observers are told ``None``: the set of hosts is another one."""
        self.hosts = hosts
        self._names = {name_of(host): host for host in hosts.values()}
        self._turns.forget(set(self._names))
        self._told = {key: report for key, report in self._told.items() if key in hosts}
        self.generation += 1
        for observer in tuple(self._observers):
            observer(None, True)
        self.sweep_all()

    def sweep_soon(self, host: ManagedHost, *, fresh_s: float = 0.0) -> None:
        """Ask one host unless it is being asked already, or another process has in the last seconds; does
        not wait."""
        if host.sweeping or self.hosts.get(host.config.key) is not host:
            return
        self._tasks.start(self._one(host, fresh_s), f"sweep of {host.config.key}")

    async def _one(self, host: ManagedHost, fresh_s: float) -> None:
        if not await self._turns.begin(host, fresh_s):
            return
        try:
            await host.sweep()
        finally:
            await self._turns.end(host)
        self._tell(host)

    async def refresh(self, host: ManagedHost) -> None:
        """Return when a sweep that began after this call is known to all observers of this process."""
        await self._turns.begin_for_sure(host)
        try:
            await host.sweep_after_change()
        finally:
            await self._turns.end(host)
        self._tell(host)

    def _heard(self, name: str, report: HostReport) -> bool:
        """Another process has asked a host; returns whether there is such a host."""
        host = self._names.get(name)
        if host is None or report.key != host.config.key:
            return False
        if report.checked_at > host.report.checked_at:
            host.report = report
            self._tell(host)
        return True

    def _tell(self, host: ManagedHost) -> None:
        if self.hosts.get(host.config.key) is not host:
            return  # it was taken out of the configuration meanwhile
        before, report = self._told.get(host.config.key), host.report
        if report is before:
            return  # somebody who joined the same sweep has told it
        self._told[host.config.key] = report
        changed = before is None or not report.same_facts(before)
        if changed:
            self.generation += 1
            if before is None or report.state != before.state:
                log.info("host %s: %s", report.key, report.state)
        for observer in tuple(self._observers):
            observer(report, changed)
