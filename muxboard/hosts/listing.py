"""One sweep, and a table of what it saw."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from muxboard.hosts.configured import Configured
from muxboard.hosts.sweep import Sweeper
from muxboard.hosts.tmux import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from muxboard.config.schema import Loaded
    from muxboard.hosts.model import HostReport

_COLUMNS = "{:<16} {:<12} {:<32} {:>7} {:>8} {:>8}  {}"


async def sweep_once(loaded: Loaded, environ: Mapping[str, str]) -> Sweeper:
    """Ask every host once; return the sweeper that has, closed."""
    configured = Configured(loaded, environ)
    sweeper = Sweeper(configured.hosts, loaded.config.inventory)
    await asyncio.gather(*(sweeper.refresh(host) for host in configured.hosts.values()))
    await sweeper.close()
    await configured.close()
    return sweeper


def table(reports: Sequence[HostReport]) -> Iterator[str]:
    """Yield the lines of a table; what tmux printed is escaped for the terminal."""
    yield _COLUMNS.format("HOST", "USER", "SESSION", "WINDOWS", "ATTACHED", "ACTIVE", "RUNS")
    for report in reports:
        if report.state != "ok":
            yield f"{report.key:<16} {report.state}: {report.problem}"
        for user in report.users:
            if not user.sessions:
                said = user.problem or {"ok": "no sessions", "no_server": "no server"}.get(
                    user.state, user.state
                )
                yield f"{report.key:<16} {user.name:<12} {said}"
            for session in user.sessions:
                yield _COLUMNS.format(
                    report.key,
                    user.name,
                    printable(session.name)[:32],
                    session.windows,
                    session.attached,
                    _age(time.time() - session.activity),
                    printable(session.command),
                )


def _age(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{max(0, int(seconds))}s"
