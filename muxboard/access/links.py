"""Deep links: a token that opens one session once, made here or by a system that is trusted to."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, NamedTuple

import jwt
import msgspec

from muxboard.access.jwt import Refused, Verifier
from muxboard.access.principal import Link, shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxboard.config.values import Secret

ISSUER = "muxboard"
AUDIENCE = "muxboard-link"
ALGORITHM = "HS256"
JUDGING_S = 60.0  # the longest that may lie between verifying a link and using its id up


class LinkToken(NamedTuple):
    """A verified link.

    Attributes:
        link: What it opens.
        issuer: Who made it.
        subject: For whom; "" for whoever has it.
        id: It is good for once.
        believed_until: Unix seconds until which its id must be known as used; ``exp`` and the leeway have
            passed by then.
    """

    link: Link
    issuer: str
    subject: str
    id: str
    believed_until: float


def mint(secret: Secret, link: Link, seconds: float, subject: str = "") -> tuple[str, float]:
    """Return a signed link token and its end in Unix seconds."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + int(seconds),
        "jti": secrets.token_urlsafe(16),
        **msgspec.to_builtins(link),
        **({"sub": subject} if subject else {}),
    }
    return jwt.encode(claims, secret.reveal(), algorithm=ALGORITHM), float(claims["exp"])


class LinkReader:
    """Verifies links.

    Args:
        verifiers: By issuer. What the token says about who made it chooses one of these, and no more.
    """

    def __init__(self, verifiers: Mapping[str, Verifier]) -> None:
        self._verifiers = dict(verifiers)

    async def close(self) -> None:
        """Let go of the keys. Idempotent."""
        for verifier in self._verifiers.values():
            await verifier.close()

    async def read(self, token: str) -> LinkToken:
        """Return a verified link.

        Raises:
            Refused: It is not to be believed; the reason is for the audit line.
            KeysUnavailable: Its issuer's keys cannot be had.
        """
        try:
            issuer = jwt.decode(token, options={"verify_signature": False}).get("iss")
        except (jwt.PyJWTError, ValueError, RecursionError) as error:
            raise Refused("malformed") from error
        verifier = self._verifiers.get(issuer) if isinstance(issuer, str) else None
        if verifier is None:
            raise Refused("issuer")
        claims = await verifier.verify(token)
        try:
            link = msgspec.convert({name: claims.get(name) for name in Link.__struct_fields__}, Link)
        except msgspec.ValidationError as error:
            raise Refused("no target") from error
        subject = claims.get("sub", "")
        if subject and not shown(subject):
            raise Refused("sub")
        until = float(claims["exp"]) + verifier.rules.leeway_s + JUDGING_S
        return LinkToken(link, str(issuer), shown(subject), claims["jti"], until)
