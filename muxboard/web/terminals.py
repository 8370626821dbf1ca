"""Open, list and end terminals."""

from __future__ import annotations

from muxboard.access.grants import Need
from muxboard.problems import Code, Problem
from muxboard.terminals.attach import Request
from muxboard.web import views
from muxboard.web.handler import Access, Handler

TRANSPORTS = ("websocket", "sse", "poll")


class Terminals(Handler):
    """The principal's terminals."""

    access = {"GET": Access.principal, "POST": Access.change}

    def get(self) -> None:
        attacher = self.services.attacher
        everyone = self.get_query_argument("all", "") == "1"
        if everyone and not self.services.grants.oversees(self.principal):
            raise Problem(Code.forbidden, "Only an admin may see everyone's terminals.")
        shown = [
            terminal
            for terminal in (attacher.table if everyone else attacher.table.of(self.principal))
            if terminal.principal.key in self.principal.keys
            or self._oversees(terminal.target.host, terminal.target.user)
        ]
        self.answer([views.terminal_view(terminal) for terminal in shown])

    def _oversees(self, host: str, user: str) -> bool:
        return self.services.grants.allows(self.principal, Need.oversee, host, user)

    async def post(self) -> None:
        body = self.body(views.AttachBody)
        host = self.host(body.host)
        self.reach(host, body.user, Need.view if body.mode == "view" else Need.control, body.session)
        try:
            terminal = await self.services.attacher.open(
                Request(
                    principal=self.principal,
                    host=host,
                    user=body.user,
                    session=body.session,
                    mode=body.mode,
                    cols=body.cols,
                    rows=body.rows,
                    client=self.seen.client,
                    request_id=self.request_id,
                )
            )
        except Problem as problem:
            if problem.code is Code.attach_cap:
                self._audit_line("cap.refused", problem.code.name)
            raise
        created = views.TerminalCreated(terminal.id, terminal.mode, terminal.cols, terminal.rows, TRANSPORTS)
        self.answer(created, 201)


class OneTerminal(Handler):
    """One terminal: end it."""

    access = {"DELETE": Access.change}

    def delete(self, terminal_id: str) -> None:
        attacher, grants = self.services.attacher, self.services.grants
        terminal = attacher.table.find(terminal_id, self.principal, oversees=grants.oversees(self.principal))
        own = terminal.principal.key in self.principal.keys
        if not own and not grants.allows(self.principal, Need.oversee, *terminal.target[:2]):
            raise Problem(Code.not_found, "There is no such terminal, or it has ended.")
        attacher.end(terminal, "detached" if own else "revoked")
        self.set_status(204)
