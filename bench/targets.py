"""What carries the terminals: the bare PTY, stock terminado, muxboard; plain programs or tmux."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import json
import socket
import sys
import time
from typing import TYPE_CHECKING, Protocol

from bench.http import Http
from bench.lines import Line, PtyLine, TerminadoLine
from bench.muxboard import MuxboardLine
from bench.pace import FAST, Pace
from bench.process import Process
from bench.programs import PROMPT
from bench.tmux import Tmux

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.workshop import Workshop

START_S = 20.0
READY_S = 15.0
PASTE_BYTES = 256 * 1024
CAP = 400
BY_TOKEN = """\
[auth]
gate = "token"
[auth.token]
token_env = "MUXBOARD_TOKEN"
"""

CONFIG = """\
[server]
bind = "127.0.0.1:{port}"
{auth}
[limits]
attaches_per_principal = {cap}
attaches_global = {cap}
requests = "100000/minute"
login_failures = "1000000/minute"
[[hosts]]
key = "local"
local = true
tmux_users = ["{user}"]
"""


class Target(Protocol):
    """One column of the table."""

    name: str
    server: Process | None  # what is measured; None for a bare PTY, which this process reads itself
    tmux: Tmux | None

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def prepare(self, program: str) -> str:
        """Make what ``open`` attaches to, where that takes a step of its own."""
        ...

    async def open(self, key: str, pace: Pace = FAST) -> Line: ...
    def spec(self) -> dict[str, str | int] | None:
        """Return what another process needs for ``reach``; None where only this process can open."""
        ...


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


async def answering(port: int, server: Process) -> None:
    """Wait until a server accepts. Raises: RuntimeError, TimeoutError."""
    async with asyncio.timeout(START_S):
        while True:
            if not server.alive:
                raise RuntimeError(f"it ended while it started: {server.last_words()}")
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.02)


class Bare:
    """The PTY with nothing between it and the client; with tmux, ``tmux attach`` on it."""

    server: Process | None = None

    def __init__(self, workshop: Workshop, *, tmux: bool) -> None:
        self.name = "tmux attach" if tmux else "raw PTY"
        self._workshop = workshop
        self.tmux = Tmux(workshop) if tmux else None

    async def start(self) -> None:
        if self.tmux:
            self.tmux.start()

    async def stop(self) -> None:
        if self.tmux:
            self.tmux.stop()

    def prepare(self, program: str) -> str:
        return self.tmux.make(program) if self.tmux else program

    async def open(self, key: str, pace: Pace = FAST) -> Line:
        if self.tmux:
            return PtyLine(self.tmux.attach(key), pace, self.tmux.environment)
        return PtyLine(self._workshop.programs[key], pace, self._workshop.environment())

    def spec(self) -> None:
        return None


class Terminado:
    """Stock terminado in a process of its own."""

    tmux: Tmux | None = None

    def __init__(self, workshop: Workshop) -> None:
        self.name = "terminado"
        self._workshop = workshop
        self.port = free_port()
        self.server: Process | None = None

    async def start(self) -> None:
        argv = [
            sys.executable,
            "-m",
            "bench.peers.stock",
            str(self.port),
            str(self._workshop.folder / "programs.json"),
        ]
        log = self._workshop.folder / "terminado.log"
        self.server = Process(argv, env=self._workshop.environment(), log=log)
        await answering(self.port, self.server)

    async def stop(self) -> None:
        if self.server:
            self.server.stop()

    def prepare(self, program: str) -> str:
        return program

    async def open(self, key: str, pace: Pace = FAST) -> Line:
        return await TerminadoLine.open(self.port, key, pace)

    def spec(self) -> dict[str, str | int]:
        return {"kind": "terminado", "port": self.port}


class Muxboard:
    """The service: as it is over a private tmux, or with plain programs in place of ``tmux attach``.

    ``more`` is configuration: further hosts. ``auth`` is its gate, ``token`` what gets through. ``fixed``
    gives it ttyd's watermarks in place of its window.
    """

    def __init__(
        self,
        workshop: Workshop,
        *,
        tmux: bool,
        more: str = "",
        auth: str = BY_TOKEN,
        token: str = "",
        fixed: bool = False,
    ) -> None:
        self.name = "muxboard, tmux" if tmux else "fixed watermarks" if fixed else "muxboard, plain"
        self._options = ["--fixed"] if fixed else []
        self._more = more
        self._workshop = workshop
        self.port = free_port()
        self.log = workshop.folder / f"{self.name} {self.port}.log"
        self.token = token or workshop.token
        self._auth = auth
        self.tmux = Tmux(workshop) if tmux else None
        self.server: Process | None = None
        self.start_s = 0.0

    async def start(self) -> None:
        folder = self._workshop.folder
        config = folder / f"muxboard-{self.port}.toml"
        config.write_text(
            CONFIG.format(port=self.port, cap=CAP, user=getpass.getuser(), auth=self._auth) + self._more
        )
        if self.tmux:
            self.tmux.start()
            argv = [sys.executable, "-m", "muxboard", "serve", "-c", str(config)]
            env = self.tmux.environment
        else:
            argv = [sys.executable, "-m", "bench.server", "-c", str(config), str(folder / "programs.json")]
            argv += self._options
            env = self._workshop.environment(TMUX_TMPDIR=str(folder))
        since = time.perf_counter()
        self.server = Process(argv, env={**env, "MUXBOARD_TOKEN": self._workshop.token}, log=self.log)
        await answering(self.port, self.server)
        self.start_s = time.perf_counter() - since

    async def stop(self) -> None:
        if self.server:
            self.server.stop()
        if self.tmux:
            self.tmux.stop()

    def prepare(self, program: str) -> str:
        return self.tmux.make(program) if self.tmux else program

    async def open(self, key: str, pace: Pace = FAST, http: Http | None = None) -> Line:
        return await MuxboardLine.open(self.port, self.token, muxboard_target(key), pace, http)

    def http(self) -> Http:
        return Http(self.port, self.token)

    def spec(self) -> dict[str, str | int]:
        return {"kind": "muxboard", "port": self.port, "token": self.token}


def muxboard_target(key: str) -> dict[str, str]:
    return {"host": "local", "user": getpass.getuser(), "session": key}


async def reach(spec: dict[str, str | int], key: str, pace: Pace) -> Line:
    """Open a line from another process than the one that started the target."""
    port = int(spec["port"])
    if spec["kind"] == "terminado":
        return await TerminadoLine.open(port, key, pace)
    return await MuxboardLine.open(port, str(spec["token"]), muxboard_target(key), pace)


async def begin(line: Line, key: str, pace: Pace) -> None:
    """Bring a background line to work: a flood flows, a deaf program has its paste, a stalled one stops."""
    await line.expect(PROMPT, READY_S)
    if key.startswith(("flood", "paced")):
        line.send(b"g")
    elif key.startswith("deaf"):
        line.send(b"#" * PASTE_BYTES)
    if pace.stalled:
        line.stall()


@contextlib.asynccontextmanager
async def background(target: Target, program: str, count: int, pace: Pace = FAST) -> AsyncIterator[None]:
    """Keep ``count`` lines busy beside what is measured, read by another process if there is a server."""
    keys = [target.prepare(program) for _ in range(count)]
    spec = target.spec()
    if spec is None:
        lines = [await target.open(key, pace) for key in keys]
        try:
            for line, key in zip(lines, keys, strict=True):
                await begin(line, key, pace)
            await asyncio.sleep(0.5)
            yield
        finally:
            for line in lines:
                await line.close()
    else:
        order = json.dumps({"spec": spec, "keys": keys, "pace": pace.name})
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bench.load",
            order,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert child.stdin
        assert child.stdout
        try:
            async with asyncio.timeout(READY_S + count):
                if await child.stdout.readline() != b"ready\n":
                    raise RuntimeError(f"{target.name}: the background load did not start")
            await asyncio.sleep(0.5)
            yield
        finally:
            child.stdin.close()
            try:
                await asyncio.wait_for(child.wait(), 10)
            except TimeoutError:
                child.kill()
                await child.wait()
    if target.tmux:
        for key in keys:
            target.tmux.kill(key)
