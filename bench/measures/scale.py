"""300 terminals over ssh, and whether the model foretells them from fewer."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

import psutil

from bench import model
from bench.columns import started
from bench.measures.fleet import Swept
from bench.model import KIB, MIB, Costs, Load
from bench.programs import PROMPT
from bench.report import ATTACH, TMUX, Limit, Report, Row
from bench.sshd import USER, Fleet
from bench.targets import READY_S, Muxboard
from tests.rig.tmux import Tmux

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.muxboard import MuxboardLine
    from bench.workshop import Workshop

GROUP = "Scale"
HOSTS = 40
FEW, BUSY = 40, 40  # terminals that the costs are learnt from
MANY, MANY_BUSY = 300, 60  # those that are foretold
BOARDS = 30
CHANGING = 2  # sessions of each host that print while boards look, so that every answer is news
WATCHED_S = 2.0  # inventory.watched_interval: while a board is open, all hosts are asked so often
# Idle terminals share some sessions; busy ones do not, for they would be drawn in one and the same turn.
SESSIONS = {"idle": 10, "busy": MANY_BUSY}
AT_ONCE = 20
OFF = Limit(25, columns=(TMUX,))


async def measure(workshop: Workshop, report: Report) -> None:
    watched_s = 6.0 if workshop.quick else 20.0
    report.head(GROUP, ATTACH, "model")
    with Fleet(workshop, HOSTS) as fleet:
        sessions = {kind: [f"{kind}-{number}" for number in range(count)] for kind, count in SESSIONS.items()}
        _make(workshop, sessions["busy"][:CHANGING])
        target = Muxboard(workshop, tmux=True, more=fleet.config(fleet.places))
        async with started([target], report) as running:
            if not running:
                return
            swept = Swept(target, fleet.places)
            try:
                await swept.all_ok()
                await swept.sweep()
                board_s = await _boards(swept, watched_s)
                _make(workshop, sessions["busy"][CHANGING:] + sessions["idle"])
                crowd = Crowd(swept, sessions, watched_s)
                learnt = await _learnt(crowd)
                await crowd.grow(idle=MANY - MANY_BUSY, busy=MANY_BUSY)
                many = await crowd.use()
                ended = await crowd.close()
            finally:
                swept.close()
    _tell(report, learnt, board_s, many, ended)


@dataclass(frozen=True, slots=True)
class Use:
    """What the service and its children hold and take; processor in seconds a second."""

    own_bytes: float
    children_bytes: float
    loop: float
    children: float
    shown: float  # bytes a second of each busy terminal: less where the machine is short of processors


class Crowd:
    """Terminals over ssh, one host after the other."""

    def __init__(self, swept: Swept, sessions: dict[str, list[str]], watched_s: float) -> None:
        self._swept = swept
        self._watched_s = watched_s
        self._lines: dict[str, list[MuxboardLine]] = {"idle": [], "busy": []}
        self._places = itertools.cycle(sorted(swept.keys))
        self._sessions = {kind: itertools.cycle(names) for kind, names in sessions.items()}

    async def grow(self, **wanted: int) -> None:
        """Open more, up to so many of each kind."""
        for kind, count in wanted.items():
            while missing := count - len(self._lines[kind]):
                opened = await asyncio.gather(*(self._open(kind) for _ in range(min(missing, AT_ONCE))))
                self._lines[kind] += opened

    async def _open(self, kind: str) -> MuxboardLine:
        line = await self._swept.open(next(self._places), next(self._sessions[kind]))
        if kind == "busy":
            line.ignore()  # the mark of a program that prints is gone soon
        else:
            await line.expect(PROMPT, READY_S)
        return line

    async def use(self) -> Use:
        """Return what all of it costs now, watched for a while."""
        await asyncio.sleep(2.0)
        server = self._swept.server
        begun, own, children = time.perf_counter(), server.cpu_s(), _children_cpu(server.pid)
        shown = self._shown()
        await asyncio.sleep(self._watched_s)
        seconds = time.perf_counter() - begun
        return Use(
            own_bytes=server.memory().rss,
            children_bytes=sum(map(_private, psutil.Process(server.pid).children(recursive=True))),
            loop=(server.cpu_s() - own) / seconds,
            children=(_children_cpu(server.pid) - children) / seconds,
            shown=(self._shown() - shown) / seconds / max(1, len(self._lines["busy"])),
        )

    def _shown(self) -> int:
        return sum(line.received for line in self._lines["busy"])

    async def close(self) -> int:
        """Close all; return how many had ended by themselves."""
        lines = [line for kind in self._lines.values() for line in kind]
        ended = sum(line.ended.done() for line in lines)
        for first in range(0, len(lines), AT_ONCE):
            await asyncio.gather(*(line.close() for line in lines[first : first + AT_ONCE]))
        return ended


def _make(workshop: Workshop, names: list[str]) -> None:
    """Make what terminals attach to: prompts, and programs that print 20 lines a second."""
    tmux = Tmux(None, USER)
    for name in names:
        busy = name.startswith("busy")
        tmux.new(name, workshop.programs["paced" if busy else "prompt"])
        if busy:
            tmux("send-keys", "-t", f"={name}:", "g")


async def _learnt(crowd: Crowd) -> tuple[Use, Use, Use, Use]:
    """Return what it costs without terminals, with one on each host, with two, and with busy ones."""
    found = [await crowd.use()]
    for idle, busy in ((FEW, 0), (2 * FEW, 0), (2 * FEW, BUSY)):
        await crowd.grow(idle=idle, busy=busy)
        found.append(await crowd.use())
    none, one, two, busier = found
    return none, one, two, busier


def _costs(learnt: tuple[Use, Use, Use, Use], board_s: float) -> Costs:
    none, one, two, busier = learnt
    client = (two.children_bytes - one.children_bytes) / FEW
    idle_loop = (two.loop - none.loop) / (2 * FEW)
    idle_client = max(0.0, two.children - one.children) / FEW
    # The first terminal of a host brings the host's own ssh, which is asked now and then whether it lives.
    master = (one.children - none.children) / FEW - idle_client
    return Costs(
        service_bytes=none.own_bytes,
        host_bytes=0.0,  # they are there from the beginning
        host_sweep_s=0.0,  # they are not asked meanwhile
        master_bytes=(one.children_bytes - none.children_bytes) / FEW - client,
        master_cpu=max(0.0, master),
        attach_bytes=(busier.own_bytes - none.own_bytes) / (2 * FEW + BUSY),
        client_bytes=client,
        idle_cpu=max(0.0, idle_loop) + idle_client,
        busy_loop_cpu=(busier.loop - two.loop) / BUSY,
        busy_client_cpu=max(0.0, busier.children - two.children) / BUSY,
        board_host_s=board_s,
    )


async def _boards(swept: Swept, watched_s: float) -> float:
    """Return the processor seconds of telling one board about one host that was asked."""
    one, many = [], []
    for _ in range(3):
        one.append(await _watched(swept, 1, watched_s / 2))
        many.append(await _watched(swept, 1 + BOARDS, watched_s / 2))
    return max(0.0, median(many) - median(one)) / BOARDS / (HOSTS / WATCHED_S)


async def _watched(swept: Swept, boards: int, watched_s: float) -> float:
    """Return what the service takes, in seconds a second, while so many look and hosts are asked for them."""
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(boards):
            await stack.enter_async_context(_board(swept.target.port, swept.target.token))
        await asyncio.sleep(1.0)
        since, used = time.perf_counter(), swept.server.cpu_s()
        await asyncio.sleep(watched_s)
        return (swept.server.cpu_s() - used) / (time.perf_counter() - since)


@contextlib.asynccontextmanager
async def _board(port: int, token: str) -> AsyncIterator[None]:
    """Read what the page reads, and drop it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n\r\n"
    writer.write(f"GET /api/v1/events?changes=1 HTTP/1.1\r\n{head}".encode())

    async def read() -> None:
        while await reader.read(65536):
            pass

    async with asyncio.timeout(READY_S):
        status = await reader.readline()
    if b" 200 " not in status:
        writer.close()
        raise RuntimeError(f"no board: {status!r}")
    task = asyncio.create_task(read())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        writer.close()


def _private(process: psutil.Process) -> int:
    """Return the bytes that a process shares with nobody; none of one that has just ended."""
    with contextlib.suppress(psutil.Error):
        found = process.memory_full_info()
        return int(found.uss)
    return 0


def _children_cpu(pid: int) -> float:
    """Return the seconds of all children, also of those that have ended."""
    server = psutil.Process(pid).cpu_times()
    total = server.children_user + server.children_system
    for child in psutil.Process(pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):
            times = child.cpu_times()
            total += times.user + times.system
    return float(total)


def _tell(report: Report, learnt: tuple[Use, Use, Use, Use], board_s: float, many: Use, ended: int) -> None:
    costs = _costs(learnt, board_s)
    # So much as these have shown of what the few have: the rest waited for a processor and was not drawn.
    share = many.shown / learnt[-1].shown
    load = Load(hosts=0, idle=MANY - MANY_BUSY * share, busy=MANY_BUSY * share, masters=HOSTS)
    bytes_foretold, bytes_found = model.memory(costs, load), many.own_bytes + many.children_bytes
    cpu_foretold, cpu_found = model.cpu(costs, load), many.loop + many.children

    def off(foretold: float, found: float) -> Row:
        return Row("the same: the model is off by", "%", {TMUX: abs(foretold / found - 1) * 100}, OFF, 1)

    def row(name: str, unit: str, value: float, digits: int = 2) -> Row:
        return Row(name, unit, {TMUX: value}, digits=digits)

    size = f"{MANY} attaches, {MANY_BUSY} busy"
    report.add(
        GROUP,
        row("service without attaches: memory", "MiB", costs.service_bytes / MIB),
        row("per host with terminals: memory of its ssh", "KiB", costs.master_bytes / KIB, 0),
        row("per host with terminals: CPU", "ms/s", costs.master_cpu * 1000, 3),
        row("per attach: memory of the service", "KiB", costs.attach_bytes / KIB, 1),
        row("per attach: memory of its ssh", "KiB", costs.client_bytes / KIB, 0),
        row("per idle attach: CPU", "ms/s", costs.idle_cpu * 1000, 3),
        row("per busy attach: CPU of the service", "ms/s", costs.busy_loop_cpu * 1000, 3),
        row("per busy attach: CPU of its ssh", "ms/s", costs.busy_client_cpu * 1000, 3),
        row("the same: output", "KB/s", learnt[-1].shown / 1000, 1),
        row("per board and host that was asked: CPU", "ms", costs.board_host_s * 1000, 4),
        Row(f"{size}: memory", "MiB", {ATTACH: bytes_foretold / MIB, TMUX: bytes_found / MIB}, digits=0),
        off(bytes_foretold, bytes_found),
        Row(f"{size}: CPU", "cores", {ATTACH: cpu_foretold, TMUX: cpu_found}, digits=3),
        off(cpu_foretold, cpu_found),
        row("the same: output of a busy one, of what it was among few", "%", share * 100, 0),
        Row(
            "the same: attaches that ended by themselves",
            "",
            {TMUX: float(ended)},
            Limit(0, columns=(TMUX,)),
            0,
        ),
    )
