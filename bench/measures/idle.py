"""What a terminal costs while nothing happens in it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from bench.columns import every, started
from bench.programs import PROMPT
from bench.report import Limit, Report, Row, Values
from bench.targets import READY_S, Target

if TYPE_CHECKING:
    from bench.workshop import Workshop

WARM_UP = 5
AT_ONCE = 20
SESSIONS = 20  # of a tmux, that the attaches share
MIB = 2**20
GROUP = "Idle attaches"


async def measure(workshop: Workshop, report: Report) -> None:
    attaches, watched_s = (60, 4.0) if workshop.quick else (200, 12.0)
    rows: dict[str, Values] = {}
    async with started(
        [target for target in every(workshop) if not target.name.startswith(("raw", "tmux"))]
    ) as targets:
        for target in targets:
            for name, value in (await _cost(target, attaches, watched_s)).items():
                rows.setdefault(name, {})[target.name] = value
    limits = {"RSS": Limit(60), "per attach: RSS": Limit(60), "per attach: descriptors": Limit(3),
              "per attach: threads": Limit(0), "CPU": Limit(1)}  # fmt: skip
    units = {
        "RSS": "MiB",
        "private": "MiB",
        "per attach: RSS": "KiB",
        "per attach: private": "KiB",
        "CPU": "%",
    }
    names = {"RSS": "server RSS, no attach", "private": "the same, not shared with other processes",
             "CPU": f"CPU with {attaches} idle attaches"}  # fmt: skip
    for name, values in rows.items():
        report.add(GROUP, Row(names.get(name, name), units.get(name, ""), values, limits.get(name), 2))


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
        "RSS": memory.rss / MIB,
        "private": memory.private / MIB,
        "per attach: RSS": (after.rss - memory.rss) / attaches / 1024,
        "per attach: private": (after.private - memory.private) / attaches / 1024,
        "per attach: descriptors": (server.descriptors() - files) / attaches,
        "per attach: threads": (server.threads() - threads) / attaches,
        "CPU": used / watched_s * 100,
    }
    await asyncio.gather(*(line.close() for line in lines))
    return figures
