"""Terminals on one slow link: an echo beside a flood, after a black hole, and what a flood gets of it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from bench.lines import LostError, first
from bench.link import LINKS, Link
from bench.measures.echo import Typist
from bench.muxboard import MuxboardLine, ReturningLine
from bench.programs import PROMPT
from bench.report import FIXED, OURS, PLAIN, Limit, Report, Row, Value, Values
from bench.stats import p95, percentile, typical
from bench.targets import Muxboard, muxboard_target

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ECHO = "Echo of one key beside a flood on the same slow link"
HOLE = "Usable again after a black hole"
BULK = "A flood's share of the link"
READY_S = 40.0
SETTLE_S = 5.0
LOST_S = 10.0  # ttyd's watermarks fill the link's queue
QUEUE_MS = 150.0  # the neighbour's, and a little
HOLE_LINK = LINKS[0]
TYPISTS, FLOODS = 16, 2
AGAIN_MS = 1000.0


@contextlib.asynccontextmanager
async def _line(
    target: Muxboard, port: int, program: str, kind: type[MuxboardLine] = MuxboardLine
) -> AsyncIterator[MuxboardLine]:
    """Open a terminal that runs a program, through a link."""
    key = target.prepare(program)
    line = await kind.open(port, target.token, muxboard_target(key))
    try:
        await line.expect(PROMPT, READY_S)
        if program == "flood":
            line.send(b"g")
            line.ignore()
        yield line
    finally:
        await line.close()
        if target.tmux:
            target.tmux.kill(key)


async def measure(targets: list[Muxboard], report: Report, *, quick: bool) -> None:
    for link in LINKS[:2]:
        p50: Values = {target.name: await _echo(target, link, 10 if quick else 40) for target in targets}
        most = Limit(link.round_trip * 1000 + QUEUE_MS, columns=OURS)
        report.add(ECHO, Row(f"{link.name}: p50", "ms", p50, most, 0))
    hole_s = 5.0 if quick else 30.0
    worst: Values = {target.name: p95(await _after(target, HOLE_LINK, hole_s)) for target in targets}
    name = f"{hole_s:.0f} s, {HOLE_LINK.name}, {TYPISTS} terminals beside {FLOODS} floods: p95"
    report.add(HOLE, Row(name, "ms", worst, Limit(AGAIN_MS, columns=OURS), 0))
    plain = [target for target in targets if target.name in {PLAIN, FIXED}]
    for between in (None, *LINKS[:2]):
        runs: dict[str, list[Value]] = {target.name: [] for target in plain}
        for _ in range(1 if between or quick else 3):  # a link is the same at any time, this machine is not
            for target in plain:
                runs[target.name].append(await _bulk(target, between, 4.0 if quick else 10.0))
        got = {name: typical(each) for name, each in runs.items()}
        ratio = Limit(0.9, {PLAIN: got[FIXED]}, ratio=True, at_least=True, columns=(PLAIN,), what="fixed")
        report.add(BULK, Row(between.name if between else "loopback", "MB/s", got, ratio, 3))


async def _echo(target: Muxboard, link: Link, keys: int) -> Value:
    """Return the p50 of a key's echo beside another page's flood."""
    try:
        async with (
            link.before(target.port) as shaped,
            _line(target, shaped.port, "echo") as line,
            _line(target, shaped.port, "flood"),
        ):
            await asyncio.sleep(SETTLE_S)
            typist = Typist(line, keys, warm_up=3, lost_s=LOST_S)
            typist.start()
            await first(typist.done, line.ended, timeout_s=keys * LOST_S)
            whole = typist.done.done() and typist.done.result()
            return percentile(typist.samples_ms[3:], 0.5) if whole else "never"
    except (LostError, TimeoutError):
        return "never"


async def _after(target: Muxboard, link: Link, hole_s: float) -> list[Value]:
    """Return how long after a black hole each terminal took to answer a key that was typed in it."""
    async with contextlib.AsyncExitStack() as stack:
        shaped = await stack.enter_async_context(link.before(target.port))

        async def opened(program: str) -> MuxboardLine:
            return await stack.enter_async_context(_line(target, shaped.port, program, ReturningLine))

        lines = [await opened("echo") for _ in range(TYPISTS)]
        for _ in range(FLOODS):
            await opened("flood")
        await asyncio.sleep(SETTLE_S)
        shaped.black()
        await asyncio.sleep(hole_s)
        for line in lines:
            line.send(b"Q")
        shaped.clear()
        since = time.perf_counter()

        async def answer(line: MuxboardLine) -> Value:
            try:
                return (await line.expect(b"Q", LOST_S) - since) * 1000
            except (LostError, TimeoutError):
                return "never"

        return list(await asyncio.gather(*(answer(line) for line in lines)))


async def _bulk(target: Muxboard, link: Link | None, seconds: float) -> Value:
    """Return the MB a second of a flood that a client has parsed; no link: nothing is between."""
    async with contextlib.AsyncExitStack() as stack:
        port = target.port
        if link:
            port = (await stack.enter_async_context(link.before(port))).port
        line = await stack.enter_async_context(_line(target, port, "flood"))
        await asyncio.sleep(SETTLE_S)
        before, since = line.drawn, time.perf_counter()
        await asyncio.sleep(seconds)
        return (line.drawn - before) / (time.perf_counter() - since) / 1e6
