"""The token gate: one shared token, as a bearer or exchanged for a signed session cookie."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from typing import TYPE_CHECKING

import msgspec

from muxboard.access.principal import Principal

if TYPE_CHECKING:
    from muxboard.config.values import Secret
    from muxboard.registry.memory import MemoryRegistry

GATE = "token"


class _Login(msgspec.Struct, frozen=True):
    """What the cookie says: an id to revoke it by, and when it ends (Unix seconds)."""

    id: str
    exp: float


class TokenGate:
    """Lets in whoever shows the token.

    ``cookie_key`` signs the session cookie and is made anew at each start. Were it made from the token,
    cookies would be a way to guess the token without being rated, and a restart would forget which
    logins were revoked.
    """

    def __init__(self, token: Secret, name: str, session_s: float, registry: MemoryRegistry) -> None:
        self._token = token.reveal().encode()
        self.cookie_key = secrets.token_bytes(32)
        self._name = name
        self.session_s = session_s
        self._registry = registry

    def _matches(self, token: str) -> bool:
        given = token.encode(errors="surrogatepass")
        return hmac.compare_digest(hashlib.sha256(given).digest(), hashlib.sha256(self._token).digest())

    def bearer(self, token: str) -> Principal | None:
        """Return the principal of an ``Authorization: Bearer`` token, or None."""
        if not self._matches(token):
            return None
        return Principal(name=self._name, gate=GATE, ambient=False)

    def login(self, token: str) -> tuple[str, Principal] | None:
        """Exchange the token for what the cookie is to say, or return None."""
        if not self._matches(token):
            return None
        login = _Login(id=secrets.token_urlsafe(16), exp=time.time() + self.session_s)
        return msgspec.json.encode(login).decode(), self._principal(login)

    async def resume(self, said: bytes) -> Principal | None:
        """Return the principal of a login that has not ended and was not revoked.

        Args:
            said: What the cookie says, its signature already checked.
        """
        try:
            login = msgspec.json.decode(said, type=_Login)
        except msgspec.DecodeError:
            return None
        if login.exp <= time.time() or await self._registry.used(f"login:{login.id}"):
            return None
        return self._principal(login)

    async def logout(self, principal: Principal) -> None:
        """Revoke the login that a principal came with."""
        if principal.login:
            await self._registry.use(f"login:{principal.login}", principal.expires_at or 0.0)

    def _principal(self, login: _Login) -> Principal:
        return Principal(name=self._name, gate=GATE, login=login.id, expires_at=login.exp)
