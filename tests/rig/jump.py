"""A host that is reached through another, as two real sshds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.rig.sshd import Sshd
    from tests.rig.users import UnixUsers


@dataclass(frozen=True)
class Jump:
    """Two sshds of which the first lets only the service's user through, and only to the second."""

    first: Sshd
    last: Sshd  # lets only the deploy user in

    @property
    def known_hosts(self) -> str:
        return self.first.known_hosts() + self.last.known_hosts()

    def passed(self) -> int:
        """How many connections went through the first to the second."""
        return self.first.forwards().count((self.last.addresses[0], self.last.port))


@pytest.fixture
def jump(start_sshd: Callable[..., Sshd], unix_users: UnixUsers) -> Jump:
    """A host that is reached through another; keys are for the test to authorize on each."""
    last = start_sshd(AllowUsers=unix_users.deploy)
    permitted = f"{last.addresses[0]}:{last.port}"
    first = start_sshd(AllowUsers=unix_users.service, PermitOpen=permitted, LogLevel="DEBUG1")
    return Jump(first, last)
