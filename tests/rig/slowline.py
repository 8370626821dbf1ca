"""A far-away service: a TCP relay that delays what passes, and can hold the answers back."""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections import deque

from tests.rig.relay import BLOCK_BYTES, Relay


class SlowLine(Relay):
    """Relays to a loopback port. Use as a context manager.

    Attributes:
        delay: Seconds that each answer takes longer, from now on.
    """

    def __init__(self, target: int, delay: float = 0) -> None:
        super().__init__(target)
        self.delay = delay
        self._held = False
        self._far_of: dict[socket.socket, socket.socket] = {}
        self._near_of: dict[socket.socket, socket.socket] = {}
        self._late: deque[tuple[float, socket.socket, bytes]] = deque()

    def hold(self) -> None:
        """Let no answer through until ``release``; what the page sends still arrives."""
        self._held = True

    def release(self) -> None:
        self._held = False
        self._wake.send(b"!")

    def _run(self) -> None:
        while not self._ending:
            for key, _ in self._selector.select(self._patience()):
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj is self._woken:
                    self._woken.recv(BLOCK_BYTES)
                else:
                    self._read(key.fileobj)  # type: ignore[arg-type]
            while self._late and not self._held and self._late[0][0] <= time.monotonic():
                _, near, data = self._late.popleft()
                self._answer(near, data)
        for near in list(self._far_of):
            self._close(near)
        self._selector.close()

    def _patience(self) -> float | None:
        if self._held or not self._late:
            return None
        return max(0.0, self._late[0][0] - time.monotonic())

    def _accept(self) -> None:
        near, _ = self._listener.accept()
        far = socket.create_connection(("127.0.0.1", self.target))
        for end in (near, far):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._selector.register(end, selectors.EVENT_READ)
        self._far_of[near] = far
        self._near_of[far] = near

    def _read(self, end: socket.socket) -> None:
        if end not in self._far_of and end not in self._near_of:
            return  # closed in this same round
        data = b""
        with contextlib.suppress(OSError):
            data = end.recv(BLOCK_BYTES)
        if end in self._near_of:
            self._late.append((time.monotonic() + self.delay, self._near_of[end], data))
            if not data:
                self._selector.unregister(end)  # its end is told after what it said
        elif not data:
            self._close(end)
        else:
            with contextlib.suppress(OSError):
                self._far_of[end].sendall(data)

    def _answer(self, near: socket.socket, data: bytes) -> None:
        if near not in self._far_of:
            return
        sent = False
        with contextlib.suppress(OSError):
            near.sendall(data)
            sent = bool(data)
        if not sent:
            self._close(near)

    def _close(self, near: socket.socket) -> None:
        far = self._far_of.pop(near)
        self._near_of.pop(far)
        for end in (near, far):
            with contextlib.suppress(KeyError):
                self._selector.unregister(end)
            end.close()
