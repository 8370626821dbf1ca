"""The token is exchanged for a session cookie, once."""

from __future__ import annotations

import contextlib

from muxboard.access.token import TokenGate
from muxboard.problems import Code, Problem
from muxboard.registry.registry import RegistryUnavailable
from muxboard.web import cookie
from muxboard.web.handler import Access, Handler
from muxboard.web.views import LoginBody


class Login(Handler):
    """Sets the session cookie."""

    access = {"POST": Access.public}

    async def post(self) -> None:
        await self.check_failures()
        services = self.services
        gate, token = services.gate, self.body(LoginBody).token
        if not isinstance(gate, TokenGate):
            raise Problem(Code.not_found, gate.hint)
        if not gate.matches(token):
            await self.deny("login")
        seconds = float(services.config.auth.token.session)
        said, principal = services.sessions.make(gate.principal, gate.name, seconds)
        self.keep(cookie.name(self.seen), said, principal.expires_at)
        self.set_status(204)


class Logout(Handler):
    """Revokes the login and the links that it came with; ends the terminals and streams opened with them."""

    access = {"POST": Access.principal}

    async def post(self) -> None:
        principal = self.principal
        try:
            await self.services.sessions.revoke(principal)
        finally:
            self.services.logged_out(principal)
        for name in (cookie.name(self.seen), *cookie.link_names(self.seen, self.request.cookies)):
            self.keep(name, "", None)
        with contextlib.suppress(RegistryUnavailable):  # the others look for themselves before long
            await self.services.elsewhere.logged_out(principal)
        self.set_status(204)
