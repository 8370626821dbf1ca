"""A terminal whose host was lost comes back by a fresh attach."""

from __future__ import annotations

import asyncio
import itertools
import logging
from typing import TYPE_CHECKING, NamedTuple

from muxboard.problems import Code, Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from muxboard.hosts.way import Child
    from muxboard.terminals.messages import ExitReason
    from muxboard.terminals.terminal import Terminal

log = logging.getLogger("muxboard.terminals")

DELAYS_S = (0.1, 0.5, 1.0, 2.0, 4.0)  # then the last again and again
LONGEST_S = 600.0
# A child that is lost as soon as this has never worked; after so many of them no more are started.
YOUNG_S = 5.0
MAX_YOUNG = 3
_FINAL = {Code.auth_failed, Code.host_key}  # waiting mends neither


class Attachment:
    """What a terminal's child is started from, and how often it died young."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.young = 0
        self._closed = False
        self.since = asyncio.get_running_loop().time()

    def renew(self, child: Child) -> bool:
        """Start from another one from now on; False when it is closed, and nothing is to be started."""
        if self._closed:
            child.done()
            return False
        self.child.done()
        self.child = child
        self.since = asyncio.get_running_loop().time()
        return True

    def count_loss(self) -> bool:
        """Take in that the child was lost; return whether another is worth starting."""
        lasted = asyncio.get_running_loop().time() - self.since
        self.young = self.young + 1 if lasted < YOUNG_S else 0
        return self.young < MAX_YOUNG

    def close(self) -> None:
        """Say that nothing runs on it any more. Idempotent."""
        if not self._closed:
            self._closed = True
            self.child.done()


class End(NamedTuple):
    """Why a terminal could not come back."""

    reason: ExitReason
    why: str = ""


async def reattach(
    terminal: Terminal,
    attachment: Attachment,
    *,
    still_there: Callable[[], Awaitable[ExitReason]],
    child: Callable[[], Awaitable[Child]],
    patience_s: float,
) -> End | None:
    """Attach a terminal anew as soon as its host can be asked again.

    Args:
        terminal: Whose child was lost.
        attachment: Renewed when it works.
        still_there: Returns ``detached`` while the session is there; raises ``Problem``.
        child: Returns what to start; raises ``Problem``.
        patience_s: For how long to try.

    Returns:
        None when the terminal goes on, or has ended meanwhile; else why it cannot.
    """
    last = Problem(Code.host_unreachable, "The connection to the host was lost.")
    if not attachment.count_loss():
        return End("failed", "The connection to the host is lost as soon as it begins.")
    terminal.notice(
        "warning", Code.host_unreachable.name, "The connection to the host was lost; attaching again."
    )
    for delay in _delays(min(patience_s, LONGEST_S)):
        await asyncio.sleep(delay)
        if terminal.ended:
            return None
        try:
            if await still_there() == "exited":
                return End("exited")
            if attachment.renew(await child()):
                terminal.restart()
        except OSError:
            return End("failed", "No terminal could be started on this machine.")
        except Problem as problem:
            last = problem
            if problem.code in _FINAL:
                break
        else:
            return None
    log.info("terminal %s could not come back: %s", terminal.id[:6], last.detail)
    return End("failed", last.detail)


def _delays(patience_s: float) -> Iterator[float]:
    """Yield how long to wait before each try, until patience is at its end."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience_s
    for delay in itertools.chain(DELAYS_S, itertools.repeat(DELAYS_S[-1])):
        if loop.time() + delay > deadline:
            return
        yield delay
