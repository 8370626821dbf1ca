"""The token gate: one shared token, as a bearer or exchanged for a session."""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING

from muxboard.access.gate import Asked, Denied, Gate
from muxboard.access.principal import Principal

if TYPE_CHECKING:
    from muxboard.config.values import Secret

GATE = "token"


class TokenGate(Gate):
    """Lets in whoever shows the token; browsers exchange it for a session of ours (``Sessions``)."""

    name = GATE
    hint = "Log in first."
    refusal = "That is not the token."

    def __init__(self, token: Secret, principal: str) -> None:
        self._digest = hashlib.sha256(token.reveal().encode()).digest()
        self.principal = principal

    def matches(self, token: str) -> bool:
        """Whether a text is the token."""
        given = hashlib.sha256(token.encode(errors="surrogatepass")).digest()
        return hmac.compare_digest(given, self._digest)

    async def identify(self, asked: Asked) -> Principal | None:
        """An ``Authorization: Bearer`` token is believed or denied."""
        token = asked.bearer()
        if token is None:
            return None
        if not self.matches(token):
            raise Denied("bearer")
        return Principal(name=self.principal, gate=GATE, ambient=False)
