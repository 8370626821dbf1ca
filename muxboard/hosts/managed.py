"""One configured host: the report of its last sweep, and what can be done on it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from muxboard.hosts import facts, marks, tmux
from muxboard.hosts.flight import Flight
from muxboard.hosts.model import HostReport, Session, UserReport
from muxboard.hosts.socket import NoSocket, SocketUnreadable, find_socket
from muxboard.hosts.way import Completed, Missing, TooMuch, Unreached
from muxboard.problems import Code, Problem, invalid
from muxboard.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxboard.config import Host
    from muxboard.config.schema import Inventory
    from muxboard.hosts.way import Child, Way


class ManagedHost:
    """A host, its tmux users, and the commands that change them.

    Args:
        config: Its entry in the configuration.
        inventory: How long a command may take.
        way: How commands reach it; closed with it.
    """

    def __init__(self, config: Host, inventory: Inventory, way: Way) -> None:
        self.config = config
        self.way = way
        self.users = tuple(config.tmux_users) or (way.login,)
        self.report = HostReport(key=config.key)
        self.closed = False
        self._timeout_s = float(inventory.command_timeout)
        self._tmux = ""  # its path, as far as somebody needed to know
        self._tasks = Tasks(f"host {config.key}")
        self._sweeps = Flight(self._sweep, self._tasks, "sweep")
        # One at a time: looking at a server that hangs must not take what others need of the host.
        self._captures = {user: asyncio.Semaphore() for user in self.users}
        self._names = {
            user: Flight(lambda user=user: self._list_names(user), self._tasks, f"names of {user}")  # type: ignore[misc]
            for user in self.users
        }

    async def close(self) -> None:
        """Stop what runs. Idempotent."""
        self.closed = True
        await self._tasks.close()
        await self.way.close()

    @property
    def login(self) -> str:
        """The user that it is asked as."""
        return self.way.login

    @property
    def sweeping(self) -> bool:
        """Whether it is being asked now."""
        return self._sweeps.running

    def hurry(self) -> None:
        """Let the next sweep try a host that has failed, if it is not too soon."""
        self.way.hurry()

    async def sweep(self) -> HostReport:
        """Ask the host, or join the sweep under way; return the report."""
        return await self._sweeps.join()

    async def sweep_after_change(self) -> HostReport:
        """Return the report of a sweep that began after this call."""
        return await self._sweeps.after_now()

    async def _sweep(self) -> HostReport:
        started = time.monotonic()
        try:
            users = await self._list()
        except Unreached as error:
            if not error.repeated or (self.report.state, self.report.problem) != (error.state, error.problem):
                self.report = self._unreached(error)
        else:
            self.report = self._merge(users, int((time.monotonic() - started) * 1000))
        return self.report

    def _unreached(self, error: Unreached) -> HostReport:
        """What was last seen stays, marked as such."""
        return HostReport(
            key=self.config.key,
            state=error.state,
            problem=error.problem,
            remedy=error.remedy,
            checked_at=time.time(),
            seen_at=self.report.seen_at,
            stale=any(user.sessions for user in self.report.users),
            users=tuple(
                UserReport(
                    user.name, user.state, user.problem, user.remedy, bool(user.sessions), user.sessions
                )
                for user in self.report.users
            ),
        )

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
        timed_out = whole and all(user.timed_out for user in failed)
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

    async def _list(self) -> tuple[UserReport, ...]:
        """Ask for all users at once; one whose socket cannot be had is not asked for."""
        reports: dict[str, UserReport] = {}
        asked: list[tuple[tmux.Target, str, list[str]]] = []
        for user in self.users:
            try:
                target = await self._target(user)
            except NoSocket:
                reports[user] = UserReport(user, "no_server")
            except SocketUnreadable as error:
                reports[user] = UserReport(user, "socket_unreadable", str(error))
            except (TimeoutError, TooMuch, Missing, OSError) as error:
                reports[user] = self._failure(user, error)
            else:
                mark = marks.fresh()
                asked.append((target, mark, tmux.listing(target, mark)))
        done = await self.way.run_each([argv for _, _, argv in asked], timeout_s=self._timeout_s)
        for (target, mark, _), result in zip(asked, done, strict=True):
            reports[target.user] = self._read_listing(target, mark, result)
        if not self._tmux and any(report.state == "sudo_refused" for report in reports.values()):
            # The sudoers line that mends it names tmux as it is on this host.
            [found] = await self.way.run_each([facts.FIND_TMUX], timeout_s=self._timeout_s)
            self._tmux = (
                facts.found(found.stdout).path if isinstance(found, Completed) else ""
            ) or tmux.USUAL_PATH
            for (target, mark, _), result in zip(asked, done, strict=True):
                reports[target.user] = self._read_listing(target, mark, result)
        return tuple(reports[user] for user in self.users)

    def _read_listing(self, target: tmux.Target, mark: str, done: Completed | Exception) -> UserReport:
        if isinstance(done, Exception):
            return self._failure(target.user, done)
        if done.exit != 0:
            said = done.stderr.decode(errors="replace")
            return tmux.classify(target, self.login, said, self._tmux or tmux.USUAL_PATH)
        try:
            sessions = tmux.order(tmux.parse_listing(done.stdout, mark), self.config.session_order)
        except ValueError as error:
            return UserReport(target.user, "error", tmux.printable(str(error)))
        return UserReport(name=target.user, state="ok", sessions=sessions)

    def _failure(self, user: str, error: Exception) -> UserReport:
        match error:
            case Missing():
                return self._missing(user, str(error))
            case TimeoutError():
                said = f"tmux did not answer within {self._timeout_s:g} s."
                return UserReport(user, "error", said, timed_out=True)
            case TooMuch():
                return UserReport(user, "error", "tmux printed more than 16 MiB.")
            case OSError():
                return UserReport(user, "error", f"tmux could not be started: {error.strerror}.")
        raise error

    def _missing(self, user: str, program: str) -> UserReport:
        if program == "sudo":
            return UserReport(user, "sudo_refused", "sudo is not installed.", "apt-get install sudo")
        if program != "tmux":
            return UserReport(user, "error", f"{program} is not installed.")
        return UserReport(user, "tmux_missing", "tmux is not installed.", "apt-get install tmux")

    async def _target(self, user: str) -> tmux.Target:
        socket = await find_socket(self.way, self.config, user)
        return tmux.Target(user, user != self.login, socket)

    async def _ask(self, user: str, words: Callable[[tmux.Target], list[str]]) -> bytes:
        """Run a tmux command for a caller; whatever goes wrong is a problem."""
        try:
            target = await self._target(user)
            done = await self.way.run(words(target), timeout_s=self._timeout_s)
        except Unreached as error:
            raise error.as_problem() from error
        except NoSocket as error:
            raise Problem(Code.session_not_found, str(error)) from error
        except SocketUnreadable as error:
            raise Problem(Code.host_error, str(error)) from error
        except TimeoutError as error:
            raise Problem(
                Code.timeout, "tmux did not answer in time; it may still do what was asked."
            ) from error
        except TooMuch as error:
            raise Problem(Code.too_large, "tmux printed more than 16 MiB.") from error
        except (Missing, OSError) as error:
            raise tmux.refusal(self._failure(user, error)) or Problem(Code.host_error) from error
        if done.exit != 0:
            said = done.stderr.decode(errors="replace")
            raise tmux.failed(target, self.login, said, self._tmux or tmux.USUAL_PATH)
        return done.stdout

    async def _list_names(self, user: str) -> dict[str, str]:
        return tmux.parse_names(await self._ask(user, tmux.names))

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
        """Whether a session of that id is there now.

        Raises:
            Problem: The user's tmux cannot be asked.
        """
        try:
            return session in (await self._names[user].after_now()).values()
        except Problem as problem:
            if problem.code is Code.session_not_found:
                return False  # there is no tmux server any more
            raise

    async def create(self, user: str, name: str, command: str, directory: str) -> Session:
        """Make a detached session and return it.

        Raises:
            Problem: ``session_exists``, ``invalid``, or why it cannot be done.
        """
        tmux.check_name(name)
        tmux.check_command(command)
        where = await self._directory(user, tmux.check_directory(directory))
        try:
            printed = await self._ask(user, lambda target: tmux.create(target, name, command, where))
        except Problem as problem:
            if problem.code is Code.session_not_found:  # a server may not be started there
                raise Problem(Code.host_error, problem.detail) from problem
            raise
        session, _, actual = printed.decode(errors="replace").strip("\n").partition("\t")
        return Session(session, actual, 1, time.time(), time.time(), 0)

    async def _directory(self, user: str, directory: str) -> str:
        """A new session starts at home, not where the service happens to run."""
        try:
            where = directory
            if directory[:1] in {"~", ""}:
                where = await self.way.home(user) + directory[1:]
            if directory and user == self.login and not await self.way.is_directory(where):
                raise invalid("directory", "is not a directory on the host")
        except Unreached as error:
            raise error.as_problem() from error
        except TimeoutError as error:
            raise Problem(Code.timeout) from error
        except (TooMuch, Missing, OSError) as error:
            raise Problem(Code.host_error, f"The home of {user} cannot be asked for.") from error
        return where

    async def rename(self, user: str, session: str, name: str) -> None:
        """Rename a session.

        Raises:
            Problem: ``session_exists``, ``invalid``, or why it cannot be done.
        """
        tmux.check_name(name)
        await self._ask(user, lambda target: tmux.rename(target, session, name))

    async def kill(self, user: str, session: str) -> None:
        """End a session and everything in it."""
        await self._ask(user, lambda target: tmux.kill(target, session))

    async def capture(self, user: str, session: str, *, history: bool) -> bytes:
        """Return the visible screen with SGR codes, or the whole history as plain text."""
        words = tmux.scrollback if history else tmux.screen
        async with self._captures[user]:
            return await self._ask(user, lambda target: words(target, session))

    async def on_pty(self, user: str, session: str, *, view: bool) -> Child:
        """Return what attaches a terminal.

        Raises:
            Problem: Why that cannot be.
        """
        try:
            target = await self._target(user)
            return await self.way.on_pty(tmux.attach(target, session, view=view))
        except Unreached as error:
            raise error.as_problem() from error
        except SocketUnreadable as error:
            raise Problem(Code.host_error, str(error)) from error
        except TimeoutError as error:
            raise Problem(Code.timeout) from error
        except (TooMuch, Missing, OSError) as error:
            raise Problem(Code.host_error, self._failure(user, error).problem or "") from error
