"""How long the single file takes from the command to listening, unpacked already and not yet."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from bench.process import Process
from bench.report import TMUX, Limit, Report, Row
from bench.targets import answering, free_port
from bench.tmux import Tmux

if TYPE_CHECKING:
    from bench.workshop import Workshop

GROUP = "Start"
BUILD_S = 300
ROOT = Path(__file__).parents[2]
CONFIG = (
    '[server]\nbind = "127.0.0.1:{port}"\n[auth]\ngate = "token"\n[[hosts]]\nkey = "local"\nlocal = true\n'
)
ONLY = (TMUX,)


async def measure(workshop: Workshop, report: Report) -> None:
    times = 3 if workshop.quick else 9
    pyz = await asyncio.to_thread(_build, workshop)
    tmux = Tmux(workshop)
    tmux.start()
    try:
        checkout = [sys.executable, "-m", "muxboard"]
        plain = [await _listening(workshop, tmux, checkout) for _ in range(times)]
        file = [sys.executable, str(pyz)]
        cold = [await _listening(workshop, tmux, file, _folder(workshop)) for _ in range(3)]
        kept = _folder(workshop)
        await _listening(workshop, tmux, file, kept)
        warm = [await _listening(workshop, tmux, file, kept) for _ in range(times)]
    finally:
        tmux.stop()
    report.add(
        GROUP,
        Row("muxboard.pyz, MB", "", {TMUX: pyz.stat().st_size / 1e6}, Limit(16, columns=ONLY)),
        Row("unpacked already: to listening, p50", "s", {TMUX: median(warm)}, Limit(1.0, columns=ONLY)),
        Row("the same: worst", "s", {TMUX: max(warm)}),
        Row("not unpacked yet: to listening, p50", "s", {TMUX: median(cold)}),
        Row("the same: worst", "s", {TMUX: max(cold)}),
        Row("without the file, from the checkout: to listening, p50", "s", {TMUX: median(plain)}),
    )


def _build(workshop: Workshop) -> Path:
    folder = workshop.folder / "pyz"
    subprocess.run(
        [sys.executable, ROOT / "tools/zipapp", folder], check=True, capture_output=True, timeout=BUILD_S
    )
    (pyz,) = folder.glob("*.pyz")
    return pyz


def _folder(workshop: Workshop) -> Path:
    return Path(tempfile.mkdtemp(dir=workshop.folder, prefix="shiv-"))


async def _listening(workshop: Workshop, tmux: Tmux, command: list[str], root: Path | None = None) -> float:
    """Return the seconds from the command until a connection is taken."""
    port = free_port()
    config = workshop.folder / "start.toml"
    config.write_text(CONFIG.format(port=port))
    env = {**tmux.environment, "MUXBOARD_TOKEN": workshop.token, "SHIV_ROOT": str(root or "")}
    if root is None:
        del env["SHIV_ROOT"]
    else:
        del env["PYTHONPATH"]  # the file brings everything
    since = time.perf_counter()
    with Process(
        [*command, "serve", "-c", str(config)], env=env, log=workshop.folder / "start.log"
    ) as server:
        await answering(port, server)
        return time.perf_counter() - since
