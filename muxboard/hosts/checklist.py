"""What ``muxboard check`` prints: a table while it works, a line for each failure, or JSON."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING, Literal

import msgspec
from msgspec import Struct
from rich.console import Group
from rich.table import Table

from muxboard.config.weakness import Weak  # noqa: TC001  msgspec reads the annotations
from muxboard.hosts import live
from muxboard.hosts.check import HostCheck, Step, StepName
from muxboard.hosts.configured import Configured

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from rich.text import Text

    from muxboard.config.schema import Loaded

NARROW = 100  # columns
_COLUMNS: dict[str, tuple[StepName, ...]] = {
    "REACH": ("reach",),
    "HOST KEY": ("host_key",),
    "LOGIN": ("login",),
    "SESSION": ("session", "max_sessions"),
    "SUDO": ("sudo",),
    "TMUX": ("tmux",),
    "SOCKET": ("socket",),
}
_STYLES = {"ok": "green", "failed": "bold red", "running": "cyan", "waiting": "dim", "skipped": "dim"}
_WAITING = {"running": "...", "waiting": "", "skipped": "-", "unfinished": "?"}
_STATES = ("failed", "running", "unfinished", "waiting", "ok", "skipped")  # the worst first


class CheckedHost(Struct, frozen=True):
    """One host in the JSON."""

    key: str
    label: str
    hostname: str
    local: bool
    state: Literal["ok", "failed", "unfinished"]
    steps: list[Step]


class Failed(Struct, frozen=True):
    """Something beside the hosts that could not be had: its key path and why."""

    path: str
    problem: str


class Checked(Struct, frozen=True):
    """The JSON: ``ok`` says whether every host and all else is; weak settings do not count."""

    ok: bool
    source: str
    weak: list[Weak]
    failed: list[Failed]
    hosts: list[CheckedHost]


class Checklist:
    """One run of the command.

    Args:
        loaded: The configuration.
        environ: For the hosts.
        weak: Its weak settings.
        as_json: Print nothing else.
        ask: Asks for whatever the configuration names beside hosts; returns key path and problem of what
            could not be had.
    """

    def __init__(
        self,
        loaded: Loaded,
        environ: Mapping[str, str],
        weak: Sequence[Weak],
        *,
        as_json: bool,
        ask: Callable[[], Awaitable[list[tuple[str, str]]]],
    ) -> None:
        self._loaded = loaded
        self._environ = environ
        self._weak = list(weak)
        self._as_json = as_json
        self._ask = ask
        self._failed: list[Failed] = []
        self._screen = live.Screen()
        self._checks: list[HostCheck] = []

    def run(self, *, offline: bool) -> int:
        """Do it and print it; return the exit code."""
        if not self._as_json:
            self._introduce()
        broken = False if offline else live.interrupted(self._check())
        if self._as_json:
            sys.stdout.write(msgspec.json.format(msgspec.json.encode(self._checked())).decode() + "\n")
        elif not offline:
            self._conclude()
        sys.stdout.flush()
        failed = bool(self._failed) or any(check.state != "ok" for check in self._checks)
        return live.INTERRUPTED if broken else int(failed)

    async def _check(self) -> None:
        configured = Configured(self._loaded, self._environ)
        timeout_s = float(self._loaded.config.inventory.command_timeout)
        self._checks = [HostCheck(host, timeout_s) for host in configured.hosts.values()]
        try:
            work = asyncio.gather(self._others(), *(self._one(check) for check in self._checks))
            await self._screen.watch(_whole(work), self._draw)
        finally:
            await live.closed(configured.close())

    async def _others(self) -> None:
        self._failed = [Failed(path, problem) for path, problem in await self._ask()]

    async def _one(self, check: HostCheck) -> None:
        await check.run()
        if not self._screen.live and not self._as_json:
            self._tell(check)
            sys.stdout.flush()

    def _checked(self) -> Checked:
        hosts = [
            CheckedHost(
                check.key,
                check.host.config.label,
                check.host.config.hostname,
                check.host.config.local,
                check.state,
                check.steps,
            )
            for check in self._checks
        ]
        ok = not self._failed and all(host.state == "ok" for host in hosts)
        return Checked(ok, self._loaded.source, self._weak, self._failed, hosts)

    # --- lines

    def _introduce(self) -> None:
        source = self._loaded.source or "no file, so the embedded default"
        count = len(self._loaded.config.hosts)
        self._screen.line((f"{source}: valid, {live.counted(count, 'host')}", ""))
        for weak in self._weak:
            self._screen.line(
                ("weak    ", "yellow"), (f"{weak.path}: {weak.problem} ", ""), (weak.remedy, "bold")
            )

    def _tell(self, check: HostCheck) -> None:
        """One host: a line, or one for each failure with the remedy below."""
        if check.state == "ok":
            self._screen.line(("ok      ", "green"), (f"{check.key}  {_summary(check)}", ""))
        elif check.state == "unfinished":
            step = next((step for step in check.steps if step.state == "unfinished"), check.steps[0])
            self._screen.line(("unknown ", "yellow"), (f"{check.key}  not past {_named(step)}", ""))
        for step in check.failures:
            self._screen.failure(f"{check.key}  {_named(step)}", step.problem, step.remedy)

    def _conclude(self) -> None:
        order = {"ok": 0, "unfinished": 1, "failed": 2}
        checks = sorted(self._checks, key=lambda check: order[check.state])
        if self._screen.live and checks:
            self._screen.console.print(self._table(checks), "")
            for check in checks:
                if check.state == "failed":
                    self._tell(check)
        else:
            for check in checks:
                if not check.done:  # the others have been told
                    self._tell(check)
        for failed in self._failed:
            self._screen.failure(
                failed.path, failed.problem, "Look at the address, the proxy and the firewall."
            )
        self._screen.line(*self._counts())

    def _counts(self, rest: str = "unfinished") -> list[tuple[str, str]]:
        states = [check.state for check in self._checks]
        parts = [(f"{live.counted(len(states), 'host')}: {states.count('ok')} ok", "")]
        if failed := states.count("failed"):
            parts.append((f", {failed} failed", "bold red"))
        if unfinished := states.count("unfinished"):
            parts.append((f", {unfinished} {rest}", "yellow"))
        if self._weak:
            parts.append((f"; {live.counted(len(self._weak), 'weak setting')}", "yellow"))
        return parts

    # --- the table

    def _draw(self) -> Group:
        for check in self._checks:
            check.refresh()

        def interest(check: HostCheck) -> tuple[bool, bool, bool]:
            running = any(step.state == "running" for step in check.steps)
            return check.state != "failed", not running, not check.done

        rows = self._screen.rows
        shown = sorted(self._checks, key=interest)[:rows]
        more = len(self._checks) - len(shown)
        counts = "".join(words for words, _ in self._counts("under way"))
        return Group(
            self._table(shown),
            live.safe(f"{counts}{f'; {more} more not shown' if more else ''}", "dim"),
        )

    def _table(self, checks: Sequence[HostCheck]) -> Table:
        width = self._screen.width or NARROW
        table = Table(box=None, pad_edge=False, padding=(0, 2 if width >= NARROW else 1, 0, 0))
        table.add_column("HOST", no_wrap=True, overflow="ellipsis", min_width=6)
        columns = {
            title: names
            for title, names in _COLUMNS.items()
            if any(step.name in names for check in self._checks for step in check.steps)
        }
        for title in columns:
            table.add_column(title, no_wrap=True, overflow="ellipsis")
        for check in checks:
            cells = [_cell(check, names) for names in columns.values()]
            table.add_row(live.safe(check.key), *cells)
        return table


async def _whole(work: asyncio.Future[list[None]]) -> None:
    await work


def _named(step: Step) -> str:
    name = step.name.replace("_", " ")
    return f"{name} of {step.user}" if step.user else name


def _cell(check: HostCheck, names: Sequence[StepName]) -> Text:
    """What is worst about these steps, in a word."""
    steps = [step for step in check.steps if step.name in names]
    if not steps:
        return live.safe("-", "dim")
    worst = min(steps, key=lambda step: _STATES.index(step.state))
    words = _WAITING.get(worst.state) or worst.value
    if worst.state == "ok":
        words = _together(steps)
    failed = sum(step.state == "failed" for step in steps)
    if failed and len(steps) > 1 and worst.user:
        words += f" {failed}/{len(steps)}"
    return live.safe(words, _STYLES.get(worst.state, ""))


def _together(steps: Sequence[Step]) -> str:
    """What several users' steps came to."""
    if steps[0].name == "session":
        return "ok"
    values = list(dict.fromkeys(step.value for step in steps if step.state == "ok"))
    if steps[0].name == "socket" and len(values) > 1:
        counts = [int(value.split()[0]) for value in values if value[:1].isdigit()]
        total = sum(int(step.value.split()[0]) for step in steps if step.value[:1].isdigit())
        return live.counted(total, "session") if counts else values[0]
    return " ".join(values)


def _summary(check: HostCheck) -> str:
    versions = dict.fromkeys(step.value for step in check.steps if step.name == "tmux")
    users = [f"{step.user} {step.value}" for step in check.steps if step.name == "socket"]
    return f"tmux {' '.join(versions)}; {', '.join(users)}"
