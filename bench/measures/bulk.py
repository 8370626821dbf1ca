"""How fast much output comes through, what it costs the server, and whether every byte is there."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.columns import every, started
from bench.lines import LostError, first
from bench.programs import MARK, PROMPT
from bench.report import (
    WHOLE,
    Limit,
    Report,
    Row,
    Value,
    Values,
    against_base,
)
from bench.stats import typical
from bench.targets import READY_S, Target
from bench.watch import Peak

if TYPE_CHECKING:
    from bench.corpus import Corpus
    from bench.lines import Line, Output
    from bench.workshop import Workshop

MB = 1_000_000
LONGEST_S = 120.0
PAUSE_S = 4.0
GROUP = "Bulk output"


@dataclass(frozen=True, slots=True)
class Run:
    """One file through one line."""

    seconds: float
    cpu_s: float
    whole: bool
    growth: int = 0
    problem: str = ""


async def measure(workshop: Workshop, report: Report) -> None:
    rounds = 1 if workshop.quick else 5
    async with started(every(workshop), report) as targets:
        plain = [target for target in targets if not target.tmux]
        await _whole(workshop, report, plain, rounds)
        await _paused(workshop, report, plain)
        await _tail(workshop, report, plain)
        await _tmux(workshop, report, [target for target in targets if target.tmux], rounds)


async def _whole(workshop: Workshop, report: Report, targets: list[Target], rounds: int) -> None:
    corpus = workshop.corpus("bulk")
    runs: dict[str, list[Run]] = {}
    for _ in range(rounds):
        for target in targets:
            run = await (_raw(workshop) if target.server is None else _cat(target, "cat-bulk", corpus))
            runs.setdefault(target.name, []).append(run)
    speed: Values = {
        name: typical([corpus.size / MB / run.seconds for run in each]) for name, each in runs.items()
    }
    cpu: Values = {
        name: typical([run.cpu_s * 100 * MB / corpus.size for run in each]) for name, each in runs.items()
    }
    whole: Values = {name: yes(all(run.whole for run in each)) for name, each in runs.items()}
    size = f"{corpus.size // MB} MB"
    report.add(
        GROUP,
        Row(
            f"`cat` of {size}",
            "MB/s",
            speed,
            Limit(0.6, against_base(speed), ratio=True, at_least=True),
            digits=1,
        ),
        Row("server CPU for 100 MB", "s", cpu, Limit(1.5)),
        Row("every byte there", "", whole, WHOLE),
    )


async def _paused(workshop: Workshop, report: Report, targets: list[Target]) -> None:
    corpus = workshop.corpus("bulk")
    whole: Values = {}
    growth: Values = {}
    for target in targets:
        if target.server:
            run = await _cat(target, "cat-bulk", corpus, pause=True)
            whole[target.name] = yes(run.whole)
            growth[target.name] = run.growth / 2**20
    report.add(
        GROUP,
        Row(f"the client stops reading for {PAUSE_S:.0f} s: every byte there", "", whole, WHOLE),
        Row("the same: server RSS growth", "MiB", growth),
    )


async def _tail(workshop: Workshop, report: Report, targets: list[Target]) -> None:
    corpus = workshop.corpus("tail")
    tries = 5 if workshop.quick else 30
    cut: Values = {}
    for target in targets:
        if target.server:
            runs = [await _cat(target, "cat-tail", corpus, to_end=True) for _ in range(tries)]
            cut[target.name] = float(sum(not run.whole for run in runs))
    report.add(
        GROUP, Row(f"ends at once after 1 MiB: cut short, of {tries} tries", "", cut, Limit(0), digits=0)
    )


async def _tmux(workshop: Workshop, report: Report, targets: list[Target], rounds: int) -> None:
    corpus = workshop.corpus("tmux")
    speed: dict[str, list[Value]] = {}
    cpu: dict[str, list[Value]] = {}
    for _ in range(rounds):
        for target in targets:
            assert target.tmux
            key = target.prepare("show-tmux")
            line = await target.open(key)
            await line.expect(PROMPT, READY_S)
            used = target.server.cpu_s() if target.server else 0.0
            since = time.perf_counter()
            line.send(b"g")
            until = await line.expect(MARK, LONGEST_S)
            if target.server:
                used = target.server.cpu_s() - used
                cpu.setdefault(target.name, []).append(used * 100 * MB / corpus.size)
            speed.setdefault(target.name, []).append(corpus.size / MB / (until - since))
            await line.close()
            target.tmux.kill(key)
    report.add(
        GROUP,
        Row(
            f"`cat` of {corpus.size // MB} MB in tmux",
            "MB/s",
            {n: typical(r) for n, r in speed.items()},
            digits=1,
        ),
        Row("the same: server CPU for 100 MB", "s", {n: typical(r) for n, r in cpu.items()}),
    )


async def _raw(workshop: Workshop) -> Run:
    argv = [sys.executable, "-m", "bench.peers.raw", *workshop.programs["cat-bulk"]]
    child = await asyncio.create_subprocess_exec(
        *argv, stdout=asyncio.subprocess.PIPE, env=workshop.environment()
    )
    out, _ = await asyncio.wait_for(child.communicate(), LONGEST_S)
    figures = json.loads(out)
    return Run(figures["seconds"], figures["cpu"], figures["sha256"] == workshop.corpus("bulk").sha256)


async def _cat(target: Target, key: str, corpus: Corpus, *, pause: bool = False, to_end: bool = False) -> Run:
    """Print a file through a line; ``to_end`` waits for the end of the terminal, not for its size."""
    assert target.server
    line = await target.open(target.prepare(key))
    try:
        await line.expect(PROMPT, READY_S)
        sink = Sink(line, corpus.size)
        line.listen(sink.take)
        cpu, since = target.server.cpu_s(), time.perf_counter()
        async with Peak(target.server) as peak:
            line.send(b"g")
            if pause:
                await _pause(line, sink)
            await first(line.ended, *(() if to_end else (sink.full,)), timeout_s=LONGEST_S)
        return Run(
            sink.last - since,
            target.server.cpu_s() - cpu,
            sink.digest.hexdigest() == corpus.sha256,
            peak.growth,
        )
    except (LostError, TimeoutError) as error:
        return Run(LONGEST_S, 0.0, whole=False, problem=str(error))
    finally:
        await line.close()


async def _pause(line: Line, sink: Sink) -> None:
    await first(sink.quarter, line.ended, timeout_s=LONGEST_S)
    line.stall()
    await asyncio.sleep(PAUSE_S)
    line.go_on()


class Sink:
    """Counts and hashes what was parsed."""

    def __init__(self, line: Line, expected: int) -> None:
        self.expected = expected
        self.size = 0
        self.last = 0.0
        self.digest = hashlib.sha256()
        self.quarter: asyncio.Future[None] = line.loop.create_future()
        self.full: asyncio.Future[None] = line.loop.create_future()

    def take(self, output: Output) -> None:
        self.digest.update(output)
        self.size += len(output)
        self.last = time.perf_counter()
        if self.size >= self.expected // 4 and not self.quarter.done():
            self.quarter.set_result(None)
        if self.size >= self.expected and not self.full.done():
            self.full.set_result(None)


def yes(fact: bool) -> str:
    return "yes" if fact else "no"
