"""Who may have a terminal, and everything that is undone when it ends."""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, NamedTuple, Protocol

from muxboard.access.grants import Need
from muxboard.problems import Code, Problem
from muxboard.records.audit import Line
from muxboard.tasks import Tasks
from muxboard.terminals.pty import PtyManager
from muxboard.terminals.table import Table
from muxboard.terminals.terminal import Target, Terminal, exit_message

if TYPE_CHECKING:
    from muxboard.access.caps import Caps
    from muxboard.access.grants import Grants
    from muxboard.access.principal import Principal
    from muxboard.config import Limits
    from muxboard.hosts.managed import ManagedHost
    from muxboard.records.audit import Audit
    from muxboard.records.metrics import Metrics
    from muxboard.terminals.messages import ExitReason, TerminalMode
    from muxboard.terminals.pty import Pty


class Launcher(Protocol):
    """Says what runs on a terminal's PTY.

    Attributes:
        raw: Whether its PTY is raw from the start. tmux sets the modes that it wants, but only when it is
            up: a ^C typed before that would end it, and text would be echoed into its screen.
    """

    raw: bool

    async def find(self, host: ManagedHost, user: str, name: str) -> str:
        """Return the session's id. Raises ``Problem`` when there is none."""

    def command(
        self, host: ManagedHost, target: Target, mode: TerminalMode
    ) -> tuple[list[str], dict[str, str]]:
        """Return argv and environment."""

    async def ended(self, host: ManagedHost, target: Target) -> ExitReason:
        """Return why the child has ended by itself."""


class TmuxLauncher:
    """``tmux attach``."""

    raw = True

    async def find(self, host: ManagedHost, user: str, name: str) -> str:
        return await host.find(user, name)

    def command(
        self, host: ManagedHost, target: Target, mode: TerminalMode
    ) -> tuple[list[str], dict[str, str]]:
        return host.attach_command(target.user, target.session, view=mode == "view")

    async def ended(self, host: ManagedHost, target: Target) -> ExitReason:
        """A tmux client that ends while its session goes on was detached."""
        return "detached" if await host.exists(target.user, target.session) else "exited"


class Request(NamedTuple):
    """What somebody asks for, and from where."""

    principal: Principal
    host: ManagedHost
    user: str
    session: str
    mode: TerminalMode
    cols: int
    rows: int
    client: str
    request_id: str


class Attacher:
    """Opens and ends terminals. What opening did is undone in reverse order, on every way out."""

    def __init__(
        self,
        *,
        limits: Limits,
        grants: Grants,
        caps: Caps,
        audit: Audit,
        metrics: Metrics,
        launcher: Launcher,
    ) -> None:
        self.table = Table()
        self.draining = False
        self._limits = limits
        self._grants = grants
        self._caps = caps
        self._audit = audit
        self._metrics = metrics
        self._launcher = launcher
        self._ptys = PtyManager()
        self._tasks = Tasks("terminals")
        self._undo: dict[str, AsyncExitStack] = {}

    async def open(self, request: Request) -> Terminal:
        """Return a live terminal that waits for its connection.

        Raises:
            Problem: ``forbidden``, ``attach_cap``, ``session_not_found``, ``draining``,
                ``audit_unavailable``, or why the host cannot be asked. Nothing is left behind.
        """
        began = time.monotonic()
        principal, host, user = request.principal, request.host, request.user
        need = Need.view if request.mode == "view" else Need.control
        if not self._grants.allows(principal, need, host.config.key, user):
            raise Problem(
                Code.forbidden, f"You may not {need.value} sessions of {user} on {host.config.key}."
            )
        terminal_id = secrets.token_urlsafe(18)
        async with AsyncExitStack() as undo:
            lease = await self._caps.lease(principal, terminal_id)
            undo.push_async_callback(self._caps.release, lease)
            session = await self._launcher.find(host, user, request.session)
            target = Target(host.config.key, user, session, request.session)
            if self.draining:
                raise Problem(Code.draining)
            # From here to the table there is no waiting: a drain sees the terminal or stops it above.
            argv, env = self._launcher.command(host, target, request.mode)
            self._audit.write(self._line(request, target, terminal_id))
            try:
                terminal = Terminal(
                    terminal_id=terminal_id,
                    principal=principal,
                    target=target,
                    mode=request.mode,
                    size=(request.cols, request.rows),
                    limits=self._limits,
                    spawn=lambda cols, rows: self._ptys.spawn(argv, env, cols, rows, raw=self._launcher.raw),
                    retire=self._retire,
                    on_exit=lambda terminal: self._child_ended(terminal, host),
                    on_end=self.end,
                )
            except OSError as error:
                self._audit.note(self._end_line(request, target, terminal_id, "failed"))
                raise Problem(Code.internal, "No terminal could be started on this machine.") from error
            undo.push_async_callback(self._record_end, terminal, request, target)
            undo.push_async_callback(lambda: terminal.pty.close())  # noqa: PLW0108  the PTY may be another by then
            self.table.add(terminal)
            undo.callback(self.table.remove, terminal)
            self._metrics.terminals.inc()
            self._metrics.attach_seconds.observe(time.monotonic() - began)
            self._undo[terminal_id] = undo.pop_all()
        return terminal

    def _retire(self, pty: Pty) -> None:
        self._tasks.start(pty.close(), "end of a replaced child")

    def end(self, terminal: Terminal, reason: ExitReason) -> None:
        """End a terminal for a reason; does not wait. Idempotent."""
        if terminal.end(exit_message(reason, terminal.pty.exit_code)):
            terminal.reason = reason
            self.table.remove(terminal)  # at once: a connection between now and then would hang on it
            self._tasks.start(self._undo.pop(terminal.id).aclose(), f"end of {terminal.id[:6]}")

    def _child_ended(self, terminal: Terminal, host: ManagedHost) -> None:
        async def explain() -> None:
            reason = "killed" if terminal.killed else await self._launcher.ended(host, terminal.target)
            self.end(terminal, reason)

        self._tasks.start(explain(), f"exit of {terminal.id[:6]}")

    def mark_killed(self, host: str, user: str, session: str, *, killed: bool) -> None:
        """Say that a session is being killed, so that its terminals can say so too."""
        for terminal in self.table:
            if terminal.target[:3] == (host, user, session):
                terminal.killed = killed

    def logged_out(self, login: str) -> None:
        """End every terminal that was opened with a login."""
        for terminal in self.table:
            if login and terminal.principal.login == login:
                self.end(terminal, "revoked")

    async def drain(self, timeout_s: float) -> None:
        """Open no more, end all, and wait until all is undone, at most ``timeout_s`` seconds."""
        self.draining = True
        for terminal in self.table:
            self.end(terminal, "draining")
        try:
            async with asyncio.timeout(timeout_s):
                await self._tasks.settled()
        except TimeoutError:
            pass
        await self._tasks.close()

    async def _record_end(self, terminal: Terminal, request: Request, target: Target) -> None:
        self._metrics.terminals.dec()
        line = self._end_line(request, target, terminal.id, terminal.reason)
        line.bytes_in = terminal.input_offset
        line.bytes_out = terminal.output_offset
        line.duration_ms = int((time.time() - terminal.started) * 1000)
        self._audit.note(line)

    def _end_line(self, request: Request, target: Target, terminal_id: str, reason: str) -> Line:
        line = self._line(request, target, terminal_id)
        line.event, line.result = "terminal.end", reason
        return line

    def _line(self, request: Request, target: Target, terminal_id: str) -> Line:
        return Line(
            event="terminal.start",
            result="ok",
            principal=request.principal.name,
            gate=request.principal.gate,
            client=request.client,
            host=target.host,
            user=target.user,
            session=target.name,
            terminal=terminal_id,
            mode=request.mode,
            request_id=request.request_id,
        )
