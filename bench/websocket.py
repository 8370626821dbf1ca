"""
A WebSocket client (RFC 6455) that costs little.

Binary payload is handed on as it arrives, without waiting for the end of its frame and without a copy:
the benchmark must not be the slowest part of what it measures.
"""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import time
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.pace import Pace

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
BUFFER_BYTES = 256 * 1024
LINK_READ_BYTES = 8 * 1024  # a slow link is read in pieces of 8 ms
LINK_RECEIVE_BUFFER = 32 * 1024  # so that the queue of a slow link is the server's to bound
CONNECT_S = 20.0


class RefusedError(Exception):
    """The server answered the upgrade with something else than 101."""


class WebSocket(asyncio.BufferedProtocol):
    """One connection; callbacks are set before ``connect``."""

    def __init__(self, rate: float | None = None) -> None:
        self.on_binary: Callable[[memoryview], None] = lambda _: None
        self.on_text: Callable[[bytes], None] = lambda _: None
        self.on_close: Callable[[int], None] = lambda _: None
        self._rate = rate
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._upgraded: asyncio.Future[bytes] = self._loop.create_future()
        self._buffer = bytearray(BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._filled = 0
        self._head = True  # the HTTP answer is still to come
        self._opcode = 0
        self._kind = 0  # of the message that a continuation frame goes on with
        self._left = 0  # payload bytes of the current frame that are still to come
        self._message = bytearray()
        self._due = 0.0
        self._stalled = False
        self._closed = False
        self._key = os.urandom(4)

    @classmethod
    async def connect(
        cls,
        port: int,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        pace: Pace | None = None,
        prepare: Callable[[WebSocket], None] | None = None,
    ) -> WebSocket:
        """Open ``ws://127.0.0.1:port/path``. Raises: RefusedError, OSError, TimeoutError."""
        rate = pace.link if pace else None
        sock = socket.socket()
        if rate:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, LINK_RECEIVE_BUFFER)
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_connect(sock, ("127.0.0.1", port))
        except BaseException:
            sock.close()
            raise
        _, self = await loop.create_connection(lambda: cls(rate), sock=sock)
        if prepare:
            prepare(self)
        lines = [
            f"GET {path} HTTP/1.1",
            f"Host: 127.0.0.1:{port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
            *(f"{name}: {value}" for name, value in (headers or {}).items()),
        ]
        self._transport.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        try:
            status = await asyncio.wait_for(asyncio.shield(self._upgraded), CONNECT_S)
        except BaseException:
            self.abort()
            raise
        if b" 101 " not in status.split(b"\r\n", 1)[0]:
            self.abort()
            raise RefusedError(status.decode(errors="replace"))
        return self

    def send(self, payload: bytes, opcode: int = BINARY) -> None:
        """Send one masked frame."""
        size = len(payload)
        if size < 126:
            head = bytes((0x80 | opcode, 0x80 | size))
        elif size < 65536:
            head = bytes((0x80 | opcode, 0x80 | 126)) + size.to_bytes(2, "big")
        else:
            head = bytes((0x80 | opcode, 0x80 | 127)) + size.to_bytes(8, "big")
        mask = (self._key * (size // 4 + 1))[:size]
        masked = (int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")).to_bytes(size, "big")
        if not self._closed:
            self._transport.write(head + self._key + masked)

    def stall(self) -> None:
        """Stop reading, so that the server's bytes pile up outside this process."""
        self._stalled = True
        self._transport.pause_reading()

    def go_on(self) -> None:
        self._stalled = False
        if not self._closed:
            self._transport.resume_reading()

    def close(self) -> None:
        if not self._closed:
            self.send((1000).to_bytes(2, "big"), CLOSE)
            self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    # asyncio.BufferedProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closed = True
        if not self._upgraded.done():
            self._upgraded.set_exception(exc or ConnectionResetError("closed during the upgrade"))
            self._upgraded.exception()  # seen, also where the caller has given up
        self.on_close(1006)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002
        if self._rate:
            return self._view[self._filled : self._filled + LINK_READ_BYTES]
        return self._view[self._filled :]

    def buffer_updated(self, nbytes: int) -> None:
        self._filled += nbytes
        done = self._parse(self._filled)
        if done:
            rest = self._filled - done
            if rest:
                self._buffer[:rest] = self._buffer[done : self._filled]
            self._filled = rest
        if self._rate:
            self._wait(nbytes / self._rate)

    def _wait(self, seconds: float) -> None:
        now = time.monotonic()
        self._due = max(self._due, now) + seconds
        if self._due - now > 0.002 and not self._stalled:
            self._transport.pause_reading()
            self._loop.call_later(self._due - now, self._read_on)

    def _read_on(self) -> None:
        if not self._stalled and not self._closed:
            self._transport.resume_reading()

    def _parse(self, end: int) -> int:
        """Handle what lies in the buffer up to ``end``; return how much of it is done with."""
        at = self._answer(end) if self._head else 0
        while at < end and not self._head:
            if not self._left:
                start = self._frame(at, end)
                if not start:
                    break
                at = start
            part = min(self._left, end - at)
            self._left -= part
            self._payload(self._view[at : at + part])
            at += part
        return at

    def _answer(self, end: int) -> int:
        """Read the answer to the upgrade; return where the frames begin, 0 while it is not whole."""
        mark = self._buffer.find(b"\r\n\r\n", 0, end)
        if mark < 0:
            return 0
        switched = b" 101 " in self._buffer[:20]
        done = mark + 4 if switched else end
        if not self._upgraded.done():
            self._upgraded.set_result(bytes(self._buffer[:done]))
        self._head = not switched
        return done

    def _frame(self, at: int, end: int) -> int:
        """Read the head of a frame; return where its payload begins, 0 while the head is not whole."""
        start = at + 2
        if end < start:
            return 0
        size = self._buffer[at + 1] & 127
        if size >= 126:
            width = 2 if size == 126 else 8
            start += width
            if end < start:
                return 0
            size = int.from_bytes(self._buffer[start - width : start], "big")
        self._opcode = self._buffer[at] & 15
        if self._opcode in {TEXT, BINARY}:
            self._kind = self._opcode
        self._left = size
        return start

    def _payload(self, view: memoryview) -> None:
        kind = self._opcode or self._kind
        if kind == BINARY:
            if view:
                self.on_binary(view)
            return
        self._message += view
        if self._left:
            return
        message, self._message = bytes(self._message), bytearray()
        if kind == TEXT:
            self.on_text(message)
        elif kind == PING:
            self.send(message, PONG)
        elif kind == CLOSE:
            on_close, self.on_close = self.on_close, lambda _: None
            on_close(int.from_bytes(message[:2], "big") if message else 1005)
            self._transport.close()
