"""``^C`` during ``yes`` on links of every rate, with a window that follows the link and with a fixed one."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.columns import started
from bench.lines import LostError, MuxboardLine
from bench.programs import FLOOD, PROMPT
from bench.report import PLAIN, TMUX, Limit, Report, Row, Value, Values
from bench.stats import percentile
from bench.targets import Muxboard, muxboard_target

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.workshop import Workshop

GROUP = "`^C` during `yes` on slow links"
OURS = (PLAIN, TMUX)
LONGEST_S = 30.0
READY_S = 30.0


@dataclass(frozen=True, slots=True)
class Link:
    """A link: bytes a second, round trip in seconds, and how soon the prompt must be back."""

    name: str
    rate: float
    round_trip: float
    limit_ms: float


LINKS = (
    Link("10 Mbit/s, 50 ms", 1_250_000, 0.05, 250),
    Link("1 Mbit/s, 200 ms", 125_000, 0.2, 500),
    Link("64 kbit/s, 50 ms", 8_000, 0.05, 1500),
)


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
        for link in LINKS:
            times: dict[str, list[Value]] = {}
            for target in targets:
                times[target.name] = await _times(target, link, tries)
            p95: Values = {name: _p95(each) for name, each in times.items()}
            report.add(GROUP, Row(f"{link.name}: p95", "ms", p95, Limit(link.limit_ms, columns=OURS), 0))


def _p95(times: list[Value]) -> Value:
    worst = [each for each in times if isinstance(each, str)]
    return worst[0] if worst else percentile([float(each) for each in times], 0.95)


async def _times(target: Muxboard, link: Link, tries: int) -> list[Value]:
    key = target.prepare("prompt")
    found: list[Value] = []
    async with shaped(target.port, link.rate, link.round_trip / 2) as port:
        line = await MuxboardLine.open(port, target.token, muxboard_target(key))
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


@contextlib.asynccontextmanager
async def shaped(port: int, rate: float, delay: float) -> AsyncIterator[int]:
    """Put a link before a port; the port in front of it."""
    pipe = asyncio.subprocess.PIPE
    argv = ("-m", "bench.shaper", str(port), str(rate), str(delay))
    child = await asyncio.create_subprocess_exec(sys.executable, *argv, stdin=pipe, stdout=pipe)
    assert child.stdin
    assert child.stdout
    try:
        yield int(await child.stdout.readline())
    finally:
        child.stdin.close()
        await child.wait()
