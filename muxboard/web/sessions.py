"""Create, rename, kill, look into: one command on the host, and a sweep of it at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxboard.access.grants import Need
from muxboard.problems import Code, Problem
from muxboard.web import views
from muxboard.web.handler import Access, Handler

if TYPE_CHECKING:
    from muxboard.hosts.managed import ManagedHost
    from muxboard.records.audit import Event


class SessionHandler(Handler):
    """A handler below ``hosts/{host}/users/{user}/sessions``."""

    def open(self, key: str, user: str, need: Need, session: str | None = None) -> ManagedHost:
        """Return the host. Raises ``not_found`` or ``forbidden``."""
        host = self.host(key)
        self.reach(host, user, need, session)
        return host

    def record(self, event: Event, host: ManagedHost, user: str, session: str, error: Problem | None) -> None:
        """Write the audit line of a change that was tried."""
        result, code = ("failed", error.code.name) if error else ("ok", None)
        self.note(event, result, code, host=host.config.key, user=user, session=session)


class Sessions(SessionHandler):
    """The sessions of one tmux user."""

    access = {"POST": Access.change}

    async def post(self, key: str, user: str) -> None:
        host = self.open(key, user, Need.create)
        body = self.body(views.CreateBody)
        try:
            session = await host.create(user, body.name, body.command or "", body.directory or "")
        except Problem as problem:
            self.record("session.create", host, user, body.name, problem)
            raise
        self.record("session.create", host, user, session.name, None)
        await self.services.sweeper.refresh(host)
        self.answer(views.SessionCreated(session.id, session.name), 201)


class Session(SessionHandler):
    """One session: rename, kill."""

    access = {"PATCH": Access.change, "DELETE": Access.change}

    async def patch(self, key: str, user: str, name: str) -> None:
        host = self.open(key, user, Need.change)
        new = self.body(views.RenameBody).name
        try:
            session = await host.find(user, name)
            await host.rename(user, session, new)
        except Problem as problem:
            self.record("session.rename", host, user, name, problem)
            raise
        self.record("session.rename", host, user, name, None)
        await self.services.sweeper.refresh(host)
        self.answer(views.SessionCreated(session, self._name(host, user, session) or new))

    def _name(self, host: ManagedHost, user: str, session: str) -> str | None:
        """What tmux made of a name: it doubles backslashes."""
        known = (each for report in host.report.users if report.name == user for each in report.sessions)
        return next((each.name for each in known if each.id == session), None)

    async def delete(self, key: str, user: str, name: str) -> None:
        host = self.open(key, user, Need.change)
        confirm = self.get_query_arguments("confirm", strip=False)
        if confirm != [name]:
            raise Problem(Code.confirm_mismatch, "Send confirm= with exactly the session's name.")
        attacher = self.services.attacher
        try:
            session = await host.find(user, name)
            attacher.mark_killed(key, user, session, killed=True)
            try:
                await host.kill(user, session)
            except Problem:
                attacher.mark_killed(key, user, session, killed=False)
                raise
        except Problem as problem:
            self.record("session.kill", host, user, name, problem)
            raise
        self.record("session.kill", host, user, name, None)
        await self.services.sweeper.refresh(host)
        self.set_status(204)


class Preview(SessionHandler):
    """The visible screen, with SGR codes."""

    access = {"GET": Access.change}

    async def get(self, key: str, user: str, name: str) -> None:
        host = self.open(key, user, Need.view, name)
        text = await host.capture(user, await host.find(user, name), history=False)
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.write(text)


class Scrollback(SessionHandler):
    """The whole history, to keep."""

    access = {"GET": Access.change}

    async def get(self, key: str, user: str, name: str) -> None:
        host = self.open(key, user, Need.view, name)
        text = await host.capture(user, await host.find(user, name), history=True)
        plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in name)[:100]
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("Content-Disposition", f'attachment; filename="{key}-{user}-{plain}.txt"')
        self.write(text)
