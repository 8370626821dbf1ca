"""The inventory as server-sent events: the whole snapshot at once, then on every change."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
from tornado.iostream import StreamClosedError

from muxboard.problems import Code, Problem
from muxboard.registry.memory import Full
from muxboard.web import views
from muxboard.web.handler import Access, Handler, now

if TYPE_CHECKING:
    from muxboard.hosts.model import HostReport

KEEPALIVE_S = 14.0  # at least every 15
STREAMS_PER_PRINCIPAL = 32  # dashboards open at once; each makes hosts be asked oftener


class Events(Handler):
    """A stream for one dashboard.

    Only the newest snapshot is worth sending: a client that reads slowly skips those in between, so
    nothing is queued for it. While a stream is open, hosts are swept at the watched interval.
    """

    access = {"GET": Access.stream}

    async def get(self) -> None:
        services = self.services
        if services.attacher.draining:
            raise Problem(Code.draining)
        self.set_header("Content-Type", "text/event-stream; charset=utf-8")
        self.set_header("Cache-Control", "no-store, no-transform")
        self.set_header("X-Accel-Buffering", "no")
        self._wake = asyncio.Event()
        self._changed = True
        self._gone = False
        try:
            lease = await services.registry.lease(
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
            while not self._gone:
                self._wake.clear()  # before sending: what changes meanwhile must wake the next turn
                await self._send()
                try:
                    async with asyncio.timeout(self._wait_s()):
                        await self._wake.wait()
                except TimeoutError:
                    await self._keepalive()
        except StreamClosedError:
            pass
        finally:
            await services.registry.release(lease)
            services.streams.discard(self)
            services.sweeper.unwatch()
            services.sweeper.forget(self._swept)

    def _wait_s(self) -> float:
        expires = self.principal.expires_at
        return KEEPALIVE_S if expires is None else max(0.0, min(KEEPALIVE_S, expires - now()))

    async def _keepalive(self) -> None:
        expires = self.principal.expires_at
        if expires is not None and expires <= now():
            self._gone = True
        else:
            self.write(": keepalive\n\n")  # for proxies; scripts cannot see it, so _send follows

    async def _send(self) -> None:
        services = self.services
        if self._changed:
            self._changed = False
            await self._event("inventory", views.inventory(services.sweeper, services.grants, self.principal))
        else:
            seen = views.inventory(services.sweeper, services.grants, self.principal).hosts
            await self._event("checked", views.Checked({host.key: host.checked_at for host in seen}))

    async def _event(self, name: str, value: Any) -> None:
        self.write(f"event: {name}\ndata: {msgspec.json.encode(value).decode()}\n\n")
        await self.flush()

    def _swept(self, _report: HostReport, changed: bool) -> None:
        self._changed = self._changed or changed
        self._wake.set()

    def on_connection_close(self) -> None:
        super().on_connection_close()  # ends the wait for a body that no longer comes
        self.stop()

    def stop(self) -> None:
        """End the stream; the page comes back by itself."""
        self._gone = True
        if hasattr(self, "_wake"):
            self._wake.set()
