"""A terminal of muxboard as its page sees it, over a WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import random
from typing import TYPE_CHECKING, Any

import msgspec

from bench.http import Http, Refused
from bench.lines import COLS, ROWS, LostError, SocketLine, first
from bench.pace import FAST, Pace
from bench.websocket import TEXT, RefusedError, WebSocket

if TYPE_CHECKING:
    from typing import Self

# As the page does (frontend/src/link): in eighths of the window, or what there is after a moment.
ACK_BYTES = 32 * 1024
ACK_S = 0.02
OPEN_S = 30.0
AGAIN_S = 0.3
TRIES = 8


class MuxboardLine(SocketLine):
    """`muxboard.terminal.v1`: binary both ways, acks of parsed bytes."""

    id = ""
    window = 0
    resets = 0
    _hello: asyncio.Future[None]
    _base = 0
    _acked = 0
    _ack_timer: asyncio.TimerHandle | None = None
    _port: int
    _token: str
    _http: Http
    _own_http = False

    @classmethod
    async def open(
        cls,
        port: int,
        token: str,
        target: dict[str, str],
        pace: Pace = FAST,
        http: Http | None = None,
    ) -> Self:
        """Make a terminal and connect to it, as the page does. ``http`` is the page's warm connection."""
        self = cls(pace)
        self._port, self._token = port, token
        self._http, self._own_http = http or Http(port, token), http is None
        self._hello = self.loop.create_future()
        made = await self._http.call(
            "POST", "/api/v1/terminals", {**target, "mode": "control", "cols": COLS, "rows": ROWS}
        )
        self.id = made["id"]
        if self._own_http:
            self._http.close()  # an idle connection is not what a terminal costs
        await self._connect()
        done = await first(self._hello, self.ended, timeout_s=OPEN_S)
        if not self._hello.done():
            raise LostError(self.ended.result() if done else "no hello")
        return self

    async def _connect(self) -> None:
        headers = {
            "Sec-WebSocket-Protocol": "muxboard.terminal.v1",
            "Authorization": f"Bearer {self._token}",
            "Origin": f"http://127.0.0.1:{self._port}",
        }
        path = f"/api/v1/terminals/{self.id}/socket?offset={self._base + self.received}"
        await WebSocket.connect(self._port, path, headers=headers, pace=self.pace, prepare=self._prepare)

    def _prepare(self, socket: WebSocket) -> None:
        super()._prepare(socket)
        socket.on_binary = self.arrived
        socket.on_text = self._on_text

    def _on_text(self, text: bytes) -> None:
        message: dict[str, Any] = msgspec.json.decode(text)
        match message["type"]:
            case "hello":
                self._base = message["offset"] - self.received
                self._acked, self.window = message["offset"], message["window"]
                self.greeted(message["input_offset"])
                if not self._hello.done():
                    self._hello.set_result(None)
            case "reset":
                self.resets += 1
                self._base = message["offset"] - self.received
            case "exit":
                self.finish(message["reason"])
            case "notice":
                pass

    def greeted(self, input_offset: int) -> None:
        """The server has so many bytes of input."""

    def send(self, data: bytes) -> None:
        self.socket.send(data)

    def parsed(self) -> None:
        offset = self._base + self.drawn
        if offset - self._acked >= min(self.window // 8, ACK_BYTES):
            self._ack()
        elif self._ack_timer is None:
            self._ack_timer = self.loop.call_later(ACK_S, self._ack)

    def _ack(self) -> None:
        if self._ack_timer:
            self._ack_timer.cancel()
            self._ack_timer = None
        offset = self._base + self.drawn
        if offset > self._acked:
            self._acked = offset
            self.socket.send(b'{"type":"ack","offset":%d}' % offset, TEXT)

    async def close(self) -> None:
        if self._ack_timer:
            self._ack_timer.cancel()
        self.socket.close()
        with contextlib.suppress(Refused):  # it may have ended by itself
            await self._http.call("DELETE", f"/api/v1/terminals/{self.id}")
        if self._own_http:
            self._http.close()


class ReturningLine(MuxboardLine):
    """One that comes back after a cut, as the page does: soon, from where it was, with what was not typed."""

    _typed = b""
    _return: asyncio.Task[None] | None = None
    _closed = False

    def send(self, data: bytes) -> None:
        self._typed += data
        super().send(data)

    def greeted(self, input_offset: int) -> None:
        if rest := self._typed[input_offset:]:
            self.socket.send(rest)

    def _prepare(self, socket: WebSocket) -> None:
        super()._prepare(socket)
        socket.on_close = self._on_close

    def _on_close(self, code: int) -> None:
        if not self._closed and not self.ended.done() and self._return is None:
            self._return = asyncio.ensure_future(self._come_back(code))

    async def _come_back(self, code: int) -> None:
        for _ in range(TRIES):
            await asyncio.sleep(AGAIN_S * random.random())
            try:
                await self._connect()
            except (OSError, RefusedError):
                continue
            self._return = None
            return
        self.finish(f"closed {code}, and not let in again")

    async def close(self) -> None:
        self._closed = True
        if self._return:
            self._return.cancel()
            await asyncio.wait([self._return])
        await super().close()
