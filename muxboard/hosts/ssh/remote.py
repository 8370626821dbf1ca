"""One host's ``Way`` over ssh: commands through warm shells, terminals through OpenSSH's ssh."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import shlex
from typing import TYPE_CHECKING

import paramiko

from muxboard.hosts.ssh import client, command
from muxboard.hosts.ssh.master import Masters
from muxboard.hosts.ssh.shells import MOST_SHELLS, LostOnTheWay, Shells
from muxboard.hosts.tmux import printable
from muxboard.hosts.way import Child, Completed, Looked, Unreached
from muxboard.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from muxboard.hosts.ssh.attempt import Step
    from muxboard.hosts.ssh.command import Destination
    from muxboard.hosts.ssh.connection import Connection
    from muxboard.hosts.ssh.fleet import Fleet

MOST_SKIPPED = 31
LOOK_TIMEOUT_S = 5.0
YOUNG_S = 5.0  # an attach without a master that is lost as soon may never have been let in
_LOOK = 'ls -lndL -- "$1" && if [ -f "$1" ]; then head -c 4096 -- "$1"; fi'
# A line for each step, whatever is in a name: one that holds lines of its own says nothing by them.
_TRAIL = """
line() { printf '%s\\n' "$(ls -lnd -- "$1" | head -n 1)"; }
walk() { line /; p= IFS=/; set -f; for each in ${1#/}; do p=$p/$each; line "$p"; done; }
walk "$1"; real=$(readlink -f -- "$1") && [ "$real" != "$1" ] && walk "$real"; :
"""
_LS_FIELDS = 4  # mode, links, uid, and the rest


class Slow:
    """How often to ask for something that hangs: every time, every second, every fourth time."""

    def __init__(self) -> None:
        self._skip = self._left = 0

    def due(self) -> bool:
        """Whether to ask this time."""
        if self._left:
            self._left -= 1
            return False
        self._skip = min(MOST_SKIPPED, self._skip * 2 + 1)
        self._left = self._skip
        return True


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Wait for tasks; being cancelled cancels them."""
    try:
        if tasks:
            await asyncio.wait(tasks)
    except asyncio.CancelledError:
        for task in tasks:
            task.cancel()
        raise


class RemoteWay:
    """One host as one login user.

    Args:
        key: The host's key.
        destination: Where it is.
        connection: The way for sweeps and commands; given back by ``close``.
        fleet: What all hosts share.
        sessions: sshd's MaxSessions there.
    """

    def __init__(
        self, key: str, destination: Destination, connection: Connection, fleet: Fleet, sessions: int
    ) -> None:
        self.login = destination.login.user
        self._destination = destination
        self._connection = connection
        self._fleet = fleet
        self._key = key
        self._sessions = sessions
        self._shells = Shells(destination, connection, fleet.io, sessions)
        self._callers = asyncio.Semaphore(max(1, min(MOST_SHELLS, sessions) - 1))  # one is for sweeps
        self._cold_at = float("-inf")
        self._preparing = asyncio.Lock()
        self._masters: Masters | None = None
        self._env: dict[str, str] | None = None
        self._ticket = ""
        self._closed = False
        self._slow: dict[int, Slow] = {}  # those of run_each that did not end in time
        self._tasks = Tasks(f"commands on {key}")

    async def run(self, argv: Sequence[str], *, timeout_s: float) -> Completed:
        async with self._callers:
            [done] = await self._shells.run([argv], timeout_s)
        if isinstance(done, Exception):
            raise done
        return done

    async def run_each(
        self, commands: Sequence[Sequence[str]], *, timeout_s: float
    ) -> list[Completed | Exception]:
        """All in one script; those that hung are asked apart, each in a shell of its own, so that one user's
        hanging server hides nobody else's. One that hangs again and again is asked ever less often."""
        results: list[Completed | Exception] = [TimeoutError()] * len(commands)

        async def ask(index: int) -> None:
            results[index] = await self._one(commands[index], timeout_s)

        def apart(indices: Sequence[int]) -> list[asyncio.Task[None]]:
            tasks = (self._tasks.start(ask(index), f"command {index}") for index in indices)
            return [task for task in tasks if task is not None]

        slow = [index for index in range(len(commands)) if index in self._slow]
        together = [index for index in range(len(commands)) if index not in self._slow]
        waiting = apart([index for index in slow if self._slow[index].due()])
        try:
            done = await self._retried([commands[index] for index in together], timeout_s)
            for index, result in zip(together, done, strict=True):
                results[index] = result
            hung = [index for index in together if isinstance(results[index], TimeoutError)]
            if len(commands) > 1:
                waiting += apart(hung)
        except BaseException:
            for task in waiting:
                task.cancel()
            raise
        finally:
            await _ended(waiting)
        still = {index for index, each in enumerate(results) if isinstance(each, TimeoutError)}
        # All of them is the host, not a user.
        self._slow = (
            {index: self._slow.get(index, Slow()) for index in still} if len(still) < len(results) else {}
        )
        return results

    async def _one(self, argv: Sequence[str], timeout_s: float) -> Completed | Exception:
        try:
            [done] = await self._retried([argv], timeout_s)
        except Unreached as error:
            return TimeoutError() if error.state == "timeout" else error
        return done

    async def _retried(
        self, commands: Sequence[Sequence[str]], timeout_s: float
    ) -> list[Completed | Exception]:
        """Listing changes nothing, so a connection that was lost unnoticed is no reason to fail."""
        if not commands:
            return []
        try:
            return await self._shells.run(commands, timeout_s)
        except LostOnTheWay:
            return await self._shells.run(commands, timeout_s)

    # --- for those who want to know where it fails

    @property
    def step(self) -> Step:
        """How far the latest login has come, or came."""
        return self._connection.step

    @property
    def sessions(self) -> int:
        """How many sessions sshd is said to grant one connection."""
        return self._sessions

    async def connect(self) -> None:
        """Log in, unless that is done."""
        await self._connection.transport()

    async def granted(self, most: int, *, timeout_s: float) -> int:
        """Return how many sessions one connection is granted, at most ``most``; none stays open for it.

        Raises:
            TimeoutError: The host did not answer.
        """
        transport = await self._connection.transport()
        opened: list[paramiko.Channel] = []
        try:
            async with asyncio.timeout(timeout_s):
                while self._shells.open + len(opened) < most:
                    opened.append(await self._fleet.io.run(lambda: transport.open_session(timeout=timeout_s)))
        except paramiko.ChannelException:
            pass  # that is the answer
        except (EOFError, OSError, paramiko.SSHException) as error:
            said = printable(str(error))[:200]
            raise Unreached(
                "unreachable", f"{self._destination.hop} ended the connection: {said}."
            ) from error
        finally:
            # Waited for, or the next to ask would find them taken.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout_s):
                    await self._fleet.io.run(_close_all, transport, opened)
        return self._shells.open + len(opened)

    # --- what a path, a user, a directory is

    async def look(self, path: str) -> Looked | None:
        done = await self.run(["sh", "-c", _LOOK, "sh", path], timeout_s=LOOK_TIMEOUT_S)
        line, _, text = done.stdout.partition(b"\n")
        found = _looked(line)
        return found._replace(text=text) if found and done.exit == 0 else None

    async def trail(self, path: str) -> list[Looked | None]:
        done = await self.run(["sh", "-c", _TRAIL, "sh", path], timeout_s=LOOK_TIMEOUT_S)
        return [_looked(line) for line in done.stdout.splitlines()]

    async def uid(self, user: str) -> int | None:
        done = await self.run(["id", "-u", user], timeout_s=LOOK_TIMEOUT_S)
        text = done.stdout.strip()
        return int(text) if done.exit == 0 and text.isdigit() and len(text) < 11 else None  # noqa: PLR2004

    async def home(self, user: str) -> str:
        done = await self.run(["sh", "-c", f"printf %s ~{shlex.quote(user)}"], timeout_s=LOOK_TIMEOUT_S)
        home = done.stdout.decode(errors="replace")
        return home if home.startswith("/") and home.isprintable() else "/"

    async def is_directory(self, path: str) -> bool:
        return (await self.run(["test", "-d", path], timeout_s=LOOK_TIMEOUT_S)).exit == 0

    # --- terminals

    async def on_pty(self, argv: Sequence[str]) -> Child:
        """By ssh through a master; by an ssh of its own where there is none; without ssh at last."""
        loop = asyncio.get_running_loop()
        async with self._preparing:
            if self._env is None:
                self._env, self._ticket = await self._fleet.ssh_environment(self._destination)
        if not await self._fleet.has_ssh(self._destination):
            self._cold_at = loop.time()
            return Child(*client.start(self._destination, argv, self._env), lambda: None)
        if self._masters is None:
            name = hashlib.sha256(f"{self._key} {self.login}".encode()).hexdigest()[:10]
            self._masters = Masters(
                self._destination, self._fleet.folder(), name, self._env, self._sessions - 1
            )
        masters = self._masters
        try:
            master = await masters.seat()
        except Unreached as failure:
            # Logged in long ago, it would not be let in now: who asks is told so, and nobody tries on.
            self._connection.breaker.failed(failure)
            self._connection.drop()
            raise
        if master is None:
            self._cold_at = loop.time()
        path, done = (master.path, lambda: masters.leave(master)) if master else ("", lambda: None)
        return Child(command.attach(self._destination, argv, path), self._env, done)

    def lost(self, exit_code: int | None) -> bool:
        lost = exit_code is None or exit_code < 0 or exit_code == command.LOST
        if lost and asyncio.get_running_loop().time() < self._cold_at + YOUNG_S:
            # It may have been refused: before another is started, a login of our own finds that out.
            self._connection.drop()
        return lost

    def hurry(self) -> None:
        self._connection.hurry()

    async def close(self) -> None:
        await self._tasks.close()
        self._shells.close()
        if self._masters is not None:
            await self._masters.close()
        self._fleet.forget(self._ticket)
        if not self._closed:
            self._closed = True
            await self._fleet.leave(self._connection)


def _close_all(transport: paramiko.Transport, channels: Sequence[paramiko.Channel]) -> None:
    """In a thread. sshd frees sessions after it has read all that is there, so an answer is waited for."""
    with contextlib.suppress(EOFError, OSError, paramiko.SSHException):
        for channel in channels:
            channel.close()
        transport.global_request("keepalive@openssh.com", wait=True)


def _looked(line: bytes) -> Looked | None:
    """What a line of ``ls -ln`` says."""
    fields = line.split(maxsplit=_LS_FIELDS - 1)
    if len(fields) < _LS_FIELDS or not fields[2].isdigit():
        return None
    mode = fields[0].decode(errors="replace")
    shared = "w" in {mode[5:6], mode[8:9]}
    return Looked(mode[:1], int(fields[2]), shared, mode[9:10] in {"t", "T"})
