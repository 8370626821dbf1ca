"""The token is exchanged for a session cookie, once."""

from __future__ import annotations

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
        value, principal = found
        self._cookie(value, principal.expires_at)
        self.set_status(204)

    def _cookie(self, value: str, expires_at: float | None) -> None:
        self.set_cookie(
            self.cookie_name,
            value,
            expires=expires_at,
            path="/",
            httponly=True,
            samesite="Strict",
            secure=self.seen.scheme == "https",
        )


class Logout(Handler):
    """Revokes the login and ends the terminals that were opened with it."""

    access = {"POST": Access.principal}

    async def post(self) -> None:
        await self.services.gate.logout(self.principal)
        self.services.attacher.logged_out(self.principal.login)
        self.clear_cookie(
            self.cookie_name, path="/", httponly=True, samesite="Strict", secure=self.seen.scheme == "https"
        )
        self.set_status(204)
