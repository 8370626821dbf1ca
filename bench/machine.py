"""The machine that the figures were taken on."""

from __future__ import annotations

import datetime as dt
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path


def describe() -> list[tuple[str, str]]:
    cpuinfo = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":", 1)[1].strip() for line in cpuinfo if line.startswith("model name")]
    tmux = subprocess.run(["tmux", "-V"], capture_output=True, text=True, check=True).stdout.strip()
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 2**20
    python = f"Python {platform.python_version()}, Tornado {version('tornado')}"
    return [
        ("date", dt.datetime.now(tz=dt.UTC).strftime("%Y-%m-%d %H:%M UTC")),
        (
            "machine",
            f"{os.cpu_count()} cores, {models[0] if models else platform.machine()}, {memory:.0f} GiB",
        ),
        ("kernel", f"{platform.system()} {platform.release().partition('-')[0]}"),
        ("software", f"{python}, terminado {version('terminado')}, {tmux}"),
        ("load before the run", " ".join(f"{load:.2f}" for load in os.getloadavg())),
    ]
