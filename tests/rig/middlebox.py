"""A box in the way that carries plain requests and does not carry WebSockets."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Literal

from tests.faults.proxy import BLOCK_BYTES, Proxy

if TYPE_CHECKING:
    import socket

UPGRADE = b"upgrade: websocket"


class Middlebox(Proxy):
    """A proxy that swallows WebSockets and never says so.

    Args:
        target: The service's port.
        manner: ``eats``: an upgrade is never answered. ``mute``: a socket opens, and then nothing comes.

    Attributes:
        clear: Set, it lets everything through.
        upgrades: How many it has seen.
    """

    def __init__(self, target: int, manner: Literal["eats", "mute"]) -> None:
        super().__init__(target)
        self.manner = manner
        self.clear = False
        self.upgrades = 0
        self._awaited: set[socket.socket] = set()
        self._swallowed: set[socket.socket] = set()

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
            else:
                other.sendall(data)
        if not data:
            self._awaited -= {end, other}
            self._swallowed -= {end, other}
            self._close(end)

    def _upgrade(self, near: socket.socket, far: socket.socket, request: bytes) -> None:
        self.upgrades += 1
        if self.clear or self.manner == "mute":
            far.sendall(request)
        if not self.clear:
            self._swallowed.add(near)
            if self.manner == "mute":
                self._awaited.add(far)
