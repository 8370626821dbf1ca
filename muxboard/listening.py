"""The sockets that the service listens on, and what mends each way in which one cannot be had."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
from typing import TYPE_CHECKING

from tornado.netutil import bind_sockets, bind_unix_socket

from muxboard.config import ConfigError

if TYPE_CHECKING:
    from muxboard.config.values import Bind

SOCKET_MODE = 0o660  # of a Unix socket: its user and its group


class Listening:
    """Opens sockets; closes them, and takes the files of Unix sockets away.

    Args:
        source: The configuration's file, for what is said; "" for none.
    """

    def __init__(self, source: str) -> None:
        self._source = source or "configuration"
        self._sockets: list[socket.socket] = []
        self._files: list[tuple[str, os.stat_result]] = []

    def open(self, field: str, bind: Bind) -> list[socket.socket]:
        """Return listening sockets for an address. A Unix socket that nobody listens on any more is replaced.

        Raises:
            ConfigError: In one line: which field, why not, and what mends it.
        """
        try:
            if bind.path:
                opened = [self._unix(bind.path)]
            else:
                opened = bind_sockets(bind.port, bind.host, reuse_port=False)
        except OSError as error:
            raise ConfigError([f"{self._source}: server.{field}: {_why(bind, error)}"]) from error
        self._sockets += opened
        return opened

    def _unix(self, path: str) -> socket.socket:
        with contextlib.suppress(FileNotFoundError):
            if not stat.S_ISSOCK(os.lstat(path).st_mode):
                raise FileExistsError(errno.EEXIST, "is there and is no socket")
            with contextlib.suppress(ConnectionRefusedError), socket.socket(socket.AF_UNIX) as probe:
                probe.connect(path)
                raise OSError(errno.EADDRINUSE, "is taken")
        bound = bind_unix_socket(path, SOCKET_MODE)
        self._files.append((path, os.lstat(path)))
        return bound

    def close(self) -> None:
        """Close what still listens. Our sockets' files go, and nobody else's. Idempotent."""
        while self._sockets:
            self._sockets.pop().close()
        while self._files:
            path, ours = self._files.pop()
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(ours, os.lstat(path)):
                    os.unlink(path)  # noqa: PTH108


def _why(bind: Bind, error: OSError) -> str:
    folder = os.path.dirname(bind.path)  # noqa: PTH120
    match error.errno:
        case errno.EADDRINUSE if bind.path:
            return f"somebody listens on {bind} already: stop them (ss -xlp), or choose another path"
        case errno.EADDRINUSE:
            return f"{bind} is taken: stop who listens there (ss -tlnp), or choose another port"
        case errno.EADDRNOTAVAIL:
            return f"{bind} is no address of this machine: choose one of ip -brief address"
        case errno.EACCES if not bind.path:
            return f"{bind} is for root alone: choose a port from 1024 on, and put a proxy in front"
        case errno.EEXIST:
            return f"{bind.path} exists and is not a socket: remove it, or choose another path"
        case errno.ENOENT | errno.ENOTDIR:
            return f"there is no folder {folder}: make it, with RuntimeDirectory= in a systemd unit"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return f"{folder} cannot be written to: chown it to the service's user, or choose another"
    return f"{bind} cannot be had: {error.strerror or error}: choose another address"
