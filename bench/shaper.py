"""A process between client and server that is a link: a rate, a delay, a short queue; it can go black.

All connections through it share all three, as those of one house do.

    python -m bench.shaper PORT RATE DELAY    # bytes a second (0: any), seconds one way

It prints the port that it listens on. A line ``black`` on its input stops everything under way and to come,
``clear`` lets it go on.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections import deque

QUEUE_BYTES = 32 * 1024  # of a router before the slow part
PIECE_BYTES = 1448
RECEIVE_BUFFER = 16 * 1024  # what the link cannot take waits at its sender


class Lane:
    """One direction of the link: one queue for all connections, first in, first out."""

    def __init__(self, rate: float, delay: float) -> None:
        self._rate, self._delay = rate, delay
        self.open = asyncio.Event()
        self.open.set()
        self._queue: deque[tuple[Way, bytes]] = deque()
        self._queued = 0
        self._held_up: set[Way] = set()
        self._wake = asyncio.Event()
        self._task = asyncio.ensure_future(self._carry())

    def put(self, way: Way, data: bytes) -> None:
        """Take in what a connection sends; nothing ends it."""
        for begin in range(0, len(data), PIECE_BYTES):
            self._queue.append((way, data[begin : begin + PIECE_BYTES]))
        if not data:
            self._queue.append((way, b""))
        self._queued += len(data)
        self._wake.set()
        if self._queued > QUEUE_BYTES:
            self._held_up.add(way)
            way.hold()

    async def _carry(self) -> None:
        loop = asyncio.get_running_loop()
        free = 0.0
        while True:
            while not self._queue:
                self._wake.clear()
                await self._wake.wait()
            await self.open.wait()
            way, piece = self._queue.popleft()
            now = loop.time()
            free = max(free, now)
            if self._rate:
                free += len(piece) / self._rate
            loop.call_at(free + self._delay, way.deliver, piece)
            if free - now > 0.002:  # timers are no finer
                await asyncio.sleep(free - now)
            self._queued -= len(piece)
            if self._held_up and self._queued <= QUEUE_BYTES // 2:
                held_up, self._held_up = self._held_up, set()
                for each in held_up:
                    each.go_on()


class Way(asyncio.Protocol):
    """One direction of one connection: what comes in here goes out at ``other``."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self.other: asyncio.Transport | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._lane.put(self, data)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._lane.put(self, b"")

    def hold(self) -> None:
        if self.transport:
            self.transport.pause_reading()

    def go_on(self) -> None:
        if self.transport and not self.transport.is_closing():
            self.transport.resume_reading()

    def deliver(self, piece: bytes) -> None:
        if self.other and not self.other.is_closing():
            if piece:
                self.other.write(piece)
            else:
                self.other.close()


async def main(port: int, rate: float, delay: float) -> None:
    up, down = Lane(rate, delay), Lane(rate, delay)
    loop = asyncio.get_running_loop()

    class Near(Way):
        """The client's side: the connection to the server is made when the client comes."""

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            assert self.transport
            self.transport.pause_reading()
            self._opening = asyncio.ensure_future(self._open())

        async def _open(self) -> None:
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setblocking(False)
            await loop.sock_connect(sock, ("127.0.0.1", port))
            _, far = await loop.create_connection(lambda: Way(down), sock=sock)
            assert self.transport
            self.other, far.other = far.transport, self.transport
            raw = self.transport.get_extra_info("socket")
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.transport.resume_reading()

    server = await loop.create_server(lambda: Near(up), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        for lane in (up, down):
            if line.strip() == "black":
                lane.open.clear()
            else:
                lane.open.set()
    server.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])))
