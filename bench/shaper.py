"""A process between client and server that is a link: a rate, a delay, a short queue; it can go black.

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


class Link:
    """The rate, the delay, and whether anything goes through."""

    def __init__(self, rate: float, delay: float) -> None:
        self.rate, self.delay = rate, delay
        self.open = asyncio.Event()
        self.open.set()


class Way(asyncio.Protocol):
    """One direction of one connection: what comes in here goes out at ``other``."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.other: asyncio.Transport | None = None
        self.transport: asyncio.Transport | None = None
        self._queue: deque[bytes] = deque()
        self._queued = 0
        self._free = 0.0
        self._wake = asyncio.Event()
        self._ended = False
        self._task = asyncio.ensure_future(self._carry())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._queue.append(data)
        self._queued += len(data)
        self._wake.set()
        if self._queued > QUEUE_BYTES and self.transport:
            self.transport.pause_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._ended = True
        self._wake.set()

    async def _carry(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            while not self._queue:
                if self._ended:
                    if self.other:
                        self.other.close()
                    return
                self._wake.clear()
                await self._wake.wait()
            await self._link.open.wait()
            data = self._queue.popleft()
            for begin in range(0, len(data), PIECE_BYTES):
                piece = data[begin : begin + PIECE_BYTES]
                now = loop.time()
                self._free = max(self._free, now)
                if self._link.rate:
                    self._free += len(piece) / self._link.rate
                loop.call_at(self._free + self._link.delay, self._deliver, piece)
                if self._free - now > 0.002:  # timers are no finer
                    await asyncio.sleep(self._free - now)
                await self._link.open.wait()
                self._queued -= len(piece)
            if self._queued <= QUEUE_BYTES // 2 and self.transport and not self.transport.is_closing():
                self.transport.resume_reading()

    def _deliver(self, piece: bytes) -> None:
        if self.other and not self.other.is_closing():
            self.other.write(piece)


async def main(port: int, rate: float, delay: float) -> None:
    link = Link(rate, delay)
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
            _, far = await loop.create_connection(lambda: Way(link), sock=sock)
            assert self.transport
            self.other, far.other = far.transport, self.transport
            raw = self.transport.get_extra_info("socket")
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.transport.resume_reading()

    server = await loop.create_server(lambda: Near(link), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        if line.strip() == "black":
            link.open.clear()
        else:
            link.open.set()
    server.close()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])))
