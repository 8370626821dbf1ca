"""One configured host: the report of its last sweep, and what can be done on it."""

from __future__ import annotations

import asyncio
import os
import pwd
import secrets
import stat
import time
from typing import TYPE_CHECKING

from muxboard.config.load import valid_socket_path
from muxboard.hosts import local, tmux
from muxboard.hosts.flight import Flight
from muxboard.hosts.model import HostReport, Session, UserReport
from muxboard.problems import Code, Problem, invalid
from muxboard.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxboard.config import Host
    from muxboard.config.schema import Inventory

SOCKET_FILE_BYTES = 4096  # a path and its newline


class SocketUnreadable(Exception):  # noqa: N818
    """``tmux_socket_file`` gives no socket; the text says why."""


class ManagedHost:
    """A host, its tmux users, and the commands that change them."""

    def __init__(self, config: Host, inventory: Inventory, environ: Mapping[str, str]) -> None:
        self.config = config
        self.login = _login()
        self.users = tuple(config.tmux_users) or (self.login,)
        self.report = HostReport(key=config.key)
        self._timeout_s = float(inventory.command_timeout)
        self._env = local.environment(environ)
        self._tasks = Tasks(f"host {config.key}")
        self._sweeps = Flight(self._sweep, self._tasks, "sweep")
        self._names = {
            user: Flight(lambda user=user: self._list_names(user), self._tasks, f"names of {user}")  # type: ignore[misc]
            for user in self.users
        }

    async def close(self) -> None:
        """Stop what runs. Idempotent."""
        await self._tasks.close()

    @property
    def sweeping(self) -> bool:
        """Whether it is being asked now."""
        return self._sweeps.running

    async def sweep(self) -> HostReport:
        """Ask the host, or join the sweep under way; return the report."""
        return await self._sweeps.join()

    async def sweep_after_change(self) -> HostReport:
        """Return the report of a sweep that began after this call."""
        return await self._sweeps.after_now()

    async def _sweep(self) -> HostReport:
        started = time.monotonic()
        users = tuple(await asyncio.gather(*(self._list(user) for user in self.users)))
        self.report = self._merge(users, int((time.monotonic() - started) * 1000))
        return self.report

    def _merge(self, users: tuple[UserReport, ...], sweep_ms: int) -> HostReport:
        """Where there was no answer, keep the sessions of the last one and say so."""
        before = {user.name: user for user in self.report.users}
        kept = tuple(
            UserReport(user.name, user.state, user.problem, user.remedy, bool(old.sessions), old.sessions)
            if user.state == "error" and (old := before.get(user.name))
            else user
            for user in users
        )
        failed = [user for user in users if user.state == "error"]
        whole = len(failed) == len(users)
        now = time.time()
        timed_out = whole and all(user.problem and "did not answer" in user.problem for user in failed)
        return HostReport(
            key=self.config.key,
            state="timeout" if timed_out else "error" if whole else "ok",
            problem=failed[0].problem if whole else None,
            remedy=failed[0].remedy if whole else None,
            checked_at=now,
            seen_at=self.report.seen_at if failed else now,
            stale=any(user.stale for user in kept),
            sweep_ms=sweep_ms,
            users=kept,
        )

    async def _list(self, user: str) -> UserReport:
        mark = secrets.token_hex(8)
        try:
            target = self._target(user)
            done = await self._run(tmux.listing(target, mark))
            if done.exit != 0:
                return tmux.classify(target, self.login, done.stderr.decode(errors="replace"))
            sessions = tmux.order(tmux.parse_listing(done.stdout, mark), self.config.session_order)
            return UserReport(name=user, state="ok", sessions=sessions)
        except SocketUnreadable as error:
            return UserReport(user, "socket_unreadable", str(error))
        except local.Missing as error:
            return self._missing(user, str(error))
        except TimeoutError:
            return UserReport(user, "error", f"tmux did not answer within {self._timeout_s:g} s.")
        except local.TooMuch:
            return UserReport(user, "error", "tmux printed more than 16 MiB.")
        except OSError as error:
            return UserReport(user, "error", f"tmux could not be started: {error.strerror}.")
        except ValueError as error:
            return UserReport(user, "error", str(error))

    def _missing(self, user: str, program: str) -> UserReport:
        if program == "sudo":
            return UserReport(user, "sudo_refused", "sudo is not installed.", "apt-get install sudo")
        return UserReport(user, "tmux_missing", "tmux is not installed.", "apt-get install tmux")

    def _target(self, user: str) -> tmux.Target:
        socket = self.config.tmux_socket
        owners = {0, _uid(user)}
        if self.config.tmux_socket_file:
            socket = read_socket_file(self.config.tmux_socket_file, owners | {os.geteuid()})
        if socket:
            check_socket(socket, owners)
        return tmux.Target(user, user != self.login, socket)

    async def _run(self, argv: list[str]) -> local.Completed:
        return await local.run(argv, self._env, timeout_s=self._timeout_s)

    async def _ask(self, user: str, argv: list[str], target: tmux.Target) -> bytes:
        """Run a command for a caller; whatever goes wrong is a problem."""
        try:
            done = await self._run(argv)
        except local.Missing as error:
            raise tmux.refusal(self._missing(user, str(error))) or Problem(Code.host_error) from error
        except TimeoutError as error:
            raise Problem(
                Code.timeout, "tmux did not answer in time; it may still do what was asked."
            ) from error
        except local.TooMuch as error:
            raise Problem(Code.too_large, "tmux printed more than 16 MiB.") from error
        except OSError as error:
            raise Problem(Code.host_error, f"tmux could not be started: {error.strerror}.") from error
        if done.exit != 0:
            raise tmux.failed(target, self.login, done.stderr.decode(errors="replace"))
        return done.stdout

    def _open(self, user: str) -> tmux.Target:
        try:
            return self._target(user)
        except SocketUnreadable as error:
            raise Problem(Code.host_error, str(error)) from error

    async def _list_names(self, user: str) -> dict[str, str]:
        target = self._open(user)
        return tmux.parse_names(await self._ask(user, tmux.names(target), target))

    async def find(self, user: str, name: str) -> str:
        """Return the id of a session, asked of tmux now.

        Raises:
            Problem: ``session_not_found``, or why the user's tmux cannot be asked.
        """
        session = (await self._names[user].after_now()).get(name)
        if session is None:
            raise Problem(Code.session_not_found, f"{user} has no session of that name on {self.config.key}.")
        return session

    async def exists(self, user: str, session: str) -> bool:
        """Whether a session of that id is there now; False also when tmux cannot be asked."""
        try:
            return session in (await self._names[user].after_now()).values()
        except Problem:
            return False

    async def create(self, user: str, name: str, command: str, directory: str) -> Session:
        """Make a detached session and return it.

        Raises:
            Problem: ``session_exists``, ``invalid``, or why it cannot be done.
        """
        target = self._open(user)
        where = self._directory(user, directory)
        argv = tmux.create(target, tmux.check_name(name), tmux.check_command(command), where)
        printed = (await self._ask(user, argv, target)).decode(errors="replace").strip("\n")
        session, _, actual = printed.partition("\t")
        return Session(session, actual, 1, time.time(), time.time(), 0)

    def _directory(self, user: str, directory: str) -> str:
        """A new session starts at home, not where the service happens to run."""
        tmux.check_directory(directory)
        try:
            home = pwd.getpwnam(user).pw_dir
        except KeyError:
            home = "/"
        where = home + directory[1:] if directory[:1] in {"~", ""} else directory
        if directory and user == self.login and not os.path.isdir(where):  # noqa: PTH112
            raise invalid("directory", "is not a directory on the host")
        return where

    async def rename(self, user: str, session: str, name: str) -> None:
        """Rename a session.

        Raises:
            Problem: ``session_exists``, ``invalid``, or why it cannot be done.
        """
        target = self._open(user)
        await self._ask(user, tmux.rename(target, session, tmux.check_name(name)), target)

    async def kill(self, user: str, session: str) -> None:
        """End a session and everything in it."""
        target = self._open(user)
        await self._ask(user, tmux.kill(target, session), target)

    async def capture(self, user: str, session: str, *, history: bool) -> bytes:
        """Return the visible screen with SGR codes, or the whole history as plain text."""
        target = self._open(user)
        argv = (tmux.scrollback if history else tmux.screen)(target, session)
        return await self._ask(user, argv, target)

    def attach_command(self, user: str, session: str, *, view: bool) -> tuple[list[str], dict[str, str]]:
        """Return argv and environment of the child that attaches a terminal."""
        return tmux.attach(self._open(user), session, view=view), self._env


def _login() -> str:
    """The Unix user that we are; the number where it has no name, as in some containers."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _uid(user: str) -> int:
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        return os.geteuid()


def check_socket(path: str, owners: set[int]) -> None:
    """Refuse a socket of a stranger: a tmux server can make whoever attaches run its commands.

    Raises:
        SocketUnreadable: It belongs to none of the owners (uids). One that cannot be looked at is left
            to tmux.
    """
    try:
        owner = os.stat(path).st_uid  # noqa: PTH116
    except OSError:
        return
    if owner not in owners:
        raise SocketUnreadable(f"The socket {path} belongs to another user (uid {owner}).")


def read_socket_file(path: str, owners: set[int]) -> str:
    """Return the socket's path from the first line of a file that only its owners (uids) can write.

    Raises:
        SocketUnreadable: With what is wrong.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        try:
            found = os.fstat(fd)
            if not stat.S_ISREG(found.st_mode):
                raise SocketUnreadable(f"The socket file {path} is not a plain file.")
            if found.st_uid not in owners or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
                raise SocketUnreadable(f"The socket file {path} can be written by others.")
            text = os.read(fd, SOCKET_FILE_BYTES)
        finally:
            os.close(fd)
    except OSError as error:
        raise SocketUnreadable(f"The socket file {path} cannot be read: {error.strerror}.") from error
    socket = text.decode(errors="replace").split("\n", 1)[0]
    if not valid_socket_path(socket):
        raise SocketUnreadable(f"The socket file {path} does not begin with an absolute path of plain names.")
    return socket
