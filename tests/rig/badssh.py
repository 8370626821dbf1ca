"""Ssh servers that hang, close or talk nonsense, each at one stage, in processes of their own."""

from __future__ import annotations

import ast
import contextlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from tests.rig.agent import generate
from tests.rig.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHECKOUT = Path(__file__).parents[2]

# Where the client gets no answer, and what it got before.
HANGS = {
    "syn": "not even connected: the kernel ignores it",
    "banner": "connected, and nothing is said",
    "endless_banner": "lines before the banner, without end",
    "slow_banner": "the same, a line now and then",
    "garbage": "bytes that are no banner, then nothing",
    "kex": "the banner, then nothing",
    "kex_middle": "the server's KEXINIT, and nothing after the client's",
    "auth": "a key exchange, and no answer to any login",
    "channel": "a login, and no answer to a channel's opening",
    "exec": "a channel, and no answer to exec or shell",
    "command": "a command that says nothing and never ends",
    "rekey_stall": "KEXINIT during a command, and more output instead of new keys",
}
# Where the server closes the connection.
CLOSES = {
    "close_accept": "at once",
    "close_banner": "after its banner",
    "close_kex_init": "on the client's KEXINIT",
    "close_auth": "on a login",
    "close_channel": "on a channel's opening",
    "close_exec": "on exec or shell",
    "close_command": "in the middle of a command's line",
}
# What is wrong with what is sent.
NONSENSE = {
    "kex_garbage": "bytes that are no packet, after the banner",
    "endless": "output without end",
    "endless_stderr": "the same on stderr",
    "endless_line": "output without end or newline",
    "slow": "output without end, a line now and then",
    "huge": "100 MB of output",
    "bad_bytes": "``badserver.BAD_BYTES`` in stdout, stderr and the login's banner",
    "no_status": "output, and an end without a status",
}
STAGES = {**HANGS, **CLOSES, **NONSENSE, "good": "`good` for every command, and status 0"}


class Event(NamedTuple):
    at: float  # on time.monotonic()'s clock
    what: str  # connection, kex_init, auth, channel, exec, rekey, stage
    detail: str  # auth: `password USER`, `publickey USER FINGERPRINT offered|signed`; exec: the command


class BadSsh:
    """One server on 127.0.0.1 that takes every user, key and password.

    Args:
        stage: One of ``STAGES``.

    Attributes:
        port: Where it listens.
        key: Its host key.
    """

    def __init__(self, stage: str) -> None:
        if stage not in STAGES:
            raise ValueError(f"no stage {stage!r}: {', '.join(STAGES)}")
        self.stage = stage
        self.folder = Path(tempfile.mkdtemp(prefix="mbbad-", dir="/tmp"))
        self.key = generate(self.folder / "host_ed25519")
        with (self.folder / "errors").open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.rig.badserver", stage, str(self.folder)],
                cwd=CHECKOUT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert self.process.stdout is not None
        said = self.process.stdout.readline()
        if not said:
            self.process.wait()
            errors = (self.folder / "errors").read_text()
            self.close()
            raise AssertionError(f"the bad ssh server ended:\n{errors}")
        self.port = int(said)

    @property
    def host_key_line(self) -> str:
        """The line of a known_hosts file."""
        return self.key.known_host("127.0.0.1", self.port)

    @property
    def connections(self) -> int:
        """How many were made so far; for ``syn``, tried."""
        return len(self.events("connection"))

    def events(self, what: str | None = None) -> list[Event]:
        """What happened so far, or all of one kind."""
        found = []
        for line in (self.folder / "events").read_text().splitlines():
            at, kind, detail = line.split(" ", 2)
            found.append(Event(float(at), kind, ast.literal_eval(detail)))
        return [event for event in found if what in (None, event.what)]

    def wait_for(self, what: str, count: int = 1, *, seconds: float = 10) -> list[Event]:
        """Wait until something has happened ``count`` times."""
        until(lambda: len(self.events(what)) >= count, f"{count} × {what} at {self.stage}", seconds=seconds)
        return self.events(what)

    def become(self, stage: str) -> None:
        """Do otherwise with new connections, as after a repair. Not from or to ``syn``."""
        if stage not in STAGES or "syn" in (stage, self.stage):
            raise ValueError(f"no way from {self.stage!r} to {stage!r}")
        assert self.process.stdin is not None
        count = len(self.events("stage"))
        self.process.stdin.write(f"{stage}\n")
        self.process.stdin.flush()
        self.wait_for("stage", count + 1)
        self.stage = stage

    def close(self) -> None:
        """End it, which resets its connections; a second time does nothing."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@pytest.fixture
def start_badssh() -> Iterator[Callable[[str], BadSsh]]:
    """Call it with one of ``STAGES`` for a running server that is bad there."""
    with contextlib.ExitStack() as stack:

        def start(stage: str) -> BadSsh:
            bad = BadSsh(stage)
            stack.callback(bad.close)
            return bad

        yield start
