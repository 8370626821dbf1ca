"""The token is exchanged for a session cookie, once."""

from __future__ import annotations

from muxboard.web import cookie
from muxboard.web.handler import Access, Handler
from muxboard.web.views import LoginBody


class Login(Handler):
    """Sets the session cookie."""

    access = {"POST": Access.public}

    async def post(self) -> None:
        await self.check_failures()
        found = self.services.gate.login(self.body(LoginBody).token)
        if found is None:
            await self.deny("login")
            return
        said, principal = found
        value = cookie.sign(self.services.gate, said)
        self.set_cookie(
            cookie.name(self.seen), value, expires=principal.expires_at, **cookie.attributes(self.seen)
        )
        self.set_status(204)


class Logout(Handler):
    """Revokes the login and ends the terminals and streams that were opened with it."""

    access = {"POST": Access.principal}

    async def post(self) -> None:
        await self.services.gate.logout(self.principal)
        self.services.attacher.logged_out(self.principal.login)
        for stream in tuple(self.services.streams):
            if self.principal.login and stream.principal.login == self.principal.login:
                stream.stop()
        self.clear_cookie(cookie.name(self.seen), **cookie.attributes(self.seen))
        self.set_status(204)
