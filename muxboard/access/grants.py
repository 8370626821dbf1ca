"""Grants, purely: principal × host × tmux user → what may be done."""

from __future__ import annotations

import enum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

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
    oversee = "oversee"  # see and end everyone's terminals


_ROLES: dict[Role, frozenset[Need]] = {
    "viewer": frozenset({Need.list, Need.view}),
    "operator": frozenset({Need.list, Need.view, Need.control, Need.create, Need.change}),
    "admin": frozenset(Need),
}
_ORDER: tuple[Role, ...] = ("viewer", "operator", "admin")


class Grants:
    """The grants in force.

    Without any in the file, whoever gets through the token gate is admin everywhere; the first one
    in the file replaces that, so writing grants can only take away.
    """

    def __init__(self, grants: Sequence[Grant]) -> None:
        self._grants = tuple(grants) or (Grant(role="admin", principals=["*"]),)

    def allows(self, principal: Principal, need: Need, host: str, user: str) -> bool:
        """Whether a principal may do this for a tmux user on a host."""
        return any(
            need in _ROLES[grant.role] and (need is not Need.create or _creates(grant, user))
            for grant in self._reaching(principal, host, user)
        )

    def oversees(self, principal: Principal) -> bool:
        """Whether a principal is admin anywhere, and so may see everyone's terminals."""
        return any(grant.role == "admin" for grant in self._grants if _names(grant, principal))

    def role(self, principal: Principal, host: str, user: str) -> Role | None:
        """Return the highest role that a principal has there."""
        roles = {grant.role for grant in self._reaching(principal, host, user)}
        return next((role for role in reversed(_ORDER) if role in roles), None)

    def _reaching(self, principal: Principal, host: str, user: str) -> list[Grant]:
        return [
            grant
            for grant in self._grants
            if _names(grant, principal) and _any(grant.hosts, host) and _any(grant.users, user)
        ]


def _names(grant: Grant, principal: Principal) -> bool:
    return _any(grant.principals, principal.name) or bool(set(grant.groups) & set(principal.groups))


def _creates(grant: Grant, user: str) -> bool:
    return grant.create_users is None or _any(grant.create_users, user)


def _any(patterns: Sequence[str], text: str) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)
