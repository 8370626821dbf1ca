"""The API's structs, as they stand in JSON. The page's types are made from these."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

import msgspec
from msgspec import Meta, Struct

from muxboard.access.grants import Need
from muxboard.hosts.model import HostState, Session, UserState  # noqa: TC001  msgspec reads the annotations
from muxboard.problems import Code
from muxboard.terminals.elsewhere import Shown
from muxboard.terminals.messages import TerminalMode  # noqa: TC001

if TYPE_CHECKING:
    from collections.abc import Iterable

    from muxboard.access.grants import Grants
    from muxboard.access.principal import Principal
    from muxboard.config.schema import Role
    from muxboard.hosts.model import UserReport
    from muxboard.hosts.sweep import Sweeper
    from muxboard.terminals.elsewhere import Known


class UserView(Struct, frozen=True):
    """One tmux user, as far as the principal may see."""

    name: str
    state: UserState
    problem: str | None
    remedy: str | None
    stale: bool
    may_create: bool
    may_control: bool
    sessions: tuple[Session, ...]


class HostView(Struct, frozen=True):
    """One host, as far as the principal may see."""

    key: str
    label: str
    hostname: str
    local: bool
    state: HostState
    problem: str | None
    remedy: str | None
    checked_at: float
    seen_at: float
    stale: bool
    sweep_ms: int
    users: tuple[UserView, ...]


class Inventory(Struct, frozen=True):
    """Everything that the principal may see, from the cache."""

    generation: int
    hosts: tuple[HostView, ...]


class Checked(Struct, frozen=True):
    """Host key → time of its last sweep, when that changed nothing else."""

    hosts: dict[str, float]


class PrincipalView(Struct, frozen=True):
    """Who is asking."""

    name: str
    groups: tuple[str, ...]
    gate: str


class Attaches(Struct, frozen=True):
    """How many terminals are open, of how many."""

    used: int
    limit: int


class LinkView(Struct, frozen=True):
    """A deep link that was redeemed: what it opens, and until when."""

    host: str
    user: str
    session: str
    mode: TerminalMode
    expires_at: float


class Me(Struct, frozen=True):
    """Who is asking and what they may do; targets are ``host/user``."""

    principal: PrincipalView
    role_by_target: dict[str, str]
    expires_at: float | None
    attaches: Attaches
    may_oversee: bool
    may_mint: bool
    links: tuple[LinkView, ...]


class SessionCreated(Struct, frozen=True):
    """A session that was made or renamed, as tmux calls it now."""

    id: str
    name: str


class TerminalCreated(Struct, frozen=True):
    """A new terminal that waits for its connection."""

    id: str
    mode: TerminalMode
    cols: int
    rows: int
    transports: tuple[str, ...]


class TerminalView(Shown, frozen=True):
    """A live terminal in a list. One that is not ``here`` is another process's: its counts are a few seconds
    old, and a client of it that comes here needs a new one."""

    here: bool


class InputTaken(Struct, frozen=True):
    """How many bytes of input a terminal has had in all."""

    input_offset: int


class FieldErrorView(Struct, frozen=True):
    """One thing that is wrong in a request."""

    path: str
    reason: str


class ProblemView(Struct, frozen=True, omit_defaults=True):
    """RFC 9457 problem details."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    request_id: str
    errors: tuple[FieldErrorView, ...] = ()


class LoginBody(Struct, frozen=True, forbid_unknown_fields=True):
    token: Annotated[str, Meta(max_length=4096)]


class LinkBody(Struct, frozen=True, forbid_unknown_fields=True):
    """``ttl`` is a duration, by default 10m; ``sub`` is for whom, by default for whoever has the link."""

    host: str
    user: str
    session: str
    mode: Annotated[Literal["control", "view"], Meta(extra={"must": "be control or view"})] = "view"
    ttl: str | None = None
    sub: Annotated[str, Meta(min_length=1, max_length=256)] | None = None


class RedeemBody(Struct, frozen=True, forbid_unknown_fields=True):
    token: Annotated[str, Meta(max_length=16384)]


class LinkCreated(Struct, frozen=True):
    """A link that opens one session once."""

    url: str
    token: str
    expires_at: float


class LinkRedeemed(Struct, frozen=True):
    """What a link has opened; ``session_token`` is for clients that keep no cookies, as a bearer."""

    host: str
    user: str
    session: str
    mode: TerminalMode
    expires_at: float
    session_token: str


class RefreshBody(Struct, frozen=True, forbid_unknown_fields=True):
    host: str | None = None


class CreateBody(Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    command: str | None = None
    directory: str | None = None


class RenameBody(Struct, frozen=True, forbid_unknown_fields=True):
    name: str


_Size = Annotated[int, Meta(ge=1, le=10_000, extra={"must": "be 1 to 10000"})]


class AttachBody(Struct, frozen=True, forbid_unknown_fields=True):
    """``replaces`` is the id of a terminal of one's own that ends by this one, and makes room for it."""

    host: str
    user: str
    session: str
    mode: Annotated[Literal["control", "view"], Meta(extra={"must": "be control or view"})] = "control"
    cols: _Size = 80
    rows: _Size = 24
    replaces: Annotated[str, Meta(max_length=64)] = ""


# What went wrong on the way to a host is nobody's secret in particular; after that it is one of its users'.
_ON_THE_WAY: frozenset[HostState] = frozenset({"unreachable", "host_key_unknown", "host_key_changed"})
# A refused login is told in full, with whose key it was, to those who reach all of the host.
_IN_SHORT: dict[HostState, str] = {"auth_failed": Code.auth_failed.title, "timeout": Code.timeout.title}


class _Reach(NamedTuple):
    """What a principal may do for one tmux user whom they may see."""

    may_create: bool
    may_control: bool


class Sight:
    """What one principal may see of the hosts, from the cache.

    The grants are asked once for each host, which is most of what a view costs: whoever keeps a sight
    must ``forget`` when the configuration changes.
    """

    def __init__(self, sweeper: Sweeper, grants: Grants, principal: Principal) -> None:
        self._sweeper = sweeper
        self._grants = grants
        self._principal = principal
        self._hosts = sweeper.hosts
        self._reaches: dict[str, dict[str, _Reach]] = {}

    def forget(self) -> None:
        """Ask the grants anew."""
        self._reaches.clear()

    def inventory(self) -> Inventory:
        """Return everything in sight."""
        hosts = (self.host(key) for key in self._sweeper.hosts)
        return Inventory(self._sweeper.generation, tuple(host for host in hosts if host))

    def hosts(self, keys: Iterable[str]) -> Inventory:
        """Return those of these hosts that are in sight."""
        found = (self.host(key) for key in keys)
        return Inventory(self._sweeper.generation, tuple(host for host in found if host))

    def checked(self, keys: Iterable[str] | None = None) -> Checked:
        """Return when these hosts, by default all, were last asked."""
        hosts = self._sweeper.hosts
        wanted = hosts if keys is None else keys
        return Checked({key: hosts[key].report.checked_at for key in wanted if self._reach(key)})

    def host(self, key: str) -> HostView | None:
        """Return one host; None when there is no such host, or no user of it in reach."""
        reach = self._reach(key)
        if not reach:
            return None
        host = self._sweeper.hosts[key]
        report = host.report
        users = tuple(
            UserView(
                name=user.name,
                state=user.state,
                problem=user.problem,
                remedy=user.remedy,
                stale=user.stale,
                may_create=reach[user.name].may_create,
                may_control=reach[user.name].may_control,
                sessions=self._seen(key, user),
            )
            for user in report.users
            if user.name in reach
        )
        whole = report.state in _ON_THE_WAY or len(reach) == len(host.users)
        told = report if whole else next((user for user in users if user.problem), None)
        return HostView(
            key=key,
            label=host.config.label,
            hostname=host.config.hostname,
            local=host.config.local,
            state=report.state,
            problem=(told.problem if told else _IN_SHORT.get(report.state)) if report.state != "ok" else None,
            remedy=told.remedy if told and report.state != "ok" else None,
            checked_at=report.checked_at,
            seen_at=report.seen_at,
            stale=report.stale,
            sweep_ms=report.sweep_ms,
            users=users,
        )

    def _seen(self, key: str, user: UserReport) -> tuple[Session, ...]:
        """A deep link shows its session alone."""
        if not self._principal.links:
            return user.sessions
        grants, who = self._grants, self._principal
        return tuple(each for each in user.sessions if grants.sees(who, key, user.name, each.name))

    def _reach(self, key: str) -> dict[str, _Reach]:
        """Users in reach; empty for an unknown host."""
        if self._hosts is not self._sweeper.hosts:
            self._hosts = self._sweeper.hosts
            self.forget()
        known = self._reaches.get(key)
        host = self._hosts.get(key)
        if host is None:
            return {}
        if known is None:
            allows = partial(self._grants.allows, self._principal)
            known = self._reaches[key] = {
                name: _Reach(allows(Need.create, key, name), allows(Need.control, key, name))
                for name in host.users
                if allows(Need.list, key, name)
            }
        return known


def inventory(sweeper: Sweeper, grants: Grants, principal: Principal) -> Inventory:
    """Return what a principal may see; hosts without a user in reach are left out."""
    return Sight(sweeper, grants, principal).inventory()


def roles(sweeper: Sweeper, grants: Grants, principal: Principal) -> dict[str, str]:
    """Return ``host/user`` → role for everything in reach."""
    found: dict[str, str] = {}
    for key, host in sweeper.hosts.items():
        for user in host.users:
            role: Role | None = grants.role(principal, key, user)
            if role is not None:
                found[f"{key}/{user}"] = role
    return found


def links(principal: Principal) -> tuple[LinkView, ...]:
    """Return what deep links have opened for somebody, the one that lasts longest first."""
    return tuple(
        LinkView(
            opened.link.host, opened.link.user, opened.link.session, opened.link.mode, expires_at=opened.until
        )
        for opened in principal.links
    )


def terminal_view(terminal: Known, *, here: bool) -> TerminalView:
    """Return a terminal as it stands in a list."""
    return msgspec.convert({**msgspec.structs.asdict(terminal), "here": here}, TerminalView)
