"""What a terminal costs while nothing happens in it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bench.columns import every, started
from bench.programs import PROMPT
from bench.report import ATTACH, RAW, Limit, Report, Row, Values
from bench.targets import READY_S, Target

if TYPE_CHECKING:
    from bench.workshop import Workshop

WARM_UP = 5
AT_ONCE = 20
SESSIONS = 20  # of a tmux, that the attaches share
MIB = 2**20
GROUP = "Idle attaches"


async def measure(workshop: Workshop, report: Report) -> None:
    attaches = 40 if workshop.quick else 200
    served = [target for target in every(workshop) if target.name not in {RAW, ATTACH}]
    costs: dict[str, dict[str, float]] = {}
    async with started(served, report) as targets:
        for target in targets:
            # tmux draws its clock anew for every client once a minute: a whole minute has it just once.
            watched_s = 2.0 if workshop.quick else 60.0 if target.tmux else 12.0
            costs[target.name] = await _cost(target, attaches, watched_s)

    def row(name: str, unit: str, key: str, limit: float | None = None) -> Row:
        values: Values = {target: cost[key] for target, cost in costs.items()}
        return Row(name, unit, values, None if limit is None else Limit(limit))

    report.add(
        GROUP,
        row("server RSS, no attach", "MiB", "rss", 60),
        row("the same, not shared with other processes", "MiB", "private"),
        row("per attach: RSS", "KiB", "attach rss", 60),
        row("per attach: descriptors", "", "attach descriptors", 3),
        row("per attach: threads", "", "attach threads", 0),
        row(f"CPU with {attaches} attaches", "%", "cpu", 1),
    )


async def _cost(target: Target, attaches: int, watched_s: float) -> dict[str, float]:
    server = target.server
    assert server
    keys = [target.prepare("idle") for _ in range(SESSIONS if target.tmux else 1)]
    for key in keys[:1] * WARM_UP:
        line = await target.open(key)
        await line.expect(PROMPT, READY_S)
        await line.close()
    await asyncio.sleep(1.0)
    memory, files, threads = server.memory(), server.descriptors(), server.threads()
    lines = []
    for first in range(0, attaches, AT_ONCE):
        some = [keys[number % len(keys)] for number in range(first, first + AT_ONCE)]
        lines += await asyncio.gather(*(target.open(key) for key in some))
    for line in lines:
        await line.expect(PROMPT, READY_S)
    await asyncio.sleep(2.0)
    used = server.cpu_s()
    await asyncio.sleep(watched_s)
    used = server.cpu_s() - used
    after = server.memory()
    figures = {
        "rss": memory.rss / MIB,
        "private": memory.private / MIB,
        "attach rss": (after.rss - memory.rss) / attaches / 1024,
        "attach descriptors": (server.descriptors() - files) / attaches,
        "attach threads": (server.threads() - threads) / attaches,
        "cpu": used / watched_s * 100,
    }
    await asyncio.gather(*(line.close() for line in lines))
    return figures
