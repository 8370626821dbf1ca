"""The one closed table of problems: code, HTTP status, WebSocket close code, safe sentence.

Everything that goes wrong for a caller is one of these. The docs and the page's types are made
from this table; a code that is not in it cannot be raised.
"""

from __future__ import annotations

import enum
from typing import NamedTuple


class FieldError(NamedTuple):
    """One thing that is wrong in a request: where, and why."""

    path: str
    reason: str


class Code(enum.Enum):
    """``code: (HTTP status, WebSocket close code, title)``."""

    unauthenticated = (401, 4401, "Log in first.")
    forbidden = (403, 4403, "You may not do this.")
    origin_refused = (403, 4403, "This request did not come from a page of this service.")
    host_refused = (421, 4403, "This service does not answer to that host name.")
    not_found = (404, 4404, "There is no such thing here.")
    session_not_found = (404, 4404, "There is no such session.")
    method_not_allowed = (405, 1008, "This address does not take that method.")
    session_exists = (409, 1008, "A session with that name exists already.")
    confirm_mismatch = (400, 1008, "The confirmation is not exactly the session's name.")
    invalid = (400, 1008, "The request is not valid.")
    too_large = (413, 1009, "The request is too large.")
    attach_cap = (429, 4429, "Too many terminals are open.")
    rate_limited = (429, 4429, "Too many requests; try again shortly.")
    input_gap = (409, 1008, "Input bytes before these are missing.")
    read_only = (403, 4403, "This terminal is view only.")
    sudo_refused = (502, 1011, "sudo refused to run tmux as that user.")
    tmux_missing = (502, 1011, "tmux is not installed on the host.")
    host_unreachable = (502, 1011, "The host cannot be reached.")
    host_key = (502, 1011, "The host's key is unknown or has changed.")
    auth_failed = (502, 1011, "The host refused the login.")
    host_error = (502, 1011, "The host answered with an error.")
    timeout = (504, 1011, "The host did not answer in time.")
    draining = (503, 1012, "The service is restarting.")
    registry_unavailable = (503, 1011, "The registry does not answer.")
    audit_unavailable = (503, 1011, "The audit log cannot be written.")
    internal = (500, 1011, "Something went wrong inside the service.")

    @property
    def status(self) -> int:
        """HTTP status."""
        return self.value[0]

    @property
    def close_code(self) -> int:
        """WebSocket close code that echoes the status."""
        return self.value[1]

    @property
    def title(self) -> str:
        """One sentence that may be shown to anybody."""
        return self.value[2]


class Problem(Exception):  # noqa: N818  a Problem is the RFC 9457 word for what a caller is told
    """Something a caller is told, as RFC 9457 problem details.

    Args:
        code: One of the closed table.
        detail: A sentence for this case that a person can act on. It is shown to the caller:
            never a secret, never another principal's data.
        errors: For ``invalid``: each thing that is wrong.
        retry_after: Seconds until it is worth trying again.
        reason: A machine-readable reason for the audit line, not for the caller.
    """

    def __init__(
        self,
        code: Code,
        detail: str = "",
        *,
        errors: tuple[FieldError, ...] = (),
        retry_after: float | None = None,
        reason: str = "",
    ) -> None:
        super().__init__(detail or code.title)
        self.code = code
        self.detail = detail or code.title
        self.errors = errors
        self.retry_after = retry_after
        self.reason = reason


def invalid(path: str, reason: str) -> Problem:
    """Return the ``invalid`` problem for one field."""
    return Problem(Code.invalid, f"{path}: {reason}", errors=(FieldError(path, reason),))
