"""Open, list and end terminals."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxboard.access.grants import Need
from muxboard.problems import Code, Problem
from muxboard.registry.registry import RegistryUnavailable
from muxboard.terminals.attach import Request
from muxboard.terminals.elsewhere import known
from muxboard.terminals.table import NO_TERMINAL
from muxboard.web import views
from muxboard.web.handler import Access, Handler

if TYPE_CHECKING:
    from muxboard.terminals.elsewhere import Known
    from muxboard.terminals.messages import ExitReason

TRANSPORTS = ("websocket", "sse", "poll")


class Terminals(Handler):
    """The principal's terminals."""

    access = {"GET": Access.principal, "POST": Access.change}

    async def get(self) -> None:
        services, everyone = self.services, self.get_query_argument("all", "") == "1"
        if everyone and not services.grants.oversees(self.principal):
            raise Problem(Code.forbidden, "Only an admin may see everyone's terminals.")
        here = [known(terminal) for terminal in services.attacher.table]
        try:
            away = await services.elsewhere.all()
        except RegistryUnavailable:
            if everyone:
                raise
            away = []
        shown = [(terminal, True) for terminal in here] + [(terminal, False) for terminal in away]
        self.answer(
            [
                views.terminal_view(terminal, here=is_here)
                for terminal, is_here in shown
                if terminal.key in self.principal.keys or (everyone and self._oversees(terminal))
            ]
        )

    def _oversees(self, terminal: Known) -> bool:
        return self.services.grants.allows(self.principal, Need.oversee, terminal.host, terminal.user)

    async def post(self) -> None:
        body = self.body(views.AttachBody)
        host = self.host(body.host)
        self.reach(host, body.user, Need.view if body.mode == "view" else Need.control, body.session)
        if body.replaces:
            await self._let_go(body.replaces)
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
                    replaces=body.replaces,
                )
            )
        except Problem as problem:
            if problem.code is Code.attach_cap:
                self.note("cap.refused", "refused", problem.code.name)
            raise
        created = views.TerminalCreated(terminal.id, terminal.mode, terminal.cols, terminal.rows, TRANSPORTS)
        self.answer(created, 201)

    async def _let_go(self, terminal_id: str) -> None:
        """End a terminal of theirs, here or elsewhere: they have lost it and want another one."""
        attacher, elsewhere = self.services.attacher, self.services.elsewhere
        try:
            attacher.end(attacher.table.find(terminal_id, self.principal), "detached")
        except Problem:
            for key in self.principal.keys:
                await elsewhere.ask_to_end(terminal_id, "detached", key)


class OneTerminal(Handler):
    """One terminal: end it."""

    access = {"DELETE": Access.change}

    async def delete(self, terminal_id: str) -> None:
        services, grants = self.services, self.services.grants
        try:
            terminal = services.attacher.table.find(
                terminal_id, self.principal, oversees=grants.oversees(self.principal)
            )
        except Problem:
            await self._end_elsewhere(terminal_id)
        else:
            services.attacher.end(terminal, self._ending(known(terminal)))
        self.set_status(204)

    async def _end_elsewhere(self, terminal_id: str) -> None:
        for terminal in await self.services.elsewhere.all():
            if terminal.id == terminal_id:
                await self.services.elsewhere.end(terminal, self._ending(terminal))
                return
        raise Problem(Code.not_found, NO_TERMINAL)

    def _ending(self, terminal: Known) -> ExitReason:
        """Return why it ends now. Raises ``not_found`` for whoever may not end it."""
        if terminal.key in self.principal.keys:
            return "detached"
        if self.services.grants.allows(self.principal, Need.oversee, terminal.host, terminal.user):
            return "revoked"
        raise Problem(Code.not_found, NO_TERMINAL)
