"""What an update of the board costs the browser, with 500 hosts and 5,000 sessions on it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.async_api import async_playwright

from bench.columns import started
from bench.report import TMUX, Limit, Report, Row
from bench.stats import percentile
from bench.targets import Muxboard

if TYPE_CHECKING:
    from bench.workshop import Workshop

GROUP = "Page"
HOSTS, SESSIONS = 500, 10
BOUND_MS = 50.0
SCRIPT = Path(__file__).parents[2] / "frontend/bench/fleet.js"
# What fleet.js measures, each from the beginning of a frame through its paint.
KINDS = {
    "one": "one host changed",
    "some": "50 hosts changed",
    "every": "every session changed",
    "middle": "the same, scrolled to the middle",
    "whole": "a whole inventory",
    "checked": "every host was asked, nothing changed",
    "type": "a filter typed",
    "clear": "the filter cleared",
    "scroll": "a jump of the scroll bar",
}


async def measure(workshop: Workshop, report: Report) -> None:
    chromium = shutil.which("chromium-headless-shell")
    if chromium is None:
        report.note("chromium-headless-shell is missing: group `page` was left out")
        return
    times = 40 if workshop.quick else 200
    target = Muxboard(workshop, tmux=True)
    async with started([target], report) as running, async_playwright() as playwright:
        if not running:
            return
        browser = await playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        await page.add_init_script(SCRIPT.read_text())
        await page.goto(f"http://127.0.0.1:{target.port}/#token={workshop.token}")
        await page.evaluate(f"fleet.show(fleet.make({HOSTS}, {SESSIONS}))")
        await page.get_by_test_id("session-row").first.wait_for()
        await page.wait_for_load_state("networkidle")
        costs: dict[str, list[float]] = await page.evaluate(f"fleet.measure({times})")
        rows = await page.get_by_test_id("session-row").count()
        await browser.close()
    size = f"{HOSTS} hosts, {HOSTS * SESSIONS:,} sessions"
    limit = Limit(BOUND_MS, columns=(TMUX,))
    report.add(
        GROUP,
        *(
            Row(f"{size}: {words}, p95", "ms", {TMUX: percentile(costs[kind], 0.95)}, limit, 1)
            for kind, words in KINDS.items()
        ),
        Row("rows on the page meanwhile", "", {TMUX: float(rows)}, Limit(110, columns=(TMUX,)), 0),
    )
