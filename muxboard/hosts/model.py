"""What was observed on a host. Empty, refused, unreachable and not-yet-known are different facts."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

HostState = Literal[
    "ok",
    "pending",
    "unreachable",
    "auth_failed",
    "host_key_unknown",
    "host_key_changed",
    "timeout",
    "error",
]
UserState = Literal["ok", "no_server", "sudo_refused", "tmux_missing", "socket_unreadable", "error"]


class Session(Struct, frozen=True):
    """A tmux session.

    Attributes:
        id: tmux's own, such as ``$3``; unique for the life of one tmux server.
        name: As tmux prints it: control characters are already escaped by tmux.
        created: Unix seconds.
        activity: Unix seconds of the latest output in any of its windows.
        attached: tmux clients attached to it.
        command: What runs in the active pane of the current window.
        directory: That pane's working directory.
        title: That pane's title.
    """

    id: str
    name: str
    windows: int
    created: float
    activity: float
    attached: int
    command: str = ""
    directory: str = ""
    title: str = ""


class UserReport(Struct, frozen=True):
    """One tmux user on one host.

    ``problem`` is a sentence for people, ``remedy`` the line or command that mends it. A ``stale``
    report repeats the sessions of an earlier sweep because this one brought no answer; ``timed_out``
    says that none came in time.
    """

    name: str
    state: UserState
    problem: str | None = None
    remedy: str | None = None
    stale: bool = False
    sessions: tuple[Session, ...] = ()
    timed_out: bool = False


class HostReport(Struct, frozen=True):
    """One host after one sweep.

    Attributes:
        checked_at: Unix seconds at which the last sweep ended; 0 before the first.
        seen_at: Unix seconds at which the host last gave a full answer; 0 before that.
        stale: Whether sessions of an earlier sweep are repeated.
        sweep_ms: How long the sweep took, in milliseconds.
    """

    key: str
    state: HostState = "pending"
    problem: str | None = None
    remedy: str | None = None
    checked_at: float = 0.0
    seen_at: float = 0.0
    stale: bool = False
    sweep_ms: int = 0
    users: tuple[UserReport, ...] = ()

    def same_facts(self, other: HostReport) -> bool:
        """Whether nothing changed but the times of asking."""
        return (self.state, self.problem, self.remedy, self.stale, self.users) == (
            other.state,
            other.problem,
            other.remedy,
            other.stale,
            other.users,
        )
