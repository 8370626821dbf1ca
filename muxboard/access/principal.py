"""Who is asking."""

from __future__ import annotations

import math
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

LINK_GATE = "link"  # of whoever came by a deep link and nothing else


class Link(Struct, frozen=True):
    """What a deep link opens: one session, to look at or to type in."""

    host: str
    user: str
    session: str
    mode: Literal["view", "control"]


class Opened(Struct, frozen=True):
    """A link that was redeemed: its access ends at ``until`` (Unix seconds)."""

    id: str
    link: Link
    until: float


class Principal(Struct, frozen=True):
    """Somebody who got through a gate.

    Attributes:
        name: As shown, audited and matched by grants.
        gate: Which gate let them in; names of two gates are never the same principal.
        groups: As the gate says.
        login: Id of the browser login that this request came with; "" for a bearer.
        expires_at: Unix seconds after which the identity no longer holds; None = never.
        grace: Seconds beyond that for which its terminals and streams wait for a fresher one.
        subject: What tells namesakes apart: issuer and subject of a token; "" = the name does.
        links: What deep links have opened for them, besides what the grants say.
        via: Id of the link that they act by; "" = they act as themselves.
        ambient: Whether the browser sends the credential by itself, so that the request's
            origin must be checked.
    """

    name: str
    gate: str = "callable"
    groups: tuple[str, ...] = ()
    login: str = ""
    expires_at: float | None = None
    ambient: bool = True
    subject: str = ""
    links: tuple[Opened, ...] = ()
    via: str = ""
    grace: float = 0.0

    @property
    def key(self) -> str:
        """What caps, rates and ownership count by."""
        return f"{LINK_GATE}:{self.via}" if self.via else f"{self.gate}:{self.subject or self.name}"

    @property
    def keys(self) -> frozenset[str]:
        """Whose terminals are theirs: their own, and those that they opened by a link."""
        return frozenset({self.key, *(f"{LINK_GATE}:{opened.id}" for opened in self.links)})

    @property
    def ends(self) -> float | None:
        """When the first of what they have opened ends, in Unix seconds; None = never."""
        times = [] if self.via else [opened.until for opened in self.links]
        return min(times if self.expires_at is None else [self.expires_at + self.grace, *times], default=None)

    def same_login(self, other: Principal) -> bool:
        """Whether both came with one login or one link, which ends for both at once."""
        mine, others = self.links, {opened.id for opened in other.links}
        return (self.login != "" and self.login == other.login) or any(each.id in others for each in mine)

    def fresher_than(self, other: Principal) -> bool:
        """Whether this is the same person by a credential that is good for at least as long, and says
        something else: a later end, another name, other groups."""
        if self.key != other.key or self.login != other.login:
            return False
        mine, its = ((math.inf if each.expires_at is None else each.expires_at) for each in (self, other))
        return mine >= its and (mine, self.name, self.groups) != (its, other.name, other.groups)

    def by(self, opened: Opened) -> Principal:
        """Return the same person acting by a link, for as long as that opens its session."""
        return replace(self, via=opened.id, links=(opened,), expires_at=opened.until, grace=0.0)


def login_ended(login: str, *links: str) -> Principal:
    """Return somebody of whom nothing is known but a login, and links, that have ended (``same_login``)."""
    nothing = Link("", "", "", "view")
    ended = tuple(Opened(each, nothing, 0.0) for each in (login, *links) if each)
    return Principal(name="", login=login, links=ended)


MAX_NAME_CHARS = 256


def shown(value: object) -> str:
    """Return a name that can be shown and matched; "" where a value is none.

    Space around it is not taken off: to who gave the name, " root" may well be somebody else than "root".
    """
    if not isinstance(value, str) or value != value.strip():
        return ""
    return value if value.isprintable() and len(value) <= MAX_NAME_CHARS else ""
