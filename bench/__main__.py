"""``python -m bench [--quick] [--out FILE] [GROUP…]``: measure, print the table, write it down."""

from __future__ import annotations

import argparse
import asyncio
import resource
import signal
import time
from pathlib import Path

from bench import machine
from bench.measures import (
    access,
    attach,
    bulk,
    echo,
    fleet,
    idle,
    interrupt,
    inventory,
    network,
    page,
    restart,
    scale,
    start,
)
from bench.report import Report
from bench.workshop import Workshop

GROUPS = {
    "echo": echo.measure,
    "bulk": bulk.measure,
    "interrupt": interrupt.measure,
    "attach": attach.measure,
    "idle": idle.measure,
    "inventory": inventory.measure,
    "fleet": fleet.measure,
    "page": page.measure,
    "access": access.measure,
    "network": network.measure,
    "restart": restart.measure,
    "start": start.measure,
    "scale": scale.measure,
}
RESULTS = Path(__file__).parent / "results.md"


async def run(groups: list[str], *, quick: bool) -> Report:
    report = Report(machine.describe())
    # ^C and an end from outside unwind like an error, so that no server stays behind.
    task = asyncio.current_task()
    assert task
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with Workshop(quick=quick) as workshop:
        for name in groups:
            since = time.monotonic()
            print(f"{name} …", flush=True)
            try:
                await GROUPS[name](workshop, report)
            except asyncio.CancelledError:
                report.note(f"interrupted in group `{name}`")
                break
            except Exception as error:  # noqa: BLE001  # the other groups still have something to say
                report.note(f"group `{name}` was not finished: {type(error).__name__}: {error}")
            print(f"  {time.monotonic() - since:.0f} s", flush=True)
    return report


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("groups", nargs="*", metavar="GROUP", help=f"some of: {', '.join(GROUPS)}")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs, about six minutes")
    parser.add_argument("--out", type=Path, help="where to write; a full run writes bench/results.md")
    wanted = parser.parse_args()
    if unknown := set(wanted.groups) - set(GROUPS):
        parser.error(f"no such group: {', '.join(sorted(unknown))}")
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    since = time.monotonic()
    report = asyncio.run(run(wanted.groups or list(GROUPS), quick=wanted.quick))
    report.machine.append(("length of the run", f"{time.monotonic() - since:.0f} s"))
    print(report.markdown())
    whole = not wanted.groups and not wanted.quick and not report.notes
    if path := wanted.out or (RESULTS if whole else None):
        report.write(path)


if __name__ == "__main__":
    main()
