"""Grants, purely: principal × host × tmux user → what may be done."""

from __future__ import annotations

import enum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from msgspec.structs import replace

from muxboard.access.principal import LINK_GATE
from muxboard.config.schema import Grant

if TYPE_CHECKING:
    from collections.abc import Sequence

    from muxboard.access.principal import Principal
    from muxboard.config.schema import Role


class Need(enum.Enum):
    """What an action needs. A role that does not list it refuses it."""

    list = "list"
    view = "view"
    control = "control"
    create = "create"
    change = "change"  # rename, kill
    mint = "mint"  # make deep links
    oversee = "oversee"  # see and end everyone's terminals


_ROLES: dict[Role, frozenset[Need]] = {
    "viewer": frozenset({Need.list, Need.view}),
    "operator": frozenset({Need.list, Need.view, Need.control, Need.create, Need.change, Need.mint}),
    "admin": frozenset(Need),
}
_ORDER: tuple[Role, ...] = ("viewer", "operator", "admin")


# What a deep link lets its holder do, whatever else they may do: never make, change, mint or oversee.
_LINKS = {
    "view": frozenset({Need.list, Need.view}),
    "control": frozenset({Need.list, Need.view, Need.control}),
}
# Gates whose principals are the operator's own: without grants they are admin everywhere.
TRUSTING = frozenset({"token", "cookie", "none", "local"})


class Grants:
    """The grants in force.

    Without any in the file, whoever gets through a gate that lets only the operator's own people in is admin
    everywhere; the first one in the file replaces that, so writing grants can only take away. Whoever came by
    a deep link has that link's session and nothing else.
    """

    def __init__(self, grants: Sequence[Grant]) -> None:
        self.replace(grants)

    def replace(self, grants: Sequence[Grant]) -> None:
        """Put others in force."""
        self._implicit = not grants
        self._grants = tuple(grants) or (Grant(role="admin", principals=["*"]),)

    def acting(
        self, principal: Principal, need: Need, host: str, user: str, session: str | None = None
    ) -> Principal | None:
        """Return whoever may do this for a tmux user on a host: the principal, or the principal by a link.

        Args:
            principal: Who.
            need: What.
            host: Key of the host.
            user: The tmux user.
            session: The session's name, where one is meant; a deep link is for one session alone.

        Returns:
            None when they may not.
        """
        if any(
            need in _ROLES[grant.role] and (need is not Need.create or _creates(grant, user))
            for grant in self._reaching(principal, host, user)
        ):
            return replace(principal, links=()) if principal.links else principal
        for opened in principal.links:
            link = opened.link
            if (link.host, link.user) != (host, user) or need not in _LINKS[link.mode]:
                continue
            if session == link.session or need is Need.list:
                return principal.by(opened)
        return None

    def allows(
        self, principal: Principal, need: Need, host: str, user: str, session: str | None = None
    ) -> bool:
        """Whether a principal may do this for a tmux user on a host; ``acting`` says more."""
        return self.acting(principal, need, host, user, session) is not None

    def oversees(self, principal: Principal) -> bool:
        """Whether a principal is admin anywhere, and so may see everyone's terminals."""
        return any(grant.role == "admin" for grant in self._of(principal))

    def ever(self, principal: Principal, need: Need) -> bool:
        """Whether a principal may do this anywhere."""
        return any(need in _ROLES[grant.role] for grant in self._of(principal))

    def sees(self, principal: Principal, host: str, user: str, session: str) -> bool:
        """Whether a session is in a principal's lists."""
        linked = any(
            (opened.link.host, opened.link.user, opened.link.session) == (host, user, session)
            for opened in principal.links
        )
        return linked or bool(self._reaching(principal, host, user))

    def role(self, principal: Principal, host: str, user: str) -> Role | None:
        """Return the highest role that a principal has there."""
        roles = {grant.role for grant in self._reaching(principal, host, user)}
        if not roles and any((each.link.host, each.link.user) == (host, user) for each in principal.links):
            return "viewer"
        return next((role for role in reversed(_ORDER) if role in roles), None)

    def _reaching(self, principal: Principal, host: str, user: str) -> list[Grant]:
        return [
            grant
            for grant in self._of(principal)
            if matches(grant.hosts, host) and matches(grant.users, user)
        ]

    def _of(self, principal: Principal) -> list[Grant]:
        """The grants that name a principal; none do who came by a deep link alone."""
        if principal.gate == LINK_GATE or (self._implicit and principal.gate not in TRUSTING):
            return []
        return [grant for grant in self._grants if _names(grant, principal)]


def _names(grant: Grant, principal: Principal) -> bool:
    return matches(grant.principals, principal.name) or bool(set(grant.groups) & set(principal.groups))


def _creates(grant: Grant, user: str) -> bool:
    return grant.create_users is None or matches(grant.create_users, user)


def matches(patterns: Sequence[str], text: str) -> bool:
    """Whether a text matches one of some glob patterns."""
    return any(fnmatchcase(text, pattern) for pattern in patterns)
