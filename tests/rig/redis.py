"""A real redis-server on loopback, with a password, that can be stopped, started, held and killed."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.rig.ports import free_ports
from tests.rig.tls import certificate
from tests.rig.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORD = "of the test's redis"


class Redis:
    """One server; what it holds is gone when it stops.

    Attributes:
        port: Where it listens.
        tls_port: Where it listens with TLS, as ``localhost``.
        certificate: What it shows there, and its key.
    """

    def __init__(self) -> None:
        self.port, self.tls_port = free_ports(2)
        self.folder = Path(tempfile.mkdtemp(prefix="mbredis-", dir="/tmp"))
        self.certificate = certificate(self.folder, "localhost")
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"redis://:{PASSWORD.replace(' ', '%20')}@127.0.0.1:{self.port}/0"

    @property
    def tls_url(self) -> str:
        return f"rediss://:{PASSWORD.replace(' ', '%20')}@localhost:{self.tls_port}/0"

    def start(self) -> None:
        words = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        words += ["--requirepass", PASSWORD, "--dir", str(self.folder), "--logfile", str(self.folder / "log")]
        words += ["--tls-port", str(self.tls_port), "--tls-auth-clients", "no"]
        for what in ("cert", "key", "ca-cert"):
            words += [f"--tls-{what}-file", str(self.certificate)]
        self.process = subprocess.Popen(["redis-server", *words], stdin=subprocess.DEVNULL)
        until(self.answers, "redis to answer")

    def answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as link:
            link.settimeout(1)
            link.sendall(b"PING\r\n")
            return link.recv(64).startswith(b"-NOAUTH")
        return False

    def stop(self) -> None:
        """End it; idempotent."""
        if self.process is not None:
            self.hold(False)
            self.process.terminate()
            self.process.wait(10)
            self.process = None

    def ask(self, *words: str | bytes) -> object:
        """Run one command."""
        import redis

        with redis.Redis.from_url(self.url) as client:
            return client.execute_command(*words)

    def hold(self, on: bool = True) -> None:
        """It takes connections and answers nothing, or goes on."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGSTOP if on else signal.SIGCONT)

    def close(self) -> None:
        self.stop()
        for path in sorted(self.folder.rglob("*"), reverse=True):
            path.unlink()
        self.folder.rmdir()


@pytest.fixture
def redis() -> Iterator[Redis]:
    """A server of this test's own."""
    server = Redis()
    yield server
    server.close()
