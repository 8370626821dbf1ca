"""Hundreds of hosts over ssh: what asking them costs, and whether anybody's terminal feels it."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.columns import started
from bench.lines import PtyLine
from bench.measures.echo import Runs, typed
from bench.muxboard import MuxboardLine
from bench.peers.masters import masters
from bench.programs import PROMPT
from bench.report import ATTACH, TMUX, Limit, Report, Row, Values
from bench.sshd import PROMPT_SESSION, SESSIONS, USER, Fleet, black_holes
from bench.stats import percentile
from bench.targets import READY_S, Bare, Muxboard, Target

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from bench.http import Http
    from bench.lines import Line
    from bench.process import Process
    from bench.sshd import Place
    from bench.workshop import Workshop

GROUP = "Fleet over ssh"
COLD_S = 60.0
OK = re.compile(r'"host (\w+): ok"')
SETTLE_S = 1.0  # nothing but the service's own timers happens after it
HOSTS, HOLES = 50, 5
ONLY = (TMUX,)
KB = 1000


async def measure(workshop: Workshop, report: Report) -> None:
    some, many = (50, 100) if workshop.quick else (200, 500)
    report.head(GROUP, ATTACH, "OpenSSH")
    with Fleet(workshop, many) as fleet:
        bare_rss = await _without_hosts(workshop, report)
        await _some(workshop, report, fleet, fleet.places[:some], bare_rss)
        await _many(workshop, report, fleet, fleet.places, bare_rss)
        await _holes(workshop, report, fleet)


class Swept:
    """A running service with hosts, and its sweeps."""

    def __init__(self, target: Muxboard, places: list[Place]) -> None:
        assert target.server
        self.target = target
        self.server: Process = target.server
        self.keys = {place.key for place in places}
        self.wait_s = SETTLE_S
        self._http = target.http()

    async def all_ok(self) -> float:
        """Return when the last host is ok, as the log tells it: asking would cost. Raises: TimeoutError."""
        left = set(self.keys)
        until = time.monotonic() + COLD_S
        with self.target.log.open() as log:
            while left:
                if line := log.readline():
                    left -= set(OK.findall(line))
                elif time.monotonic() > until:
                    raise TimeoutError(f"{len(left)} hosts are not ok: {self.server.last_words()}")
                else:
                    await asyncio.sleep(0.02)
        return time.perf_counter()

    async def sweep(self) -> tuple[dict[str, float], float]:
        """Ask all; return each host's seconds until its answer, and the CPU seconds of the service."""
        since, cpu = time.time(), self.server.cpu_s()
        await self._http.call("POST", "/api/v1/refresh", {})
        await asyncio.sleep(self.wait_s)
        cpu = self.server.cpu_s() - cpu
        # The list costs too, so it is asked for outside of what the clock sees.
        hosts = {host["key"]: host for host in await self.inventory()}
        late = [key for key in self.keys if hosts[key]["checked_at"] < since or hosts[key]["state"] != "ok"]
        if late:
            self.wait_s += SETTLE_S
            if self.wait_s > 10 * SETTLE_S:
                raise TimeoutError(f"no answer from {len(late)} hosts, such as {late[0]}")
            return await self.sweep()
        return {key: hosts[key]["checked_at"] - since for key in self.keys}, cpu

    async def inventory(self) -> list[dict[str, Any]]:
        listed: dict[str, Any] = await self._http.call("GET", "/api/v1/inventory")
        return list(listed["hosts"])

    @contextlib.asynccontextmanager
    async def sweeping(self, period_s: float) -> AsyncIterator[None]:
        """One sweep after the other, beside what is measured."""
        http = self.target.http()

        async def again() -> None:
            while True:
                await http.call("POST", "/api/v1/refresh", {})
                await asyncio.sleep(period_s)

        task = asyncio.create_task(again())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            http.close()
            await asyncio.sleep(period_s)

    async def open(self, key: str, session: str, http: Http | None = None) -> MuxboardLine:
        where = {"host": key, "user": USER, "session": session}
        return await MuxboardLine.open(self.target.port, self.target.token, where, http=http)

    def close(self) -> None:
        self._http.close()


@contextlib.asynccontextmanager
async def _service(
    workshop: Workshop, report: Report, fleet: Fleet, places: list[Place]
) -> AsyncIterator[tuple[Swept, float, float]]:
    """Start a service; yield it with the seconds and CPU seconds until all of the fleet's hosts are ok."""
    target = Muxboard(workshop, tmux=True, more=fleet.config(places))
    since = time.perf_counter()
    async with started([target], report) as running:
        if not running:
            raise RuntimeError("no service, no figures")
        swept = Swept(target, [place for place in places if place in fleet.places])
        until = await swept.all_ok()
        cpu = swept.server.cpu_s()
        await asyncio.sleep(SETTLE_S)
        try:
            yield swept, until - since, cpu
        finally:
            swept.close()


async def _without_hosts(workshop: Workshop, report: Report) -> int:
    target = Muxboard(workshop, tmux=True)
    async with started([target], report) as running:
        if not running:
            raise RuntimeError("no service, no figures")
        assert target.server
        http = target.http()
        for _ in range(3):
            await http.call("POST", "/api/v1/refresh", {})
            await asyncio.sleep(0.3)
            await http.call("GET", "/api/v1/inventory")
        http.close()
        return target.server.rss()


async def _steady(swept: Swept, sweeps: int) -> tuple[float, float]:
    """Return the median seconds and CPU seconds of a sweep."""
    await swept.sweep()  # the first after the start finds its shells, and how long to wait
    done = [await swept.sweep() for _ in range(sweeps)]
    return median(max(each.values()) for each, _ in done), median(cpu for _, cpu in done)


async def _some(workshop: Workshop, report: Report, fleet: Fleet, places: list[Place], bare_rss: int) -> None:
    sweeps, rounds, tries = (3, 1, 5) if workshop.quick else (11, 5, 20)
    async with _service(workshop, report, fleet, places) as (swept, cold_s, cold_cpu):
        walls: Values = {}
        cpus: Values = {}
        memory: Values = {}
        walls[TMUX], cpus[TMUX] = await _steady(swept, sweeps)
        memory[TMUX] = (swept.server.rss() - bare_rss) / len(places) / KB
        threads = swept.server.threads()
        echo = await _echo(workshop, swept, float(walls[TMUX]), rounds)
        async with masters(fleet, workshop, places) as peer:
            done = [await peer.sweep() for _ in range(max(3, sweeps // 2))]
            walls[ATTACH], cpus[ATTACH] = median(s for s, _ in done), median(c for _, c in done)
            memory[ATTACH] = peer.private() / KB
        attached = await _attach(workshop, fleet, swept, places, tries)
    name = f"{len(places)} hosts"
    report.add(
        GROUP,
        Row(f"{name} with {SESSIONS} sessions each: cold start until all are ok", "s", {TMUX: cold_s}),
        Row("the same: own CPU", "s", {TMUX: cold_cpu}),
        Row(f"{name}: steady sweep", "s", walls, Limit(1.5, columns=ONLY)),
        Row("the same: own CPU", "s", cpus, Limit(0.4, columns=ONLY), 3),
        Row("the same: memory per host", "KB", memory, Limit(150, columns=ONLY), 0),
        Row("the same: threads", "", {TMUX: float(threads)}, digits=0),
        *echo,
        *attached,
    )


async def _many(workshop: Workshop, report: Report, fleet: Fleet, places: list[Place], bare_rss: int) -> None:
    sweeps, idle_s = (2, 5.0) if workshop.quick else (5, 30.0)  # keepalives go out every 30 s
    async with _service(workshop, report, fleet, places) as (swept, cold_s, cold_cpu):
        wall, cpu = await _steady(swept, sweeps)
        memory = (swept.server.rss() - bare_rss) / len(places) / KB
        used = swept.server.cpu_s()
        await asyncio.sleep(idle_s)
        idle = (swept.server.cpu_s() - used) / idle_s * 100
        threads = swept.server.threads()
        hosts = [host for host in await swept.inventory() if host["key"] in swept.keys]
        sessions = sum(len(user["sessions"]) for host in hosts for user in host["users"])
    name = f"{len(places)} hosts"
    report.add(
        GROUP,
        Row(f"{name}, {sessions} sessions: cold start until all are ok", "s", {TMUX: cold_s}),
        Row("the same: own CPU", "s", {TMUX: cold_cpu}),
        Row(f"{name}: steady sweep", "s", {TMUX: wall}),
        Row("the same: own CPU", "s", {TMUX: cpu}, digits=3),
        Row("the same: memory per host", "KB", {TMUX: memory}, Limit(150, columns=ONLY), 0),
        Row("the same: threads", "", {TMUX: float(threads)}, digits=0),
        Row("the same: CPU between sweeps", "%", {TMUX: idle}, Limit(5, columns=ONLY)),
    )


async def _echo(workshop: Workshop, swept: Swept, period_s: float, rounds: int) -> list[Row]:
    """Type in a local terminal, of the service and on the bare PTY, with and without sweeps beside it.

    The hosts are on this machine: what their sshds take from every process here, the bare one shows.
    """
    keys = 150 if rounds == 1 else 250
    tmux = swept.target.tmux
    assert tmux
    bare = Bare(workshop, tmux=True)
    bare.tmux = tmux
    quiet, beside = Runs(), Runs()
    targets: list[Target] = [bare, swept.target]
    for _ in range(rounds):
        for target in targets:
            quiet.add(target, await typed(target, keys))
            async with swept.sweeping(period_s * 1.1):
                beside.add(target, await typed(target, keys))
    before, after = quiet.typical(0.99), beside.typical(0.99)
    raised: Values = {
        name: value - base
        for name, value in after.items()
        if not isinstance(value, str) and not isinstance(base := before[name], str)
    }
    return [
        Row("echo in a local terminal, no sweep: p50", "ms", quiet.typical(0.5)),
        Row("the same: p99", "ms", before),
        Row("while sweep follows sweep: p50", "ms", beside.typical(0.5)),
        Row("the same: p99", "ms", after),
        Row("p99 raised by the sweeps", "ms", raised, Limit(5, columns=ONLY)),
    ]


async def _attach(
    workshop: Workshop, fleet: Fleet, swept: Swept, places: list[Place], tries: int
) -> list[Row]:
    """Open terminals over ssh: the first of a host, and further ones."""
    command = f"tmux -u attach-session -t ={PROMPT_SESSION}"
    env = workshop.environment()
    http = swept.target.http()
    await http.call("GET", "/api/v1/me")
    cold: dict[str, list[float]] = {ATTACH: [], TMUX: []}
    warm: dict[str, list[float]] = {ATTACH: [], TMUX: []}

    async def bare(place: Place, *options: str) -> Line:
        return PtyLine(fleet.ssh(place, "-tt", *options, command=command), env=env)

    place = places[0]
    for other in places[1 : 1 + tries]:  # each has no master yet
        cold[ATTACH].append(await _painted(lambda: bare(place)))
        cold[TMUX].append(await _painted(lambda other=other: swept.open(other.key, PROMPT_SESSION, http)))  # type: ignore[misc]
    async with masters(fleet, workshop, [place]) as peer:
        await _painted(lambda: swept.open(place.key, PROMPT_SESSION, http))
        for _ in range(tries):
            warm[ATTACH].append(await _painted(lambda: bare(place, "-S", peer.path(place))))
            warm[TMUX].append(await _painted(lambda: swept.open(place.key, PROMPT_SESSION, http)))
    http.close()

    def p50(times: dict[str, list[float]]) -> Values:
        return {name: percentile(each, 0.5) for name, each in times.items()}

    return [
        Row("attach over ssh to the first screen, first of a host: p50", "ms", p50(cold), digits=1),
        Row("the same, multiplexed: p50", "ms", p50(warm), Limit(40, columns=ONLY), 1),
    ]


async def _painted(open_line: Callable[[], Awaitable[Line]]) -> float:
    """Return the ms from the click to the prompt on the screen."""
    since = time.perf_counter()
    line = await open_line()
    try:
        return (await line.expect(PROMPT, READY_S) - since) * 1000
    finally:
        await line.close()


async def _holes(workshop: Workshop, report: Report, fleet: Fleet) -> None:
    """Two services in turns: one whose hosts all answer, and one with hosts that never do."""
    sweeps = 3 if workshop.quick else 11
    good = fleet.places[: HOSTS - HOLES]
    took: dict[bool, list[float]] = {False: [], True: []}
    with black_holes(HOLES) as holes:
        async with (
            _service(workshop, report, fleet, fleet.places[:HOSTS]) as (whole, _, _),
            _service(workshop, report, fleet, good + holes) as (holed, _, _),
        ):
            services = {False: whole, True: holed}
            for swept in services.values():
                await swept.sweep()
            for _ in range(sweeps):
                for has_holes, swept in services.items():
                    each, _ = await swept.sweep()
                    took[has_holes].append(percentile([each[place.key] for place in good], 0.95))
            states = [host["state"] for host in await holed.inventory() if host["key"].startswith("hole")]
    if not set(states) <= {"timeout", "unreachable", "pending"}:
        report.note(f"hosts that never answer are {', '.join(states)}")
    alone, beside = (median(took[which]) * 1000 for which in (False, True))
    report.add(
        GROUP,
        Row(f"{HOSTS} hosts that answer: p95 of their answers in a sweep", "ms", {TMUX: alone}, digits=0),
        Row(
            f"{HOLES} of {HOSTS} never answer: p95 of the others",
            "ms",
            {TMUX: beside},
            Limit(1.25, {TMUX: alone}, ratio=True, columns=ONLY, what="without"),
            digits=0,
        ),
    )
