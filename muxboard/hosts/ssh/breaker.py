"""How long to leave a host alone after a failure.

sshd punishes the address of whoever fails to log in again and again, and on a bastion that address is
everybody's. So each failure is remembered, and nothing is tried again before its time.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from muxboard.hosts.way import Unreached

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST_S = 2.0
# A refused login costs 5 s of penalty at sshd, and the penalty begins at 15 s: this stays below it.
FIRST_LOGIN_S = 30.0
LONGEST_S = 60.0  # a host that is down is harmed by nobody, and is to be seen soon when it is back
LONGEST_LOGIN_S = 1800.0
JITTER = 0.25  # so that hosts that failed together do not come back together
_LOGIN_STATES = {"auth_failed", "host_key_unknown", "host_key_changed"}


class Breaker:
    """Remembers the last failure of one host and login, and until when it stands.

    Args:
        clock: Monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._failures = 0
        self._last: Unreached | None = None
        self._until = self._tried = 0.0

    def check(self) -> None:
        """Raise the last failure while it stands."""
        if self._last is not None and self._clock() < self._until:
            last = self._last
            raise Unreached(last.state, last.problem, last.remedy, repeated=True)

    def failed(self, failure: Unreached) -> None:
        """Take in a failure: each in a row doubles the wait."""
        login = failure.state in _LOGIN_STATES
        first, longest = (FIRST_LOGIN_S, LONGEST_LOGIN_S) if login else (FIRST_S, LONGEST_S)
        wait = min(longest, first * 2 ** min(self._failures, 16))
        self._failures += 1
        self._last = failure
        self._tried = self._clock()
        self._until = self._tried + wait * random.uniform(1, 1 + JITTER)  # noqa: S311  not a secret

    def hurry(self) -> None:
        """Somebody asks for another try now: it may be as soon as the first step allows."""
        if self._last is not None:
            first = FIRST_LOGIN_S if self._last.state in _LOGIN_STATES else 0.0
            self._until = min(self._until, self._tried + first)

    def worked(self) -> None:
        """Forget every failure."""
        self._failures = 0
        self._last = None
