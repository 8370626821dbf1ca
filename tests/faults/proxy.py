"""A network that can be cut: a TCP proxy in front of a service, in a thread of its own."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading

from tests.rig.relay import BLOCK_BYTES, Relay

RESET = struct.pack("ii", 1, 0)  # close() sends RST, as a network does that is gone


class Proxy(Relay):
    """Forwards connections to a loopback port. Use as a context manager.

    Attributes:
        connections: How many it has accepted.
        refused: How many came while it was cut.
    """

    def __init__(self, target: int) -> None:
        super().__init__(target)
        self.connections = 0
        self.refused = 0
        self._whole = True
        self._drop = threading.Event()
        self._dropped = threading.Event()
        self._peers: dict[socket.socket, socket.socket] = {}

    def drop(self) -> None:
        """Reset every connection; new ones are welcome. Returns when it is done."""
        self._dropped.clear()
        self._drop.set()
        self._wake.send(b"!")
        self._dropped.wait(5)

    def cut(self) -> None:
        """Reset every connection, and new ones too, until ``mend``."""
        self._whole = False
        self.drop()

    def mend(self) -> None:
        self._whole = True

    def _run(self) -> None:
        while not self._ending:
            for key, _ in self._selector.select():
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj is self._woken:
                    self._woken.recv(BLOCK_BYTES)
                elif key.fileobj in self._peers:
                    self._forward(key.fileobj)  # type: ignore[arg-type]
            if self._drop.is_set():
                self._drop.clear()
                self._close_all()
                self._dropped.set()
        self._close_all()
        self._selector.close()

    def _accept(self) -> None:
        near, _ = self._listener.accept()
        if not self._whole:
            self.refused += 1
            _reset(near)
            return
        self.connections += 1
        far = socket.create_connection(("127.0.0.1", self.target))
        for one, other in ((near, far), (far, near)):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._peers[one] = other
            self._selector.register(one, selectors.EVENT_READ)

    def _forward(self, end: socket.socket) -> None:
        data = b""
        with contextlib.suppress(OSError):
            data = end.recv(BLOCK_BYTES)
            self._peers[end].sendall(data)
        if not data:
            self._close(end)

    def _close(self, end: socket.socket) -> None:
        other = self._peers.pop(end)
        self._peers.pop(other)
        for one in (end, other):
            self._selector.unregister(one)
            _reset(one)

    def _close_all(self) -> None:
        while self._peers:
            self._close(next(iter(self._peers)))


def _reset(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    end.close()
