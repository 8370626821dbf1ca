"""Who is asking."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

LINK_GATE = "link"  # of whoever came by a deep link and nothing else


class Link(Struct, frozen=True):
    """What a deep link opens: one session, to look at or to type in."""

    host: str
    user: str
    session: str
    mode: Literal["view", "control"]


class Principal(Struct, frozen=True):
    """Somebody who got through a gate.

    Attributes:
        name: As shown, audited and matched by grants.
        gate: Which gate let them in; names of two gates are never the same principal.
        groups: As the gate says.
        login: Id of the browser login that this request came with; "" for a bearer.
        expires_at: Unix seconds after which the identity no longer holds; None = never.
        subject: What tells namesakes apart: issuer and subject of a token; "" = the name does.
        link: The one target that a deep link opens, and how; None = as the grants say.
        ambient: Whether the browser sends the credential by itself, so that the request's
            origin must be checked.
    """

    name: str
    gate: str
    groups: tuple[str, ...] = ()
    login: str = ""
    expires_at: float | None = None
    ambient: bool = True
    subject: str = ""
    link: Link | None = None

    @property
    def key(self) -> str:
        """What caps, rates and ownership count by."""
        return f"{self.gate}:{self.subject or self.name}"


MAX_NAME_CHARS = 256


def shown(value: object) -> str:
    """Return a name that can be shown and matched; "" where a value is none."""
    if not isinstance(value, str):
        return ""
    text = value.strip()
    return text if text.isprintable() and len(text) <= MAX_NAME_CHARS else ""
