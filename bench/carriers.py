"""Terminals over server-sent events and over plain requests, as the page carries them."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from typing import TYPE_CHECKING, Any, Self

from bench.lines import COLS, ROWS, Line, LostError, first
from bench.muxboard import ACK_BYTES, ACK_S, OPEN_S
from bench.pace import FAST, Pace

if TYPE_CHECKING:
    from bench.http import Http

MOST_INPUT = 64 * 1024
WAIT_S = 20


class Calls:
    """One kept connection: calls one after the other."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._head = (
            f"Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\nOrigin: http://127.0.0.1:{port}\r\n"
        )
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def begin(self, method: str, path: str, body: bytes = b"") -> tuple[int, dict[str, str]]:
        """Send a request; return the answer's status and headers."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=2**20)
        reader, writer = self._streams
        head = f"{method} {path} HTTP/1.1\r\n{self._head}Content-Length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        return int(lines[0].split()[1]), dict(line.lower().split(": ", 1) for line in lines[1:] if line)

    async def call(self, method: str, path: str, body: bytes = b"") -> tuple[int, dict[str, str], bytes]:
        """Make a whole call."""
        status, headers = await self.begin(method, path, body)
        assert self._streams
        length = int(headers.get("content-length", "0"))
        return status, headers, await self._streams[0].readexactly(length)

    async def piece(self) -> bytes:
        """Return the next chunk of an answer without an end."""
        assert self._streams
        reader = self._streams[0]
        size = int((await reader.readline()).split(b";")[0] or b"0", 16)
        data = await reader.readexactly(size + 2)
        return data[:-2]

    def close(self) -> None:
        if self._streams:
            self._streams[1].transport.abort()
            self._streams = None


class PostLine(Line):
    """What both have in common: input by numbered requests, one at a time."""

    def __init__(self, pace: Pace = FAST) -> None:
        super().__init__(pace)
        self._hello: asyncio.Future[None] = self.loop.create_future()
        self._input = bytearray()
        self._typed = 0
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._calls: list[Calls] = []
        self._base = 0

    @classmethod
    async def open(cls, port: int, token: str, target: dict[str, str], http: Http) -> Self:
        """Make a terminal and connect to it."""
        self = cls()
        made = await http.call(
            "POST", "/api/v1/terminals", {**target, "mode": "control", "cols": COLS, "rows": ROWS}
        )
        self._path = f"/api/v1/terminals/{made['id']}"
        self._port, self._token = port, token
        for work in (self._listen(), self._type()):
            self._tasks.append(asyncio.ensure_future(work))
        done = await first(self._hello, self.ended, timeout_s=OPEN_S)
        if not self._hello.done():
            raise LostError(self.ended.result() if done else "no hello")
        return self

    def _new(self) -> Calls:
        self._calls.append(Calls(self._port, self._token))
        return self._calls[-1]

    async def _listen(self) -> None:
        raise NotImplementedError

    async def _type(self) -> None:
        calls = self._new()
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._input:
                data = bytes(self._input[:MOST_INPUT])
                status, _, _ = await calls.call("POST", f"{self._path}/input?offset={self._typed}", data)
                if status != 200:
                    self.finish(f"input: {status}")
                    return
                del self._input[: len(data)]
                self._typed += len(data)

    def _said(self, message: dict[str, Any]) -> None:
        if message["type"] == "hello" and not self._hello.done():
            self._base = message["offset"]
            self._hello.set_result(None)
        elif message["type"] == "exit":
            self.finish(message["reason"])

    def send(self, data: bytes) -> None:
        self._input += data
        self._wake.set()

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for calls in self._calls:
            calls.close()
        self.finish("closed")


class EventsLine(PostLine):
    """Output by server-sent events; acks by requests."""

    _acked = 0
    _acking = False

    async def _listen(self) -> None:
        calls, rest = self._new(), b""
        await calls.begin("GET", f"{self._path}/stream?offset=0")
        while piece := await calls.piece():
            *events, rest = (rest + piece).split(b"\n\n")
            for event in events:
                name, _, data = event.partition(b"\n")
                if name == b"event: output":
                    self.arrived(b64decode(data.partition(b"data: ")[2]))
                elif name == b"event: control":
                    self._said(json.loads(data.partition(b"data: ")[2]))
        self.finish("the stream ended")

    def parsed(self) -> None:
        if not self._acking:
            self._acking = True
            wait = 0.0 if self.drawn - self._acked >= ACK_BYTES // 2 else ACK_S
            self.loop.call_later(wait, lambda: self._tasks.append(asyncio.ensure_future(self._ack())))

    async def _ack(self) -> None:
        if not hasattr(self, "_acks"):
            self._acks = self._new()
        while self._acked < self.drawn and not self.ended.done():
            self._acked = self.drawn
            body = json.dumps({"type": "ack", "offset": self._base + self._acked}).encode()
            await self._acks.call("POST", f"{self._path}/control", body)
        self._acking = False


class RequestsLine(PostLine):
    """Output by one request after the other."""

    async def _listen(self) -> None:
        calls, offset = self._new(), 0
        while True:
            status, headers, data = await calls.call(
                "GET", f"{self._path}/output?offset={offset}&wait={WAIT_S}"
            )
            if status not in {200, 204}:
                self.finish(f"output: {status}")
                return
            for message in json.loads(headers.get("muxboard-control", "[]")):
                self._said(message)
            offset = int(headers["muxboard-offset"]) + len(data)
            if data:
                self.arrived(data)
