"""A connection through another one, in the place of a socket."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import paramiko

STEP_S = 0.01  # between looks at a window that is used up: 2 MiB that a host has not taken in


class Tunnel:
    """What paramiko's transport needs of a socket, over a channel of another transport.

    A channel closed by one thread while another sends leaves data behind its close. sshd takes that for an
    attack and ends the whole connection, with all that goes through it; so one waits for the other here.
    """

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel
        self._timeout: float | None = None
        self._sending = threading.Lock()
        self._closed = False  # paramiko looks at it, as it is a socket's

    def settimeout(self, timeout: float | None) -> None:
        self._timeout = timeout
        self._channel.settimeout(timeout)

    def recv(self, size: int) -> bytes:
        data: bytes = self._channel.recv(size)
        return data

    def send(self, data: bytes) -> int:
        """Send what the window has room for. Raises ``TimeoutError`` when it has none for long."""
        until = time.monotonic() + (self._timeout or STEP_S)
        while True:
            with self._sending:
                if self._closed:
                    raise OSError("the connection is closed")
                if self._channel.closed or self._channel.send_ready():
                    return int(self._channel.send(data))
            if time.monotonic() > until:
                raise TimeoutError
            time.sleep(STEP_S)

    def close(self) -> None:
        """Close it; may wait for what is being sent. Idempotent."""
        with self._sending:
            self._closed = True
            self._channel.close()
