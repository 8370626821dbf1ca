"""The inventory as server-sent events: the whole snapshot at once, then what changes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace
from tornado.iostream import StreamClosedError

from muxboard.problems import Code, Problem
from muxboard.registry.registry import Full
from muxboard.terminals.messages import exit_message
from muxboard.web.handler import Access, Handler, now
from muxboard.web.views import Sight, inventory

if TYPE_CHECKING:
    from muxboard.access.principal import Principal
    from muxboard.hosts.model import HostReport

KEEPALIVE_S = 14.0  # at least every 15
STREAMS_PER_PRINCIPAL = 32  # dashboards open at once; each makes hosts be asked oftener
# Between two sends: a sweep of 500 hosts is a handful of events, and a lone change goes out at once.
COALESCE_S = 0.2
GLANCE_S = 15.0  # a page that asks does so every 5 s, and twice as rarely after a failure


class News:
    """What a stream has not sent yet. It only ever grows to "all hosts": nothing is queued."""

    def __init__(self) -> None:
        self.whole = True
        self.changed: set[str] = set()
        self.checked: set[str] = set()

    def take(self, report: HostReport | None, changed: bool) -> None:
        """Note one report; None says that the hosts themselves are others now."""
        if report is None:
            self.whole = True
        elif changed:
            self.changed.add(report.key)
            self.checked.discard(report.key)
        elif report.key not in self.changed:
            self.checked.add(report.key)

    def clear(self) -> None:
        self.whole = False
        self.changed.clear()
        self.checked.clear()


class Events(Handler):
    """A stream for one dashboard.

    Only the newest is worth sending: a client that reads slowly gets what changed since, at once. With
    ``?changes=1`` the hosts that changed are sent, without it the whole snapshot. While a stream is
    open, hosts are swept at the watched interval. With ``?once=1`` the answer is the snapshot alone, as
    JSON, for networks that no stream comes through; hosts stay watched until the next one is due.
    """

    access = {"GET": Access.stream}

    async def get(self) -> None:
        services = self.services
        if services.attacher.draining:
            raise Problem(Code.draining)
        if self.get_query_argument("once", "") == "1":
            services.sweeper.glance(GLANCE_S)
            self.answer(inventory(services.sweeper, services.grants, self.principal))
            return
        self._by_host = self.get_query_argument("changes", "") == "1"
        self.set_header("Content-Type", "text/event-stream; charset=utf-8")
        self.set_header("Cache-Control", "no-store, no-transform")
        self.set_header("X-Accel-Buffering", "no")
        self._wake = asyncio.Event()
        self._news = News()
        self._sight = Sight(services.sweeper, services.grants, self.principal)
        self._gone = False
        try:
            lease = await services.here.lease(
                self.request_id, {f"streams of {self.principal.key}": STREAMS_PER_PRINCIPAL}
            )
        except Full as error:
            raise Problem(
                Code.rate_limited, f"You have {STREAMS_PER_PRINCIPAL} dashboards open.", retry_after=10
            ) from error
        services.sweeper.observe(self._swept)
        services.sweeper.watch()
        services.streams.add(self)
        try:
            await self._serve()
        except StreamClosedError:
            pass
        finally:
            await services.here.release(lease)
            services.streams.discard(self)
            services.sweeper.unwatch()
            services.sweeper.forget(self._swept)

    async def _serve(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._gone:
            if self._wait_s() == 0:
                self._event("exit", exit_message("expired"))
                return
            self._wake.clear()  # before sending: what changes meanwhile must wake the next turn
            self._send()
            await self.flush()
            sent = loop.time()
            try:
                async with asyncio.timeout(self._wait_s()):
                    await self._wake.wait()
            except TimeoutError:
                self._keepalive()
            else:
                await asyncio.sleep(0 if self._gone else max(0.0, sent + COALESCE_S - loop.time()))

    def _wait_s(self) -> float:
        ends = self.principal.ends
        return KEEPALIVE_S if ends is None else max(0.0, min(KEEPALIVE_S, ends - now()))

    def _keepalive(self) -> None:
        self.write(": keepalive\n\n")  # for proxies; scripts cannot see it, so _send follows

    def fresher(self, principal: Principal) -> None:
        if principal.fresher_than(self.principal):
            before, self.principal = self.principal, replace(principal, links=self.principal.links)
            if (principal.name, principal.groups) != (before.name, before.groups):  # they may see other hosts
                self._sight = Sight(self.services.sweeper, self.services.grants, self.principal)
                self._news.whole = True

    def _send(self) -> None:
        """Write one turn's events: never none, so that the page knows the stream to be alive."""
        news, sight = self._news, self._sight
        if news.whole or (news.changed and not self._by_host):
            self._event("inventory", sight.inventory())
        elif not self._by_host:
            self._event("checked", sight.checked())
        else:
            changed = sight.hosts(news.changed)
            if changed.hosts:
                self._event("hosts", changed)
            if news.checked or not changed.hosts:
                self._event("checked", sight.checked(news.checked))
        news.clear()

    def _event(self, name: str, value: Any) -> None:
        self.write(f"event: {name}\ndata: {msgspec.json.encode(value).decode()}\n\n")

    def _swept(self, report: HostReport | None, changed: bool) -> None:
        if report is None:
            self._sight.forget()
        self._news.take(report, changed)
        self._wake.set()

    def on_connection_close(self) -> None:
        super().on_connection_close()  # ends the wait for a body that no longer comes
        self.stop()

    def stop(self) -> None:
        """End the stream; the page comes back by itself."""
        self._gone = True
        if hasattr(self, "_wake"):
            self._wake.set()
