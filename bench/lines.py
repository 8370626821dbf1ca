"""One terminal as its client sees it, whatever carries it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import json
import os
import signal
import struct
import subprocess
import termios
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import msgspec

from bench.pace import FAST, Pace
from bench.websocket import TEXT, WebSocket

if TYPE_CHECKING:
    from collections.abc import Callable

COLS, ROWS = 80, 24
READ_BYTES = 64 * 1024
EARLY_BYTES = 1024 * 1024  # kept for a listener that comes after the first output
DRAW_TICK_S = 0.01

Output = memoryview | bytes


class LostError(Exception):
    """The line ended, or did not answer, where it should have."""


async def first(*futures: asyncio.Future[Any], timeout_s: float) -> bool:
    """Wait until one of them is done; return whether one is. None of them is cancelled."""
    done, _ = await asyncio.wait(futures, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    return bool(done)


class Line:
    """Base of the lines: the pace of its client, and waiting for output."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.received = 0  # bytes that came over the link
        self.drawn = 0  # bytes that the client has parsed
        self.backlog_peak = 0
        self.loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[str] = self.loop.create_future()
        self._listener: Callable[[Output], None] | None = None
        self._early = bytearray()
        self._backlog: deque[bytes] = deque()
        self._drawing = False

    # What a carrier implements

    def send(self, data: bytes) -> None:
        raise NotImplementedError

    def stall(self) -> None:
        raise NotImplementedError

    def go_on(self) -> None:
        raise NotImplementedError

    async def close(self) -> None:
        raise NotImplementedError

    def parsed(self) -> None:
        """``drawn`` has moved: a carrier with flow control tells its server."""

    # What a measure uses

    def listen(self, listener: Callable[[Output], None] | None) -> None:
        """Hand parsed output to ``listener`` from now on, first what came before it."""
        self._listener = listener
        if listener and self._early:
            early, self._early = bytes(self._early), bytearray()
            listener(early)

    def ignore(self) -> None:
        """Drop parsed output from now on."""
        self._early.clear()
        self._listener = lambda _: None

    async def expect(self, needle: bytes, timeout_s: float) -> float:
        """Return the time at which ``needle`` was parsed. Raises: LostError, TimeoutError."""
        found: asyncio.Future[float] = self.loop.create_future()
        keep = len(needle) - 1
        tail = b""

        def look(output: Output) -> None:
            nonlocal tail
            text = tail + bytes(output)
            if needle in text and not found.done():
                found.set_result(time.perf_counter())
            tail = text[-keep:] if keep else b""

        self.listen(look)
        try:
            done = await first(found, self.ended, timeout_s=timeout_s)
        finally:
            self.ignore()
        if found.done():
            return found.result()
        if done:
            raise LostError(self.ended.result())
        raise TimeoutError(f"{needle!r} not seen in {timeout_s} s")

    def finish(self, reason: str) -> None:
        """The server ended the terminal, or the connection was lost."""
        if not self.ended.done():
            self.ended.set_result(reason)

    def arrived(self, output: Output) -> None:
        """Bytes came over the link."""
        self.received += len(output)
        if self.pace.draw is None:
            self._draw(output)
            return
        self._backlog.append(bytes(output))
        self.backlog_peak = max(self.backlog_peak, self.received - self.drawn)
        if not self._drawing:
            self._drawing = True
            self.loop.call_later(DRAW_TICK_S, self._draw_slice, time.perf_counter())

    def _draw(self, output: Output) -> None:
        self.drawn += len(output)
        if self._listener:
            self._listener(output)
        elif len(self._early) < EARLY_BYTES:
            self._early += output
        self.parsed()

    def _draw_slice(self, since: float) -> None:
        assert self.pace.draw is not None
        now = time.perf_counter()
        room = int((now - since) * self.pace.draw)
        while self._backlog and room > 0:
            piece = self._backlog.popleft()
            if len(piece) > room:
                self._backlog.appendleft(piece[room:])
                piece = piece[:room]
            room -= len(piece)
            self._draw(piece)
        self._drawing = bool(self._backlog)
        if self._drawing:
            self.loop.call_later(DRAW_TICK_S, self._draw_slice, now)


class PtyLine(Line):
    """The bare PTY, read by this process: nothing can be faster."""

    def __init__(self, argv: list[str], pace: Pace = FAST, env: dict[str, str] | None = None) -> None:
        super().__init__(pace)
        self.master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLS, 0, 0))
        try:
            self._popen = subprocess.Popen(
                ["setsid", "--ctty", *argv], stdin=slave, stdout=slave, stderr=slave, env=env
            )
        finally:
            os.close(slave)
        os.set_blocking(self.master, False)
        self._unsent = bytearray()
        self._stalled = False
        self._due = 0.0
        self.loop.add_reader(self.master, self._readable)

    def _readable(self) -> None:
        try:
            data = os.read(self.master, READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            data = b""
            if error.errno != errno.EIO:
                raise
        if not data:
            self.loop.remove_reader(self.master)
            self.finish("exited")
            return
        self.arrived(data)
        if self.pace.link:
            now = time.monotonic()
            self._due = max(self._due, now) + len(data) / self.pace.link
            if self._due - now > 0.002 and not self.ended.done():
                self.loop.remove_reader(self.master)
                self.loop.call_later(self._due - now, self._read_on)

    def _read_on(self) -> None:
        if self.master >= 0 and not self._stalled:
            self.loop.add_reader(self.master, self._readable)

    def send(self, data: bytes) -> None:
        self._unsent += data
        self._write()

    def _write(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while self._unsent:
                del self._unsent[: os.write(self.master, self._unsent)]
        if self._unsent:
            self.loop.add_writer(self.master, self._write)
        else:
            self.loop.remove_writer(self.master)

    def stall(self) -> None:
        self._stalled = True
        self.loop.remove_reader(self.master)

    def go_on(self) -> None:
        self._stalled = False
        self._read_on()

    async def close(self) -> None:
        if self.master < 0:
            return
        self.loop.remove_reader(self.master)
        self.loop.remove_writer(self.master)
        os.close(self.master)
        self.master = -1
        for number in (signal.SIGHUP, signal.SIGKILL):
            if self._popen.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._popen.pid, number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    await asyncio.to_thread(self._popen.wait, 1.0)
        self.finish("closed")


class SocketLine(Line):
    """A terminal behind a WebSocket."""

    socket: WebSocket

    def stall(self) -> None:
        self.socket.stall()

    def go_on(self) -> None:
        self.socket.go_on()

    def _prepare(self, socket: WebSocket) -> None:
        self.socket = socket
        socket.on_close = lambda code: self.finish(f"closed {code}")


class TerminadoLine(SocketLine):
    """Stock terminado: JSON arrays in text frames, no acks."""

    @classmethod
    async def open(cls, port: int, program: str, pace: Pace = FAST) -> TerminadoLine:
        self = cls(pace)
        await WebSocket.connect(port, f"/{program}", pace=pace, prepare=self._prepare)
        self._tell("set_size", ROWS, COLS)
        return self

    def _prepare(self, socket: WebSocket) -> None:
        super()._prepare(socket)
        socket.on_text = self._on_text

    def _on_text(self, text: bytes) -> None:
        kind, *rest = msgspec.json.decode(text)
        if kind == "stdout":
            self.arrived(rest[0].encode())
        elif kind == "disconnect":
            self.finish("exited")

    def _tell(self, *message: object) -> None:
        self.socket.send(json.dumps(message).encode(), TEXT)

    def send(self, data: bytes) -> None:
        self._tell("stdin", data.decode())

    async def close(self) -> None:
        self.socket.close()
