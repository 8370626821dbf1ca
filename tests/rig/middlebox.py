"""A box in the way that carries plain requests, and does not carry WebSockets or streams as it should."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Literal

from tests.faults.proxy import BLOCK_BYTES, Proxy

if TYPE_CHECKING:
    import socket

UPGRADE = b"upgrade: websocket"
STREAM = b"content-type: text/event-stream"


class Middlebox(Proxy):
    """A proxy that swallows WebSockets and never says so.

    Args:
        target: The service's port.
        manner: ``eats``: an upgrade is never answered. ``mute``: a socket opens, and then nothing comes.
        streams: ``holds``: of a stream of events nothing comes, not even its head. ``cuts``: a stream ends
            once it is older than ``cut_s``, as soon as something more comes. None: they pass.
        cut_s: Seconds.

    Attributes:
        clear: Set, it lets everything through.
        upgrades: How many it has seen.
        streams: How many streams of events it has held or cut.
    """

    def __init__(
        self,
        target: int,
        manner: Literal["eats", "mute"] = "eats",
        streams: Literal["holds", "cuts"] | None = None,
        cut_s: float = 2,
    ) -> None:
        super().__init__(target)
        self.manner = manner
        self.to_streams = streams
        self.cut_s = cut_s
        self.clear = False
        self.upgrades = 0
        self.streams = 0
        self._awaited: set[socket.socket] = set()
        self._swallowed: set[socket.socket] = set()
        self._streaming: dict[socket.socket, float] = {}

    def _forward(self, end: socket.socket) -> None:
        other, data = self._peers[end], b""
        with contextlib.suppress(OSError):
            data = end.recv(BLOCK_BYTES)
            # A browser opens a connection for each socket, so the upgrade is the first that it carries.
            if end in self._swallowed:
                pass
            elif end in self._awaited:
                self._awaited.discard(end)
                self._swallowed.add(end)
                head, gap, _ = data.partition(b"\r\n\r\n")
                other.sendall(head + gap)
            elif UPGRADE in data.lower():
                self._upgrade(end, other, data)
            elif self.to_streams and not self.clear and self._of_stream(end, data):
                data = self._stream(end, other, data)
            else:
                other.sendall(data)
        if not data:
            self._awaited -= {end, other}
            self._swallowed -= {end, other}
            for one in (end, other):
                self._streaming.pop(one, None)
            self._close(end)

    def _upgrade(self, near: socket.socket, far: socket.socket, request: bytes) -> None:
        self.upgrades += 1
        if self.clear or self.manner == "mute":
            far.sendall(request)
        if not self.clear:
            self._swallowed.add(near)
            if self.manner == "mute":
                self._awaited.add(far)

    def _of_stream(self, far: socket.socket, data: bytes) -> bool:
        return far in self._streaming or STREAM in data.partition(b"\r\n\r\n")[0].lower()

    def _stream(self, far: socket.socket, near: socket.socket, data: bytes) -> bytes:
        """Pass on what may pass; returns what came, nothing where the stream is to end."""
        if far not in self._streaming:
            self.streams += 1
        began = self._streaming.setdefault(far, time.monotonic())
        if self.to_streams == "holds":
            return data
        if time.monotonic() - began > self.cut_s:
            return b""
        near.sendall(data)
        return data
