"""What one sweep over a thousand sessions costs the service itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from bench.columns import started
from bench.report import TMUX, Limit, Report, Row
from bench.targets import START_S, Muxboard

if TYPE_CHECKING:
    from bench.http import Http
    from bench.workshop import Workshop

GROUP = "Inventory"
PAUSE_S = 0.05


async def measure(workshop: Workshop, report: Report) -> None:
    sessions, sweeps = (200, 3) if workshop.quick else (1000, 10)
    target = Muxboard(workshop, tmux=True)
    async with started([target], report) as running:
        if not running:
            return
        assert target.tmux
        assert target.server
        await asyncio.to_thread(target.tmux.make_many, sessions)
        http = target.http()
        listed = await _swept(http, sessions)
        # The list of 1,000 sessions costs too: it is asked for outside of what the clock sees.
        cpu_ms, sweep_ms = [], []
        for _ in range(sweeps):
            since, cpu = listed["hosts"][0]["checked_at"], target.server.cpu_s()
            await http.call("POST", "/api/v1/refresh", {})
            await asyncio.sleep(1.0)
            cpu_ms.append((target.server.cpu_s() - cpu) * 1000)
            listed = await _newer(http, since)
            sweep_ms.append(float(listed["hosts"][0]["sweep_ms"]))
        cpu = target.server.cpu_s()
        for _ in range(sweeps):
            await http.call("GET", "/api/v1/inventory")
        answer_ms = (target.server.cpu_s() - cpu) * 1000 / sweeps
        http.close()
    middle = sorted(cpu_ms)[len(cpu_ms) // 2]
    report.add(
        GROUP,
        Row(
            f"{sessions} sessions: own CPU of one sweep", "ms", {TMUX: middle}, Limit(150, columns=(TMUX,)), 1
        ),
        Row(
            "the same: the sweep, tmux included", "ms", {TMUX: sorted(sweep_ms)[len(sweep_ms) // 2]}, digits=1
        ),
        Row("the same: own CPU of one `GET /inventory`", "ms", {TMUX: answer_ms}, digits=1),
    )


async def _swept(http: Http, sessions: int) -> dict[str, Any]:
    """Refresh until all sessions are in the list. Raises: TimeoutError."""
    async with asyncio.timeout(START_S):
        while True:
            await http.call("POST", "/api/v1/refresh", {})
            await asyncio.sleep(1.0)
            listed: dict[str, Any] = await http.call("GET", "/api/v1/inventory")
            users = listed["hosts"][0]["users"]
            if users and len(users[0]["sessions"]) > sessions:
                return listed


async def _newer(http: Http, since: float) -> dict[str, Any]:
    async with asyncio.timeout(START_S):
        while True:
            listed: dict[str, Any] = await http.call("GET", "/api/v1/inventory")
            if listed["hosts"][0]["checked_at"] > since:
                return listed
            await asyncio.sleep(PAUSE_S)
