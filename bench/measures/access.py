"""What it costs to know who asks, and what those cost whom nobody knows."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from typing import TYPE_CHECKING

from bench.columns import started
from bench.identity import AUDIENCE, CONFIG, ISSUER, Identity
from bench.measures.echo import Runs, typed
from bench.report import TMUX, Limit, Report, Row, Values
from bench.stats import percentile
from bench.targets import READY_S, Muxboard
from muxboard.access.jwt import Rules, Verifier
from muxboard.access.keys import from_jwks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.workshop import Workshop

GROUP = "Access"
ONLY = (TMUX,)
ALGORITHMS = ("RS256", "ES256")
MAX_ASKED = 3  # for keys: at the start, and for unknown ids at most once in 10 s


async def measure(workshop: Workshop, report: Report) -> None:
    tokens, keys, rounds = (100, 100, 1) if workshop.quick else (500, 300, 3)
    identity = Identity()
    report.add(GROUP, *await _verified(identity, tokens))
    url = await identity.start()
    auth = CONFIG.format(issuer=ISSUER, audience=AUDIENCE, url=url)
    target = Muxboard(workshop, tmux=True, auth=auth, token=identity.token())
    async with started([target], report) as running:
        if running:
            report.add(GROUP, *await _flooded(target, identity, keys, rounds))
    await identity.stop()


async def _verified(identity: Identity, tokens: int) -> list[Row]:
    """How long a request waits for its token to be verified, with the keys at hand."""
    rows = []
    verifier = Verifier(Rules(ISSUER, AUDIENCE, ALGORITHMS), from_jwks(identity.jwks, ALGORITHMS))
    for name in ALGORITHMS:
        made = [identity.token(name, number) for number in range(tokens)]
        for label, limit in (("first seen", 0.3), ("seen before", 0.3)):
            times = []
            for token in made:
                since = time.perf_counter()
                await verifier.verify(token)
                times.append((time.perf_counter() - since) * 1000)
            value: Values = {TMUX: percentile(times, 0.5)}
            rows.append(Row(f"a token by {name}, {label}: p50", "ms", value, Limit(limit, columns=ONLY), 4))
    return rows


async def _flooded(target: Muxboard, identity: Identity, keys: int, rounds: int) -> list[Row]:
    """Type in a terminal while a thousand bad tokens follow a thousand, none of them limited."""
    quiet, beside = Runs(), Runs()
    answers: dict[str, int] = {}
    for _ in range(rounds):
        quiet.add(target, await typed(target, keys))
        async with _flood(target.port, identity.bad_tokens(), answers):
            beside.add(target, await typed(target, keys))
    sent, refused = sum(answers.values()), answers.get("401", 0)
    asked, enough = MAX_ASKED * rounds, Limit(1000, at_least=True, columns=ONLY)
    return [
        Row("echo, nobody else: p99", "ms", quiet.typical(0.99)),
        Row("echo, beside a flood of bad tokens: p50", "ms", beside.typical(0.5)),
        Row("the same: p99", "ms", beside.typical(0.99), Limit(20, columns=ONLY)),
        Row("bad tokens sent meanwhile", "", {TMUX: float(sent)}, enough, 0),
        Row("bad tokens not refused", "", {TMUX: float(sent - refused)}, Limit(0, columns=ONLY), 0),
        Row("questions for keys", "", {TMUX: float(identity.asked)}, Limit(asked, columns=ONLY), 0),
    ]


@contextlib.asynccontextmanager
async def _flood(port: int, tokens: list[str], answers: dict[str, int]) -> AsyncIterator[None]:
    """Keep a flood up by another process; what it was answered is added up at the end."""
    pipe = asyncio.subprocess.PIPE
    order = json.dumps({"port": port, "tokens": tokens})
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.flood", order, stdin=pipe, stdout=pipe
    )
    assert child.stdin
    assert child.stdout
    try:
        async with asyncio.timeout(READY_S):
            await child.stdout.readline()
        yield
    finally:
        child.stdin.close()
        said, _ = await child.communicate()
        for status, count in json.loads(said or b"{}").items():
            answers[status] = answers.get(status, 0) + count
