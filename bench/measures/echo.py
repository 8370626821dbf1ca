"""How long a key takes to come back, alone and beside others that make trouble."""

from __future__ import annotations

import contextlib
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.columns import every, started
from bench.lines import first
from bench.pace import FAST, STALLED, Pace
from bench.programs import PROMPT
from bench.report import BASE, OURS, TERMINADO, Limit, Report, Row, Values, against_base
from bench.stats import percentile, typical
from bench.targets import READY_S, Target, background

if TYPE_CHECKING:
    import asyncio

    from bench.lines import Line, Output
    from bench.workshop import Workshop

# Capitals that end no escape sequence that a tmux sends between them.
KEYS = b"QWXYZVUN"
WARM_UP = 30
GAP_S = (0.003, 0.008)  # between an echo and the next key: random, so as not to beat with the other terminals
LOST_S = 1.0
LOST_KEYS = 3  # so many keys without an echo end a run


class Typist:
    """Types keys one by one, each after the echo of the one before. Works in callbacks: they add little."""

    def __init__(self, line: Line, keys: int, *, warm_up: int = WARM_UP, lost_s: float = LOST_S) -> None:
        self._line = line
        self._left = keys + warm_up
        self._lost_s = lost_s
        self._rng = random.Random(3)
        self._key = b""
        self._since = 0.0
        self._lost = 0
        self._patience: asyncio.TimerHandle | None = None
        self.samples_ms: list[float] = []
        self.done: asyncio.Future[bool] = line.loop.create_future()

    def start(self) -> None:
        self._line.listen(self._look)
        self._type()

    def _type(self) -> None:
        if self.done.done():
            return
        if not self._left:
            self.done.set_result(True)
            return
        self._left -= 1
        self._key = KEYS[self._left % len(KEYS) :][:1]
        self._patience = self._line.loop.call_later(self._lost_s, self._give_up)
        self._since = time.perf_counter()
        self._line.send(self._key)

    def _look(self, output: Output) -> None:
        if not self._key or self._key not in bytes(output):
            return
        self.samples_ms.append((time.perf_counter() - self._since) * 1000)
        self._next()

    def _give_up(self) -> None:
        self._lost += 1
        if self._lost == LOST_KEYS:
            self.done.set_result(False)
        self._next()

    def _next(self) -> None:
        self._key = b""
        if self._patience:
            self._patience.cancel()
        self._line.loop.call_later(self._rng.uniform(*GAP_S), self._type)


@dataclass(frozen=True, slots=True)
class Scene:
    """What goes on beside the one who types."""

    name: str
    program: str = ""
    count: int = 0
    pace: Pace = FAST
    near_raw: bool = False  # held against the bare PTY
    patient: bool = False  # held against the same terminal alone, measured in turn with it


GROUP = "Echo of one key"
IDLE = Scene("idle", near_raw=True)
SCENES = (
    IDLE,
    Scene("beside 20 busy terminals", "paced", 20, near_raw=True),
    Scene("beside a flooding terminal", "flood", 1),
    Scene("beside a deaf program with 256 KB pasted", "deaf", 1, patient=True),
    Scene("beside a stalled client", "flood", 1, STALLED, patient=True),
)


async def measure(workshop: Workshop, report: Report) -> None:
    most, keys = (1, 60) if workshop.quick else (5, 200)
    for scene in SCENES:
        rounds = most if scene.near_raw else min(most, 3)
        runs, alone = Runs(), Runs()
        async with started(every(workshop), report) as targets:
            for _ in range(rounds):
                for target in targets:
                    if scene.patient and target.name != TERMINADO:
                        alone.add(target, await _run(target, IDLE, keys))
                    runs.add(target, await _run(target, scene, keys))
        p50, p99 = runs.typical(0.5), runs.typical(0.99)
        report.add(
            GROUP,
            Row(f"{scene.name}: p50", "ms", p50, Limit(0.5, against_base(p50)) if scene.near_raw else None),
            Row(f"{scene.name}: p99", "ms", p99, _limit(scene, p99, alone.typical(0.99))),
        )


async def typed(target: Target, keys: int) -> list[float]:
    """Return the echo times of one terminal in ms, nothing when keys were lost."""
    key = target.prepare("echo")
    line = await target.open(key)
    try:
        await line.expect(PROMPT, READY_S)
        typist = Typist(line, keys)
        typist.start()
        await first(typist.done, line.ended, timeout_s=60)
        return typist.samples_ms[WARM_UP:] if typist.done.done() and typist.done.result() else []
    finally:
        await line.close()
        if target.tmux:
            target.tmux.kill(key)


class Runs:
    """The samples of every run, by target."""

    def __init__(self) -> None:
        self._runs: dict[str, list[list[float]]] = {}

    def add(self, target: Target, samples: list[float]) -> None:
        self._runs.setdefault(target.name, []).append(samples)

    def typical(self, share: float) -> Values:
        return {
            name: typical([percentile(samples, share) if samples else "never" for samples in runs])
            for name, runs in self._runs.items()
        }


def _limit(scene: Scene, p99: Values, alone: Values) -> Limit:
    """Return the limit of the p99 of a scene."""
    if scene.near_raw:
        return Limit(3, against_base(p99))
    if not scene.patient:
        return Limit(10)
    # What the scene does to the bare PTY and to tmux itself (a flood keeps a tmux server busy whoever
    # looks at it) is not the service's doing: its own change counts.
    base: Values = {}
    for ours in OURS:
        figures = alone.get(ours), alone.get(BASE[ours]), p99.get(BASE[ours])
        own, bare_alone, bare = (figure if isinstance(figure, float) else 0.0 for figure in figures)
        base[ours] = own + max(0.0, bare - bare_alone)
    return Limit(1, base, what="idle")


async def _run(target: Target, scene: Scene, keys: int) -> list[float]:
    """Return the echo times in ms, nothing when keys were lost."""
    key = target.prepare("echo")
    beside = (
        background(target, scene.program, scene.count, scene.pace)
        if scene.count
        else contextlib.nullcontext()
    )
    async with beside:
        line = await target.open(key)
        try:
            await line.expect(PROMPT, READY_S)
            typist = Typist(line, keys)
            typist.start()
            await first(typist.done, line.ended, timeout_s=60)
            whole = typist.done.done() and typist.done.result()
            return typist.samples_ms[WARM_UP:] if whole else []
        except TimeoutError:
            return []  # the terminal itself did not come up
        finally:
            await line.close()
            if target.tmux:
                target.tmux.kill(key)
