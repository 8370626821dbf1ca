"""Two services on the same sessions are restarted in turn, under terminals that come back as pages do."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import random
import sys
import time
from typing import TYPE_CHECKING

from bench.http import Refused
from bench.lines import LostError
from bench.muxboard import MuxboardLine
from bench.process import Process
from bench.programs import PROMPT
from bench.report import TMUX, Limit, Report, Row
from bench.stats import p95
from bench.targets import BY_TOKEN, CONFIG, answering, free_port, muxboard_target
from bench.tmux import Tmux
from bench.websocket import RefusedError

if TYPE_CHECKING:
    from pathlib import Path

    from bench.report import Value
    from bench.workshop import Workshop

GROUP = "Rolling restart"
TERMINALS = 200
SESSIONS = 40  # that they share
AT_ONCE = 20
READY_S = 30.0
DRAIN_S = 20.0  # the service's own
WINDOW_S = 0.1
# As the page does: told of a restart, it waits so long; refused, it tries again after a wait that doubles.
JITTER_S = (0.5, 2.0)
FIRST_WAIT_S, MOST_WAIT_S = 0.3, 6.0


class Server:
    """One of the two services, on a port that it keeps."""

    def __init__(self, workshop: Workshop, tmux: Tmux) -> None:
        self.port = free_port()
        self._folder: Path = workshop.folder
        self._environment = {**tmux.environment, "MUXBOARD_TOKEN": workshop.token}
        self._process: Process | None = None

    async def start(self) -> None:
        config = self._folder / f"muxboard-{self.port}.toml"
        text = CONFIG.format(port=self.port, cap=2 * TERMINALS, user=getpass.getuser(), auth=BY_TOKEN)
        config.write_text(text)
        argv = [sys.executable, "-m", "muxboard", "serve", "-c", str(config)]
        log = self._folder / f"muxboard-{self.port}.log"
        self._process = Process(argv, env=self._environment, log=log)
        await answering(self.port, self._process)

    async def end(self) -> float:
        """Ask it to end; return how long that took."""
        assert self._process
        since = time.perf_counter()
        self._process.ask_to_end()
        async with asyncio.timeout(2 * DRAIN_S):
            while self._process.alive:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        return time.perf_counter() - since

    def stop(self) -> None:
        if self._process:
            self._process.stop()


class Crowd:
    """What all clients do together.

    Attributes:
        ports: Where to ask, in this order, as a balancer knows it that looks at ``/readyz``.
        began: When each connection was begun, refused ones as well.
        posts: How many terminals were asked for.
        back_s: From a client's word that the service restarts to its session on the screen again.
    """

    def __init__(self, token: str, ports: list[int]) -> None:
        self.token = token
        self.ports = ports
        self.began: list[float] = []
        self.posts = 0
        self.back_s: list[Value] = []

    async def open(self, session: str) -> MuxboardLine:
        """Make a terminal wherever one is given; as often as it takes, for so long as a person waits."""
        wait = FIRST_WAIT_S
        async with asyncio.timeout(READY_S):
            while True:
                for port in self.ports:
                    self.posts += 1
                    self.began += [time.perf_counter()] * 2  # the request's, the socket's
                    with contextlib.suppress(Refused, RefusedError, LostError, OSError):
                        line = await MuxboardLine.open(port, self.token, muxboard_target(session))
                        await line.expect(PROMPT, READY_S)
                        return line
                await asyncio.sleep(wait * random.uniform(0.5, 1.0))
                wait = min(2 * wait, MOST_WAIT_S)

    def most_at_once(self) -> int:
        """Return the most connections that were begun within ``WINDOW_S``."""
        began, most, first = sorted(self.began), 0, 0
        for at, when in enumerate(began):
            while when - began[first] > WINDOW_S:
                first += 1
            most = max(most, at - first + 1)
        return most


class Client:
    """A terminal, and another one whenever its service restarts."""

    def __init__(self, crowd: Crowd, session: str) -> None:
        self._crowd = crowd
        self._session = session
        self._line: MuxboardLine | None = None
        self._watching: asyncio.Task[None] | None = None
        self.ends: list[str] = []

    async def begin(self) -> None:
        self._line = await self._crowd.open(self._session)
        self._watching = asyncio.ensure_future(self._watch())

    async def _watch(self) -> None:
        while self._line:
            self.ends.append(await asyncio.shield(self._line.ended))
            since = time.perf_counter()
            self._line.socket.abort()  # there is nobody any more who could be asked to end it
            await asyncio.sleep(random.uniform(*JITTER_S))
            try:
                self._line = await self._crowd.open(self._session)
                self._crowd.back_s.append(time.perf_counter() - since)
            except TimeoutError:
                self._line = None
                self._crowd.back_s.append("never")

    async def end(self) -> None:
        if self._watching:
            self._watching.cancel()
            await asyncio.wait([self._watching])
        if self._line:
            await self._line.close()


async def measure(workshop: Workshop, report: Report) -> None:
    terminals = TERMINALS // 4 if workshop.quick else TERMINALS
    tmux = Tmux(workshop)
    tmux.start()
    servers = [Server(workshop, tmux), Server(workshop, tmux)]
    crowd = Crowd(workshop.token, [server.port for server in servers])
    clients: list[Client] = []
    try:
        for server in servers:
            await server.start()
        sessions = [tmux.make("idle") for _ in range(SESSIONS)]
        clients = [Client(crowd, sessions[number % SESSIONS]) for number in range(terminals)]
        for first in range(0, terminals, AT_ONCE):
            await asyncio.gather(*(client.begin() for client in clients[first : first + AT_ONCE]))
        before = set(tmux.run("list-sessions", "-F", "#{session_id}").split())
        crowd.began.clear()
        crowd.posts = 0
        drained = []
        for moved, leaving in enumerate(servers, start=1):
            crowd.ports = [server.port for server in servers if server is not leaving] + [leaving.port]
            drained.append(await leaving.end())
            async with asyncio.timeout(2 * READY_S):
                while len(crowd.back_s) < moved * terminals:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            await leaving.start()
        after = set(tmux.run("list-sessions", "-F", "#{session_id}").split())
        told = [reason for client in clients for reason in client.ends]
        attached = tmux.run("list-clients").count("\n")
        rows: list[tuple[str, str, Value, float | None, int]] = [
            (f"{terminals} terminals, twice: told, p95 until back", "s", p95(crowd.back_s), 3, 2),
            ("tmux sessions lost", "", float(len(before - after)), 0, 0),
            ("terminals missing in the end", "", float(terminals - attached), 0, 0),
            (
                "ends that were not told as a restart",
                "",
                float(sum(each != "draining" for each in told)),
                0,
                0,
            ),
            ("most connections begun in 0.1 s", "", float(crowd.most_at_once()), 10 + 0.3 * terminals, 0),
            ("POSTs for each terminal that moved", "", crowd.posts / (2 * terminals), 1.2, 2),
            ("longest end of a service", "s", max(drained), DRAIN_S, 2),
        ]
        report.add(
            GROUP,
            *(
                Row(name, unit, {TMUX: value}, None if most is None else Limit(most, columns=(TMUX,)), digits)
                for name, unit, value, most, digits in rows
            ),
        )
    finally:
        await asyncio.gather(*(client.end() for client in clients), return_exceptions=True)
        for server in servers:
            server.stop()
        tmux.stop()
