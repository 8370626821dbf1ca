"""What stands between a client and a loopback port: a TCP relay in a thread of its own."""

from __future__ import annotations

import selectors
import socket
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

BLOCK_BYTES = 64 * 1024


class Relay:
    """Listens from the start, and relays while it is entered. Use as a context manager.

    Attributes:
        target: The port that it relays to.
        port: Where it listens.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._wake, self._woken = socket.socketpair()
        self._ending = False
        self._selector = selectors.DefaultSelector()
        self._thread = threading.Thread(target=self._run, name=type(self).__name__)

    def __enter__(self) -> Self:
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending = True
        self._wake.send(b"!")
        self._thread.join()
        for end in (self._listener, self._wake, self._woken):
            end.close()

    def _run(self) -> None:
        """Relay until ``_ending``; then close what was accepted, and the selector."""
        raise NotImplementedError
