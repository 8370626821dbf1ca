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
from muxboard.terminals.messages import exit_message
from muxboard.terminals.pty import PtyManager
from muxboard.terminals.reattach import Attachment, reattach
from muxboard.terminals.table import Table
from muxboard.terminals.target import Target
from muxboard.terminals.terminal import Terminal

if TYPE_CHECKING:
    from muxboard.access.caps import Caps
    from muxboard.access.grants import Grants
    from muxboard.access.principal import Principal
    from muxboard.config import Limits
    from muxboard.hosts.managed import ManagedHost
    from muxboard.hosts.way import Child
    from muxboard.records.audit import Audit
    from muxboard.records.metrics import Metrics
    from muxboard.terminals.messages import ExitReason, TerminalMode
    from muxboard.terminals.pty import Pty


class Launcher(Protocol):
    """Says what runs on a terminal's PTY.

    Attributes:
        raw: Whether its PTY is raw from the start. tmux sets the modes that it wants, but only when it is
            up: a ^C typed before that would end it, and text would be echoed into its screen.
        redraws: Whether a fresh child draws all that is worth seeing: then output that has become stale may
            be left out.
    """

    raw: bool
    redraws: bool

    async def find(self, host: ManagedHost, user: str, name: str) -> str:
        """Return the session's id. Raises ``Problem`` when there is none."""

    async def child(self, host: ManagedHost, target: Target, mode: TerminalMode) -> Child:
        """Return what to start. Raises ``Problem`` when that cannot be known."""

    def lost(self, host: ManagedHost, exit_code: int | None) -> bool:
        """Whether a child that has ended by itself has lost its host."""

    async def ended(self, host: ManagedHost, target: Target) -> ExitReason:
        """Return why the child has ended by itself: ``exited`` when its session is gone.

        Raises:
            Problem: The host cannot be asked.
        """


class TmuxLauncher:
    """``tmux attach``, on this machine or through ssh."""

    raw = True
    redraws = True

    async def find(self, host: ManagedHost, user: str, name: str) -> str:
        return await host.find(user, name)

    async def child(self, host: ManagedHost, target: Target, mode: TerminalMode) -> Child:
        return await host.on_pty(target.user, target.session, view=mode == "view")

    def lost(self, host: ManagedHost, exit_code: int | None) -> bool:
        return host.way.lost(exit_code)

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
    replaces: str = ""


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
        self._opening: dict[str, Principal] = {}  # by the terminal's id; whose login ends is taken out

    async def open(self, request: Request) -> Terminal:
        """Return a live terminal that waits for its connection.

        Raises:
            Problem: ``forbidden``, ``attach_cap``, ``session_not_found``, ``draining``,
                ``audit_unavailable``, or why the host cannot be asked; ``forbidden`` or ``unauthenticated``
            also when what allowed it was taken back meanwhile. Nothing is left behind.
        """
        began = time.monotonic()
        host, user = request.host, request.user
        need = Need.view if request.mode == "view" else Need.control
        principal = self._grants.acting(request.principal, need, host.config.key, user, request.session)
        if principal is None:
            raise Problem(
                Code.forbidden, f"You may not {need.value} sessions of {user} on {host.config.key}."
            )
        terminal_id = secrets.token_urlsafe(18)
        async with AsyncExitStack() as undo:
            self._opening[terminal_id] = principal
            undo.callback(self._opening.pop, terminal_id, None)
            lease = await self._caps.lease(principal, terminal_id, request.replaces)
            undo.push_async_callback(self._caps.release, lease)
            session = await self._launcher.find(host, user, request.session)
            target = Target(host.config.key, user, session, request.session)
            attachment = Attachment(await self._launcher.child(host, target, request.mode))
            undo.callback(attachment.close)
            if self.draining:
                raise Problem(Code.draining)
            if host.closed:
                raise Problem(Code.not_found, "There is no such host any more.")
            if terminal_id not in self._opening:
                raise Problem(Code.unauthenticated, "The login has ended meanwhile.")
            if not self._grants.allows(principal, need, host.config.key, user, request.session):
                raise Problem(Code.forbidden, "You may no longer have this terminal.")
            # From here to the table there is no waiting: a drain, a logout or other grants see the terminal,
            # or stop it above.
            del self._opening[terminal_id]
            self._audit.write(self._line(request, target, terminal_id))
            try:
                terminal = Terminal(
                    terminal_id=terminal_id,
                    principal=principal,
                    client=request.client,
                    target=target,
                    mode=request.mode,
                    size=(request.cols, request.rows),
                    limits=self._limits,
                    spawn=lambda cols, rows: self._spawn(attachment.child, cols, rows),
                    retire=self._retire,
                    redraws=self._launcher.redraws,
                    on_exit=lambda terminal: self._child_ended(terminal, host, attachment),
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

    def _spawn(self, child: Child, cols: int, rows: int) -> Pty:
        return self._ptys.spawn(child.argv, child.env, cols, rows, raw=self._launcher.raw)

    def _retire(self, pty: Pty) -> None:
        self._tasks.start(pty.close(), "end of a replaced child")

    def end(self, terminal: Terminal, reason: ExitReason, why: str = "") -> None:
        """End a terminal for a reason; does not wait. Idempotent.

        Args:
            terminal: Which one.
            reason: One of the protocol's.
            why: A sentence for this case, in place of the reason's own.
        """
        if terminal.end(exit_message(reason, terminal.pty.exit_code, why)):
            terminal.reason = reason
            self.table.remove(terminal)  # at once: a connection between now and then would hang on it
            self._tasks.start(self._undo.pop(terminal.id).aclose(), f"end of {terminal.id[:6]}")

    def _child_ended(self, terminal: Terminal, host: ManagedHost, attachment: Attachment) -> None:
        self._tasks.start(self._explain(terminal, host, attachment), f"exit of {terminal.id[:6]}")

    async def _explain(self, terminal: Terminal, host: ManagedHost, attachment: Attachment) -> None:
        """End a terminal whose child has ended, or attach it anew where only its host was lost."""
        launcher, target = self._launcher, terminal.target
        if terminal.killed:
            self.end(terminal, "killed")
        elif launcher.lost(host, terminal.pty.exit_code) and not terminal.awaited:
            self.end(terminal, "detached")  # nobody has come back for it either
        elif launcher.lost(host, terminal.pty.exit_code):
            over = await reattach(
                terminal,
                attachment,
                still_there=lambda: launcher.ended(host, target),
                child=lambda: launcher.child(host, target, terminal.mode),
                patience_s=float(self._limits.resume),
            )
            if over is not None:
                self.end(terminal, over.reason, over.why)
        else:
            try:
                self.end(terminal, await launcher.ended(host, target))
            except Problem as problem:
                self.end(terminal, "exited", f"The terminal has ended; then: {problem.detail}")

    def host_gone(self, host: str, why: str) -> None:
        """End every terminal on a host that is no longer configured as it was."""
        for terminal in self.table:
            if terminal.target.host == host:
                self.end(terminal, "revoked", why)

    def mark_killed(self, host: str, user: str, session: str, *, killed: bool) -> None:
        """Say that a session is being killed, so that its terminals can say so too."""
        for terminal in self.table:
            if terminal.target[:3] == (host, user, session):
                terminal.killed = killed

    def fresher(self, principal: Principal) -> None:
        """Somebody has shown a credential: where it is a fresher one, their terminals live as long as it, and
        only where it still may have them."""
        for terminal in self.table:
            if principal.fresher_than(terminal.principal):
                terminal.renew(principal)
                self._recheck(terminal)

    def logged_out(self, principal: Principal) -> None:
        """End every terminal that was opened with a principal's login or links, or is being opened."""
        for terminal_id, opener in tuple(self._opening.items()):
            if opener.same_login(principal):
                del self._opening[terminal_id]
        for terminal in self.table:
            if terminal.principal.same_login(principal):
                self.end(terminal, "revoked")

    def recheck(self) -> None:
        """The grants are others now: end the terminals of those who may no longer have them."""
        for terminal in self.table:
            self._recheck(terminal)

    def may_have(self, principal: Principal, terminal: Terminal) -> bool:
        """Whether the grants give a terminal to a principal now."""
        need = Need.view if terminal.mode == "view" else Need.control
        target = terminal.target
        return self._grants.allows(principal, need, target.host, target.user, target.name)

    def _recheck(self, terminal: Terminal) -> None:
        if not self.may_have(terminal.principal, terminal):
            self.end(terminal, "revoked", "You may no longer have this terminal; the session goes on.")

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
