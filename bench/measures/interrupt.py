"""How soon ``^C`` brings the prompt back while ``yes`` floods, for clients of every pace."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.columns import every, started
from bench.lines import LostError
from bench.pace import FAST, SLOW_DRAW, SLOW_LINK, Pace
from bench.programs import FLOOD, PROMPT
from bench.report import ATTACH, OURS, RAW, Limit, Report, Row, Value, Values
from bench.stats import typical
from bench.targets import READY_S, Target
from bench.watch import Peak

if TYPE_CHECKING:
    from bench.workshop import Workshop

LONGEST_S = 15.0  # after that the answer is "never"
GROUP = "`^C` to the prompt during `yes`"


@dataclass(frozen=True, slots=True)
class Scene:
    name: str
    pace: Pace
    flood_s: float
    limit_ms: float
    stall_s: float = 0.0


SCENES = (
    Scene("fast client", FAST, 1.5, 50),
    Scene("1 MB/s link", SLOW_LINK, 2.0, 300),
    Scene("draws 1 MB/s behind a fast link", SLOW_DRAW, 2.0, 300),
    Scene("goes on after {stall:.0f} s without reading", FAST, 0.5, 300, 10.0),
)


@dataclass(frozen=True, slots=True)
class Run:
    prompt_ms: Value
    growth_mib: float
    backlog_mb: float


async def measure(workshop: Workshop, report: Report) -> None:
    async with started(every(workshop)) as targets:
        for scene in SCENES:
            runs: dict[str, list[Run]] = {}
            for number in range(1 if workshop.quick else 3):
                for target in targets:
                    # A bare PTY has no bound behind a slow parser, and terminado none at all: once is enough.
                    if scene.pace.draw and target.server is None:
                        continue
                    if number and (scene.pace is not FAST or scene.stall_s) and target.name not in OURS:
                        continue
                    stall_s = min(scene.stall_s, 3.0) if workshop.quick else scene.stall_s
                    runs.setdefault(target.name, []).append(await _run(target, scene, stall_s))
            _add(report, scene, runs, 3.0 if workshop.quick else scene.stall_s)


def _add(report: Report, scene: Scene, runs: dict[str, list[Run]], stall_s: float) -> None:
    name = scene.name.format(stall=stall_s)
    served = {column: each for column, each in runs.items() if column not in {RAW, ATTACH}}
    prompt: Values = {n: typical([run.prompt_ms for run in each]) for n, each in runs.items()}
    growth: Values = {n: max(run.growth_mib for run in each) for n, each in served.items()}
    report.add(
        GROUP,
        Row(name, "ms", prompt, Limit(scene.limit_ms), 1),
        Row("the same: server RSS growth", "MiB", growth, Limit(2)),
    )
    if scene.pace.draw:
        worst = {n: max(r.backlog_mb for r in each) for n, each in served.items()}
        report.add(GROUP, Row("the same: largest backlog in the client", "MB", dict(worst)))


async def _run(target: Target, scene: Scene, stall_s: float) -> Run:
    key = target.prepare("prompt")
    line = await target.open(key, scene.pace)
    try:
        await line.expect(PROMPT, READY_S)
        line.ignore()
        async with Peak(target.server) as peak:
            line.send(f"yes $'{FLOOD}'\r".encode())
            await asyncio.sleep(scene.flood_s)
            if stall_s:
                line.stall()
                await asyncio.sleep(stall_s)
                line.go_on()
            since = time.perf_counter()
            line.send(b"\x03")
            try:
                prompt: Value = (await line.expect(PROMPT, LONGEST_S) - since) * 1000
            except TimeoutError:
                prompt = "never"
        return Run(prompt, peak.growth / 2**20, line.backlog_peak / 1e6)
    except LostError:
        return Run("cut off", 0.0, 0.0)
    finally:
        await line.close()
        if target.tmux:
            target.tmux.kill(key)
