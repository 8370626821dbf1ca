"""``^C`` during ``yes`` on links of every rate, with a window that follows the link and with a fixed one."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from bench.carriers import EventsLine, RequestsLine
from bench.columns import started
from bench.lines import Line, LostError, first
from bench.link import LINKS, Link
from bench.measures import neighbour
from bench.measures.echo import WARM_UP, Typist
from bench.muxboard import MuxboardLine
from bench.programs import FLOOD, PROMPT
from bench.report import PLAIN, TMUX, Limit, Report, Row, Value, Values
from bench.stats import p95, percentile, typical
from bench.targets import Muxboard, muxboard_target

if TYPE_CHECKING:
    from bench.workshop import Workshop

GROUP = "`^C` during `yes` on slow links"
ECHO = "Echo of one key, over each transport"
TRANSPORTS = {"WebSocket": 0.0, "events": 3.0, "requests": 10.0}  # ms that they may add
OURS = (PLAIN, TMUX)
LONGEST_S = 30.0
READY_S = 30.0


async def _echo(target: Muxboard, name: str, keys: int) -> Value:
    """Return the p50 of a key's echo over one transport."""
    key = target.prepare("echo")
    http = target.http()
    if name == "WebSocket":
        line: Line = await target.open(key, http=http)
    else:
        carrier = EventsLine if name == "events" else RequestsLine
        line = await carrier.open(target.port, target.token, muxboard_target(key), http)
    try:
        await line.expect(PROMPT, READY_S)
        typist = Typist(line, keys)
        typist.start()
        await first(typist.done, line.ended, timeout_s=60)
        whole = typist.done.done() and typist.done.result()
        return percentile(typist.samples_ms[WARM_UP:], 0.5) if whole else "never"
    finally:
        await line.close()
        http.close()
        if target.tmux:
            target.tmux.kill(key)


async def measure(workshop: Workshop, report: Report) -> None:
    tries = 3 if workshop.quick else 10
    targets = [
        Muxboard(workshop, tmux=False),
        Muxboard(workshop, tmux=False, fixed=True),
        Muxboard(workshop, tmux=True),
    ]
    async with started(list(targets), report) as running:
        if not running:
            return
        await _transports(targets[2], report, 60 if workshop.quick else 200, 1 if workshop.quick else 3)
        for link in LINKS:
            times: dict[str, list[Value]] = {}
            for target in targets:
                times[target.name] = await _times(target, link, tries)
            worst: Values = {name: p95(each) for name, each in times.items()}
            report.add(GROUP, Row(f"{link.name}: p95", "ms", worst, Limit(link.limit_ms, columns=OURS), 0))
        await neighbour.measure(targets, report, quick=workshop.quick)


async def _transports(target: Muxboard, report: Report, keys: int, rounds: int) -> None:
    runs: dict[str, list[Value]] = {name: [] for name in TRANSPORTS}
    for _ in range(rounds):
        for name, found in runs.items():
            found.append(await _echo(target, name, keys))
    p50 = {name: typical(found) for name, found in runs.items()}
    base: Values = {TMUX: p50["WebSocket"]}
    for name, most in TRANSPORTS.items():
        limit = Limit(most, base, columns=(TMUX,), what="WebSocket") if most else None
        report.add(ECHO, Row(f"{name}: p50", "ms", {TMUX: p50[name]}, limit))


async def _times(target: Muxboard, link: Link, tries: int) -> list[Value]:
    key = target.prepare("prompt")
    found: list[Value] = []
    async with link.before(target.port) as shaped:
        line = await MuxboardLine.open(shaped.port, target.token, muxboard_target(key))
        try:
            await line.expect(PROMPT, READY_S)
            for _ in range(tries):
                line.send(f"yes $'{FLOOD}'\r".encode())
                await asyncio.sleep(3.0)
                since = time.perf_counter()
                line.send(b"\x03")
                try:
                    found.append((await line.expect(PROMPT, LONGEST_S) - since) * 1000)
                except TimeoutError:
                    return [*found, "never"]
                await asyncio.sleep(0.5)
        except LostError:
            found.append("cut off")
        finally:
            await line.close()
            if target.tmux:
                target.tmux.kill(key)
    return found
