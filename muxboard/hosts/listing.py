"""What ``muxboard ls`` prints: one sweep, as a table or as JSON."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from rich.console import Group
from rich.table import Table

from muxboard.hosts import live
from muxboard.hosts.configured import Configured
from muxboard.hosts.sweep import Sweeper

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from muxboard.config.schema import Loaded
    from muxboard.hosts.model import HostReport, UserReport

_HEAD = ("HOST", "USER", "SESSION", "WINDOWS", "ATTACHED", "ACTIVE", "RUNS")
_FLEXIBLE = (0, 1, 2, 6)
_EMPTY = {"ok": "(no sessions)", "no_server": "(no server)"}
_STYLES = {"ok": "green", "pending": "cyan"}


class Listing:
    """One run of the command.

    Args:
        loaded: The configuration.
        environ: For the hosts.
        quiet: Show nothing meanwhile.
    """

    def __init__(self, loaded: Loaded, environ: Mapping[str, str], *, quiet: bool) -> None:
        self._loaded = loaded
        self._environ = environ
        self._screen = live.Screen()
        self._screen.live = self._screen.live and not quiet
        self.sweeper = Sweeper({}, loaded.config.inventory)
        self.broken = False

    def sweep(self) -> None:
        """Ask every host once, or until ^C, which ``broken`` says."""
        self.broken = live.interrupted(self._sweep())

    @property
    def exit_code(self) -> int:
        """0 when every host answered."""
        if self.broken:
            return live.INTERRUPTED
        return int(any(report.state != "ok" for report in self._reports))

    @property
    def _reports(self) -> list[HostReport]:
        return [host.report for host in self.sweeper.hosts.values()]

    async def _sweep(self) -> None:
        configured = Configured(self._loaded, self._environ)
        self.sweeper.hosts = configured.hosts
        work = asyncio.gather(*(self.sweeper.refresh(host) for host in configured.hosts.values()))
        try:
            await self._screen.watch(_whole(work), self._draw)
        finally:
            await self.sweeper.close()
            await live.closed(configured.close())

    def _draw(self) -> Group:
        reports = self._reports
        order = {"ok": 2, "pending": 1}
        shown = sorted(reports, key=lambda report: order.get(report.state, 0))[: self._screen.rows]
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column("HOST", no_wrap=True, overflow="ellipsis", min_width=6)
        table.add_column("STATE", no_wrap=True)
        table.add_column("", no_wrap=True, overflow="ellipsis")
        for report in shown:
            count = sum(len(user.sessions) for user in report.users)
            said = report.problem or ("" if report.state == "pending" else live.counted(count, "session"))
            state = "..." if report.state == "pending" else report.state.replace("_", " ")
            style = _STYLES.get(report.state, "bold red")
            table.add_row(live.safe(report.key), live.safe(state, style), live.safe(said))
        more = len(reports) - len(shown)
        words = "".join(word for word, _ in _counts(reports))
        return Group(table, live.safe(f"{words}{f'; {more} more not shown' if more else ''}", "dim"))

    def tell(self) -> None:
        """Print the sessions, what failed below them, and the sum of it all last."""
        reports = self._reports
        rows = [row for report in reports for row in _rows(report)]
        lines = live.aligned([_HEAD, *rows], self._screen.width, _FLEXIBLE)
        self._screen.line((lines[0], "bold"))
        for line in lines[1:]:
            self._screen.line((line, ""))
        for report in reports:
            for words, problem, remedy in _failures(report):
                self._screen.failure(words, problem, remedy)
        self._screen.line(*_counts(reports))


async def _whole(work: asyncio.Future[list[None]]) -> None:
    await work


def _rows(report: HostReport) -> Iterator[Sequence[str]]:
    for user in report.users:
        if not user.sessions and user.state in _EMPTY:
            yield (report.key, user.name, _EMPTY[user.state], "", "", "", "")
        for session in user.sessions:
            yield (
                report.key,
                user.name,
                session.name,
                str(session.windows),
                str(session.attached),
                _age(time.time() - session.activity),
                session.command,
            )


def _failures(report: HostReport) -> Iterator[tuple[str, str | None, str | None]]:
    """Yield host and user, problem and remedy; a host that failed as a whole does so once."""
    if report.state not in {"ok", "pending"}:
        yield f"{report.key}  {report.state.replace('_', ' ')}", report.problem, report.remedy
        return
    for user in report.users:
        if user.state not in _EMPTY:
            yield _user(report, user), user.problem, user.remedy


def _user(report: HostReport, user: UserReport) -> str:
    return f"{report.key}  {user.state.replace('_', ' ')} for {user.name}"


def _counts(reports: Sequence[HostReport]) -> list[tuple[str, str]]:
    states = [report.state for report in reports]
    answered, waiting = states.count("ok"), states.count("pending")
    sessions = sum(len(user.sessions) for report in reports for user in report.users)
    parts = [
        (
            f"{live.counted(sessions, 'session')}; {answered} of {len(states)} hosts answered",
            "",
        )
    ]
    if failed := len(states) - answered - waiting:
        parts.append((f", {failed} failed", "bold red"))
    if waiting:
        parts.append((f", {waiting} not yet", "yellow"))
    return parts


def _age(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{max(0, int(seconds))}s"
