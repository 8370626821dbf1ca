"""A bad network on the test's own loop: a TCP proxy that delays, slows, splits, swallows and cuts."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from typing import Self

BLOCK_BYTES = 64 * 1024
RESET = struct.pack("ii", 1, 0)

# What a client of a connection sees that was cut. One that waits in vain and gives up sees a TimeoutError.
LOST = (ConnectionError, asyncio.IncompleteReadError)


class BadLink:
    """Forwards connections to a loopback port. Use as an async context manager.

    Attributes:
        port: Where it listens.
        connections: How many it has accepted.
        delay_s: What each block waits, in each direction,
        jitter_s: and at most so much more. Blocks stay in order.
        rate: Bytes per second in each direction of each connection; 0 = no limit.
        split: Whether each byte is sent alone.
        swallows: A black hole: what comes is read and thrown away, and nobody is told.
        stops: Half-open: nothing is read, as by a peer that has gone.
        holds: Nothing goes on, and nothing is lost: it comes when this is over.
    """

    def __init__(self, target: int, seed: int = 0) -> None:
        self.target = target
        self.port = 0
        self.connections = 0
        self.delay_s = self.jitter_s = self.rate = 0.0
        self.split = self.swallows = self.stops = self.holds = False
        self._chance = random.Random(seed)  # noqa: S311  the same again
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.cut()
        await asyncio.sleep(0)

    def cut(self, *, reset: bool = True) -> None:
        """End every connection, with an RST or a FIN; new ones are welcome."""
        for writer in list(self._writers):
            end = writer.get_extra_info("socket")
            if reset and end is not None and end.fileno() >= 0:
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort() if reset else writer.close()
        self._writers.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target)
        self._writers |= {writer, far_writer}
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.ensure_future(self._forward(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _forward(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while True:
                while self.stops:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                data = await source.read(BLOCK_BYTES)
                if not data:
                    break
                if self.delay_s or self.jitter_s:
                    await asyncio.sleep(self.delay_s + self.jitter_s * self._chance.random())
                if self.rate:
                    await asyncio.sleep(len(data) / self.rate)
                if self.swallows or self.stops:
                    continue
                while self.holds:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
                for piece in [data[at : at + 1] for at in range(len(data))] if self.split else [data]:
                    sink.write(piece)
                    await sink.drain()
        except (ConnectionError, OSError):
            pass
        finally:
            self._writers.discard(sink)
            sink.close()
