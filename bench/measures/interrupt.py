"""How soon ``^C`` brings the prompt back while ``yes`` floods, for clients of every pace."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, replace
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
    from bench.lines import Line
    from bench.workshop import Workshop

LONGEST_S = 10.0  # after that the answer is "never"
QUICK_S = 3.0
GROUP = "`^C` to the prompt during `yes`"


@dataclass(frozen=True, slots=True)
class Scene:
    name: str
    pace: Pace
    flood_s: float
    limit_ms: float
    stall_s: float = 0.0
    tries: int = 1  # on one terminal
    longest_s: float = LONGEST_S
    rounds: int = 3


SCENES = (
    Scene("fast client", FAST, 0.7, 50, tries=5),
    Scene("1 MB/s link", SLOW_LINK, 2.0, 300),
    Scene("draws 1 MB/s behind a fast link", SLOW_DRAW, 2.0, 300),
    Scene("goes on after 10 s without reading", FAST, 0.5, 300, 10.0),
)


@dataclass(slots=True)
class Runs:
    """What one target showed in a scene."""

    prompt_ms: list[Value]
    growth_mib: float = 0.0
    backlog_mb: float = 0.0


async def measure(workshop: Workshop, report: Report) -> None:
    scenes = [_shorter(scene) for scene in SCENES] if workshop.quick else SCENES
    async with started(every(workshop), report) as targets:
        for scene in scenes:
            runs: dict[str, Runs] = {}
            for number in range(scene.rounds):
                for target in targets:
                    # A bare PTY behind a slow parser has no bound at all.
                    if scene.pace.draw and target.server is None:
                        continue
                    # The slow scenes take long: of the peers once is enough.
                    if number and scene.tries == 1 and target.name not in OURS:
                        continue
                    await _run(target, scene, runs.setdefault(target.name, Runs([])))
            _add(report, scene, runs)


def _shorter(scene: Scene) -> Scene:
    name = scene.name.replace("10 s", "2 s")
    return replace(
        scene, name=name, flood_s=scene.flood_s / 2, stall_s=scene.stall_s / 5, rounds=1, longest_s=QUICK_S
    )


def _add(report: Report, scene: Scene, runs: dict[str, Runs]) -> None:
    served = {column: each for column, each in runs.items() if column not in {RAW, ATTACH}}
    prompt: Values = {n: typical(each.prompt_ms) for n, each in runs.items()}
    worst: Values = {n: _worst(each.prompt_ms) for n, each in runs.items()}
    growth: Values = {n: each.growth_mib for n, each in served.items()}
    report.add(
        GROUP,
        Row(scene.name, "ms", prompt, Limit(scene.limit_ms), 1),
        Row(f"the same: worst of {scene.tries * scene.rounds}", "ms", worst, digits=1),
        Row("the same: server RSS growth", "MiB", growth, Limit(2)),
    )
    if scene.pace.draw:
        backlog: Values = {n: each.backlog_mb for n, each in served.items()}
        report.add(GROUP, Row("the same: largest backlog in the client", "MB", backlog))


def _worst(runs: list[Value]) -> Value:
    return max(runs, key=lambda run: float("inf") if isinstance(run, str) else run)


async def _run(target: Target, scene: Scene, runs: Runs) -> None:
    key = target.prepare("prompt")
    line = await target.open(key, scene.pace)
    try:
        await line.expect(PROMPT, READY_S)
        line.ignore()
        async with Peak(target.server) as peak:
            for _ in range(scene.tries):
                runs.prompt_ms.append(await _interrupt(line, scene))
        runs.growth_mib = max(runs.growth_mib, peak.growth / 2**20)
        runs.backlog_mb = max(runs.backlog_mb, line.backlog_peak / 1e6)
    except LostError:
        runs.prompt_ms.append("cut off")
    finally:
        await line.close()
        if target.tmux:
            target.tmux.kill(key)


async def _interrupt(line: Line, scene: Scene) -> Value:
    """Return the milliseconds from ``^C`` to the parsed prompt."""
    line.send(f"yes $'{FLOOD}'\r".encode())
    await asyncio.sleep(scene.flood_s)
    if scene.stall_s:
        line.stall()
        await asyncio.sleep(scene.stall_s)
        line.go_on()
    since = time.perf_counter()
    line.send(b"\x03")
    try:
        return (await line.expect(PROMPT, scene.longest_s) - since) * 1000
    except TimeoutError:
        return "never"
