"""How long it takes until somebody sees their terminal, alone and with a hundred others."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from bench.columns import every, started
from bench.http import Refused
from bench.lines import LostError
from bench.programs import PROMPT
from bench.report import Limit, Report, Row, Value, Values, against_base
from bench.stats import percentile, typical
from bench.targets import READY_S, Muxboard, Target
from bench.websocket import RefusedError

if TYPE_CHECKING:
    from bench.lines import Line
    from bench.workshop import Workshop

CROWD = 100
GROUP = "Attach"


async def measure(workshop: Workshop, report: Report) -> None:
    rounds, tries = (1, 6) if workshop.quick else (3, 20)
    single: dict[str, list[Value]] = {}
    crowd: dict[str, list[Value]] = {}
    errors: Values = {}
    async with started(every(workshop), report) as targets:
        for _ in range(rounds):
            for target in targets:
                single.setdefault(target.name, []).append(await _one_by_one(target, tries))
        for _ in range(rounds):
            for target in targets:
                seconds, failed = await _at_once(target)
                crowd.setdefault(target.name, []).append(seconds)
                errors[target.name] = float(failed) + float(errors.get(target.name, 0.0))
    p50 = {name: typical(runs) for name, runs in single.items()}
    up = {name: typical(runs) for name, runs in crowd.items()}
    report.add(
        GROUP,
        Row("to the first screen, one by one: p50", "ms", p50, Limit(2, against_base(p50), ratio=True)),
        Row(f"{CROWD} at once: until all are up", "s", up, Limit(1.5)),
        Row("the same: errors", "", errors, Limit(0), digits=0),
    )


async def _one_by_one(target: Target, tries: int) -> float:
    """Return the median time in ms from the click to the prompt on the screen."""
    key = target.prepare("prompt")
    http = target.http() if isinstance(target, Muxboard) else None
    if http:
        await http.call("GET", "/api/v1/me")
    times = []
    for _ in range(tries):
        since = time.perf_counter()
        line = await (target.open(key, http=http) if isinstance(target, Muxboard) else target.open(key))
        try:
            times.append((await line.expect(PROMPT, READY_S) - since) * 1000)
        finally:
            await line.close()
    if http:
        http.close()
    if target.tmux:
        target.tmux.kill(key)
    return percentile(times, 0.5)


async def _at_once(target: Target) -> tuple[float, int]:
    """Return the seconds until the last of the crowd is up, and how many failed."""
    keys = [target.prepare("prompt") for _ in range(CROWD)]
    await asyncio.sleep(1.0 if target.tmux else 0.1)  # their shells start
    lines: list[Line] = []

    async def one(key: str) -> float:
        line = await target.open(key)
        lines.append(line)
        return await line.expect(PROMPT, READY_S)

    since = time.perf_counter()
    ends = await asyncio.gather(*(one(key) for key in keys), return_exceptions=True)
    up = [end for end in ends if isinstance(end, float)]
    for end in ends:
        if not isinstance(end, float | Refused | RefusedError | LostError | OSError | TimeoutError):
            raise end
    await asyncio.gather(*(line.close() for line in lines))
    if target.tmux:
        for key in keys:
            target.tmux.kill(key)
    return (max(up) - since if up else READY_S), CROWD - len(up)
