"""Browser sessions: what a cookie of ours says, and how it is taken back."""

from __future__ import annotations

import hmac
import secrets
import time
from typing import TYPE_CHECKING

import msgspec

from muxboard.access.principal import Link, Opened, Principal

if TYPE_CHECKING:
    from muxboard.registry.registry import Registry


class _Session(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the cookie says: an id to revoke it by, who it is, when it ends (Unix seconds)."""

    id: str
    exp: float
    name: str
    gate: str
    link: Link | None = None


class Sessions:
    """Makes, reads and revokes sessions. The signature is the cookie's (or bearer's) own matter.

    ``key`` signs them and is the registry's: made anew when that has forgotten which sessions were revoked.
    Were it made from a token alone, cookies would be a way to guess the token without being rated.

    Args:
        registry: Knows which were revoked.
        longest_s: For how long one may live, in seconds.
        pepper: What the configuration keeps secret: whoever reads a shared registry cannot sign without it.
    """

    def __init__(self, registry: Registry, longest_s: float, pepper: bytes = b"") -> None:
        self.key = b""
        self._pepper = pepper
        self.longest_s = longest_s
        self._registry = registry

    async def ready(self) -> None:
        """Take the key that signs now, before anything is signed or verified.

        Raises:
            RegistryUnavailable: Nobody knows it.
        """
        self.key = hmac.digest(await self._registry.secret("logins"), self._pepper, "sha256")

    def make(self, name: str, gate: str, seconds: float, link: Link | None = None) -> tuple[str, Principal]:
        """Return what a new session's cookie is to say, and its principal."""
        session = _Session(secrets.token_urlsafe(16), time.time() + seconds, name, gate, link)
        return msgspec.json.encode(session).decode(), _principal(session)

    async def resume(self, said: bytes) -> Principal | None:
        """Return the principal of a session that has not ended and was not revoked.

        Args:
            said: What the cookie says, its signature already checked.
        """
        key = self.key
        try:
            session = msgspec.json.decode(said, type=_Session)
        except msgspec.DecodeError:
            return None
        if session.exp <= time.time() or await self._registry.used(f"login:{session.id}"):
            return None
        await self.ready()
        # Where the key has changed meanwhile, nobody knows any more whether it was revoked.
        return _principal(session) if self.key == key else None

    async def revoke(self, principal: Principal) -> None:
        """End the sessions that a principal came with: the login's, and those of links."""
        ends = {opened.id: opened.until for opened in principal.links}
        if principal.login:
            ends[principal.login] = principal.expires_at or 0.0
        for session, end in ends.items():
            await self._registry.use(f"login:{session}", end)


def _principal(session: _Session) -> Principal:
    opened = () if session.link is None else (Opened(session.id, session.link, session.exp),)
    return Principal(
        name=session.name,
        gate=session.gate,
        login="" if opened else session.id,
        expires_at=session.exp,
        links=opened,
        via=session.id if opened else "",
    )
