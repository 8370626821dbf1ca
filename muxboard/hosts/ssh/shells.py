"""The shells that are open on one host, each for one caller at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import paramiko

from muxboard.hosts.ssh.shell import Lost, Shell, Stuck, open_shell
from muxboard.hosts.tmux import printable
from muxboard.hosts.way import Unreached

if TYPE_CHECKING:
    from collections.abc import Sequence

    from muxboard.hosts.ssh.command import Destination
    from muxboard.hosts.ssh.connection import Connection
    from muxboard.hosts.way import Completed
    from muxboard.tasks import Threads

MOST_SHELLS = 4  # at once, of the sessions that sshd grants one connection
KEPT_SHELLS = 1  # open between commands
CLOSING_S, CLOSING_TRIES = 0.1, 10


class LostOnTheWay(Unreached):
    """The connection was there, and went away while a command was under way."""


class Full(Exception):  # noqa: N818
    """sshd grants no session beside those that are open."""


class Shells:
    """Opens shells as they are needed and keeps one.

    Args:
        destination: Where.
        connection: Through what.
        threads: For what waits.
        sessions: sshd's MaxSessions there. Where it is less, that is found out.
    """

    def __init__(
        self, destination: Destination, connection: Connection, threads: Threads, sessions: int
    ) -> None:
        self.open = 0
        self._destination = destination
        self._connection = connection
        self._threads = threads
        self._most = min(MOST_SHELLS, sessions)
        self._idle: list[Shell] = []
        self._freed = asyncio.Condition()

    async def run(self, commands: Sequence[Sequence[str]], timeout_s: float) -> list[Completed | Exception]:
        """Run commands one after the other in a shell that nobody else uses.

        Raises:
            Unreached: The host cannot be asked; ``LostOnTheWay`` when it could be asked before.
        """
        shell = await self._take(timeout_s)
        try:
            done = await shell.run(commands, timeout_s)
        except Lost as error:
            raise self._lost(shell, str(error)) from error
        except Stuck as error:
            raise self._stuck(shell, str(error), timeout_s) from error
        finally:
            await self._give(shell)
        if shell.worked:
            self._connection.worked()
        return done

    def _lost(self, shell: Shell, last_words: str) -> Unreached:
        hop, login = self._destination.hop, self._destination.login.user
        if shell.worked:
            return LostOnTheWay("unreachable", f"The connection to {hop} was lost.")
        said = printable(" ".join(last_words.split()))[-200:]
        if shell.exit_code is not None:
            words = f": {said}" if said else f", which ends with {shell.exit_code}"
            failure = Unreached("error", f"{login} gets no shell on {hop}{words}.")
        else:
            failure = Unreached("unreachable", f"{hop} ended the connection at the first command.")
        self._fail(failure)
        return failure

    def _stuck(self, shell: Shell, does: str, timeout_s: float) -> Unreached:
        hop, login = self._destination.hop, self._destination.login.user
        if shell.worked:
            self._connection.drop()  # nothing comes through it; a new one finds out why
            return Unreached("timeout", f"{hop} did not answer within {timeout_s:g} s.")
        failure = Unreached(
            "timeout",
            f"The login shell of {login} on {hop} {does} (waited {timeout_s:g} s).",
            f"See what the start-up files of {login}'s shell do, such as ~/.bashrc.",
        )
        self._fail(failure)
        return failure

    def _fail(self, failure: Unreached) -> None:
        self._connection.breaker.failed(failure)
        self._connection.drop()

    async def _take(self, timeout_s: float) -> Shell:
        while True:
            async with self._freed:
                try:
                    async with asyncio.timeout(timeout_s):
                        while (shell := self._unused()) is None and self.open >= self._most:
                            await self._freed.wait()
                except TimeoutError as error:
                    said = f"All sessions on {self._destination.hop} were in use for {timeout_s:g} s."
                    raise Unreached("timeout", said) from error
                if shell is not None:
                    return shell
                self.open += 1
            try:
                return await self._new()
            except BaseException as error:
                self.open -= 1
                if not isinstance(error, Full):
                    async with self._freed:
                        self._freed.notify_all()
                    raise
                self._most = max(1, self.open)

    def _unused(self) -> Shell | None:
        while self._idle:
            shell = self._idle.pop()
            if shell.usable:
                return shell
            self.open -= 1
        return None

    async def _new(self) -> Shell:
        hop, timeout_s = self._destination.hop, self._destination.timeout_s
        patience = CLOSING_TRIES
        while True:
            transport = await self._connection.transport()
            stale = self._connection.proven
            try:
                return await open_shell(transport, self._threads, timeout_s)
            except TimeoutError:
                failure = Unreached("timeout", f"{hop} did not open a session within {timeout_s:g} s.")
            except Exception as error:  # whatever paramiko makes of what the host sent
                # Of several that are refused at once, paramiko tells one why, and the others nothing.
                refused = isinstance(error, paramiko.ChannelException) or transport.is_active()
                said = printable(str(error) or type(error).__name__)[:200]
                if refused and self.open > 1:
                    raise Full from error
                if refused and stale and patience:  # one that we have just closed may still count there
                    patience -= 1
                    await asyncio.sleep(CLOSING_S)
                    continue
                if not refused and stale:  # it ended unnoticed, and nothing has been asked of it
                    self._connection.drop()
                    continue
                failure = (
                    Unreached(
                        "error",
                        f"{hop} refuses {self._destination.login.user} a session: {said}.",
                        "sshd_config: MaxSessions 10",
                    )
                    if refused
                    else Unreached("unreachable", f"{hop} ended the connection: {said}.")
                )
            self._fail(failure)
            raise failure

    async def _give(self, shell: Shell) -> None:
        async with self._freed:
            if shell.usable and len(self._idle) < KEPT_SHELLS:
                self._idle.append(shell)
            else:
                shell.close()
                self.open -= 1
            # All: the one that a single wake-up went to may just have been cancelled.
            self._freed.notify_all()

    def close(self) -> None:
        """Close those that nobody uses. Idempotent."""
        while (shell := self._unused()) is not None:
            shell.close()
            self.open -= 1
