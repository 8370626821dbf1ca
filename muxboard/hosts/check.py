"""Tries a host step by step, from its name to each user's tmux, and says what would mend it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from muxboard.hosts import facts, tmux
from muxboard.hosts.facts import FIND_TMUX
from muxboard.hosts.socket import NoSocket, SocketUnreadable, find_socket
from muxboard.hosts.ssh.remote import RemoteWay
from muxboard.hosts.tmux import printable
from muxboard.hosts.way import Completed, Missing, TooMuch, Unreached

if TYPE_CHECKING:
    from muxboard.hosts.managed import ManagedHost

StepName = Literal["reach", "host_key", "login", "session", "max_sessions", "sudo", "tmux", "socket"]
StepState = Literal["waiting", "running", "ok", "failed", "skipped", "unfinished"]
_SSH: tuple[StepName, ...] = ("reach", "host_key", "login", "session", "max_sessions")
MOST_SESSIONS = 100  # that are opened to count them
_WORDS = {
    "unreachable": "unreached",
    "timeout": "timeout",
    "auth_failed": "refused",
    "host_key_unknown": "unknown",
    "host_key_changed": "changed",
}
_INSTALL = "apt-get install tmux"


class Step(Struct):
    """One step on one host.

    Attributes:
        user: The tmux user that it is about; None = the host.
        state: ``waiting`` and ``running`` only while the check runs; ``skipped`` after a failure before it.
        value: What was found, in a word: a version, a number, how it failed.
        problem: One sentence.
        remedy: The line or command that mends it; a recipe has several lines.
    """

    name: StepName
    user: str | None = None
    state: StepState = "waiting"
    value: str = ""
    problem: str | None = None
    remedy: str | None = None


class _Failed(Exception):  # noqa: N818
    """The steps after this one make no sense."""


class HostCheck:
    """The check of one host. ``steps`` is true at any time.

    Args:
        host: Its connection must not have failed before.
        timeout_s: For one command.
    """

    def __init__(self, host: ManagedHost, timeout_s: float) -> None:
        self.key = host.config.key
        self.host = host
        self._way = host.way
        self._timeout_s = timeout_s
        self.steps = [Step(name) for name in _SSH if isinstance(host.way, RemoteWay)]
        for user in host.users:
            self.steps += [Step("sudo", user)] if user != host.login else []
            self.steps += [Step("tmux", user), Step("socket", user)]
        self.done = False
        self._tmux = tmux.USUAL_PATH
        self._absent: dict[str, str] = {}  # sockets that are not there, by user

    @property
    def state(self) -> Literal["ok", "failed", "unfinished"]:
        """How it stands with the host, as far as it is known."""
        states = {step.state for step in self.steps}
        if "failed" in states:
            return "failed"
        return "ok" if states == {"ok"} else "unfinished"

    @property
    def failures(self) -> list[Step]:
        """The steps that failed."""
        return [step for step in self.steps if step.state == "failed"]

    def refresh(self) -> None:
        """Take in how far a login under way has come."""
        if isinstance(self._way, RemoteWay) and self._step("reach").state == "running":
            self._pass_to(self._way.step)

    async def run(self) -> None:
        """Try every step. What goes wrong is in the steps; cancelling leaves the others ``unfinished``."""
        rest: StepState = "unfinished"
        try:
            await self._run()
            rest = "skipped"
        finally:
            for step in self.steps:
                if step.state in {"waiting", "running"}:
                    step.state = rest
            self.done = rest == "skipped"

    async def _run(self) -> None:
        try:
            if isinstance(self._way, RemoteWay):
                await self._log_in(self._way)
                await self._open_session(self._way)
                await self._count_sessions(self._way)
            await self._users()
        except _Failed:
            pass
        except Unreached as error:
            self._fail_current(error.problem, error.remedy)
        except TimeoutError:
            self._fail_current(f"No answer within {self._timeout_s:g} s.", None)
        except Exception as error:  # noqa: BLE001  one host's surprise is not the others' end
            self._fail_current(f"{type(error).__name__}: {printable(str(error))[:200]}", None)

    def _step(self, name: StepName, user: str | None = None) -> Step:
        return next(step for step in self.steps if (step.name, step.user) == (name, user))

    def _fail_current(self, problem: str, remedy: str | None) -> None:
        step = next((step for step in self.steps if step.state in {"running", "waiting"}), self.steps[-1])
        _fail(step, "failed", problem, remedy)

    # --- ssh

    def _pass_to(self, name: StepName) -> None:
        """Everything before a step has gone well."""
        for step in self.steps:
            if step.name == name:
                step.state = "running"
                return
            _well(step)

    async def _log_in(self, way: RemoteWay) -> None:
        self._pass_to("reach")
        try:
            await way.connect()
        except Unreached as error:
            self._pass_to(way.step)
            _fail(self._step(way.step), _WORDS.get(error.state, "failed"), error.problem, error.remedy)
            raise _Failed from error

    async def _open_session(self, way: RemoteWay) -> None:
        self._pass_to("session")
        step = self._step("session")
        try:
            done = await way.run(["true"], timeout_s=self._timeout_s)
        except Unreached as error:
            _fail(step, _WORDS.get(error.state, "failed"), error.problem, error.remedy)
            raise _Failed from error
        except TimeoutError as error:
            _fail(step, "timeout", f"{way.login} gets no answer within {self._timeout_s:g} s.", None)
            raise _Failed from error
        except (Missing, TooMuch, OSError) as error:
            _fail(step, "failed", f"{way.login} gets no shell that runs commands.", None)
            raise _Failed from error
        if done.exit != 0:
            _fail(step, "failed", f"A command that does nothing ended with {done.exit}.", None)
            raise _Failed

    async def _count_sessions(self, way: RemoteWay) -> None:
        self._pass_to("max_sessions")
        step, most = self._step("max_sessions"), min(way.sessions, MOST_SESSIONS)
        try:
            granted = await way.granted(most, timeout_s=self._timeout_s)
        except TimeoutError:
            said = "A second session was neither opened nor refused."
            _fail(step, "timeout", said, "max_sessions = 1 for this host")
            return
        if granted >= most:
            _well(step, str(granted))
            return
        said = f"sshd grants one connection {granted}, and max_sessions says {way.sessions}."
        if granted == 1:
            said += " With one, each terminal logs in anew."
        _fail(
            step,
            f"{granted} of {way.sessions}",
            said,
            f"max_sessions = {granted} for this host, or MaxSessions {way.sessions} in its sshd_config",
        )

    # --- tmux

    async def _users(self) -> None:
        users = self.host.users
        for step in self.steps:
            if step.user is not None:
                step.state = "running"
        targets = {user: await self._target(user) for user in users}
        commands = [FIND_TMUX]
        for target in targets.values():
            commands += [tmux.argv(target, "-V"), tmux.names(target)]
        found, *done = await self._way.run_each(commands, timeout_s=self._timeout_s)
        where = facts.found(found.stdout) if isinstance(found, Completed) else facts.Found("", "")
        self._tmux = where.path or self._tmux
        for target, versions, listed in zip(targets.values(), done[::2], done[1::2], strict=True):
            if self._version(target, versions, where):
                await self._listing(target, listed)
            elif (step := self._step("socket", target.user)).state == "running":
                step.state = "skipped"

    async def _target(self, user: str) -> tmux.Target:
        path = ""
        try:
            path = await find_socket(self._way, self.host.config, user)
        except NoSocket as error:
            self._absent[user] = error.path
        except SocketUnreadable as error:
            _fail(self._step("socket", user), "unreadable", str(error), None)
        return tmux.Target(user, user != self.host.login, path)

    def _version(self, target: tmux.Target, done: Completed | Exception, where: facts.Found) -> bool:
        """Take in ``tmux -V``; return whether tmux can be run."""
        step = self._step("tmux", target.user)
        if target.sudo and not self._sudo(target, done):
            step.state = "skipped"
            return False
        if isinstance(done, Missing) or (isinstance(done, Completed) and done.exit != 0):
            return self._no_tmux(target, done, where)
        if isinstance(done, Exception):
            return _fail(step, "failed", self._said(done), None)
        version = facts.version(done.stdout)
        if version is None:
            said = printable(done.stdout.decode(errors="replace").strip()[:100])
            return _fail(step, "unknown", f"tmux -V printed {said!r} instead of a version.", None)
        if facts.too_old(version):
            _fail(
                step,
                f"{version} old",
                f"tmux {version} is too old: 3.2 or newer is needed.",
                "Install a newer tmux, such as the distribution's backport.",
            )
        else:
            _well(step, version)
        return True

    def _sudo(self, target: tmux.Target, done: Completed | Exception) -> bool:
        step = self._step("sudo", target.user)
        match done:
            case Missing():
                return _fail(step, "missing", "sudo is not installed.", "apt-get install sudo")
            case Exception():
                return _fail(step, "failed", self._said(done, "sudo"), None)
        report = tmux.classify(target, self.host.login, done.stderr.decode(errors="replace"), self._tmux)
        if done.exit != 0 and report.state == "sudo_refused":
            return _fail(step, "refused", report.problem, report.remedy)
        if done.exit != 0 and report.state == "error" and (report.remedy or "").startswith("useradd"):
            return _fail(step, "no user", report.problem, report.remedy)
        return _well(step)

    def _no_tmux(self, target: tmux.Target, done: Completed | Exception, where: facts.Found) -> bool:
        step = self._step("tmux", target.user)
        said = done.stderr.decode(errors="replace") if isinstance(done, Completed) else ""
        report = tmux.classify(target, self.host.login, said, self._tmux)
        if isinstance(done, Completed) and report.state != "tmux_missing":
            return _fail(step, "failed", report.problem, report.remedy)
        if not where.path:
            return _fail(step, "missing", "tmux is not installed.", _INSTALL)
        if target.sudo:
            said = f"sudo does not find tmux; it is {where.path}."
            return _fail(step, "missing", said, "Name its folder in secure_path in /etc/sudoers.")
        said = f"tmux is {where.path}, which is not on the PATH that {target.user} has without a terminal."
        return _fail(step, "missing", said, "Set PATH where a shell that is not a login shell reads it.")

    async def _listing(self, target: tmux.Target, done: Completed | Exception) -> None:
        step = self._step("socket", target.user)
        if step.state == "failed":
            return
        if path := self._absent.get(target.user):
            if not await self._hidden(target.user, step, path):
                _well(step, "no server")
            return
        if isinstance(done, Exception):
            _fail(step, "failed", self._said(done), None)
            return
        if done.exit == 0:
            _well(step, _count(len(tmux.parse_names(done.stdout))))
            return
        said = done.stderr.decode(errors="replace")
        report = tmux.classify(target, self.host.login, said, self._tmux)
        if report.state != "no_server":
            _fail(step, "failed", report.problem, report.remedy)
        elif not await self._hidden(target.user, step, facts.missing_socket(said)):
            _well(step, "no server")

    async def _hidden(self, user: str, step: Step, path: str | None) -> bool:
        """Whether there is a server after all, whose socket is not in the /tmp that is seen here."""
        if path is None:
            return False
        [looked] = await self._way.run_each([facts.look_for_server(user, path)], timeout_s=self._timeout_s)
        server = facts.hidden_server(looked.stdout, path) if isinstance(looked, Completed) else None
        if server is None:
            return False
        which = f"{user}'s tmux server{f' (pid {server.pid})' if server.pid else ''}"
        shown = printable(path)
        if server.private:
            _fail(
                step,
                "PrivateTmp",
                f"{which} runs, but {shown} is not in the /tmp that is seen here: systemd made that one "
                "for this service alone (PrivateTmp).",
                "PrivateTmp=false under [Service] in its unit, then systemctl daemon-reload and restart",
            )
        else:
            _fail(
                step,
                "hidden",
                f"{which} listens on {shown}, which is not seen here: the file was removed, or tmux or this "
                "service was started with a /tmp of its own (PrivateTmp).",
                f"kill -USR1 {server.pid or 'PID'} makes the file anew; or PrivateTmp=false under [Service] "
                "in the unit",
            )
        return True

    def _said(self, error: Exception, program: str = "tmux") -> str:
        match error:
            case Unreached():
                return error.problem
            case TimeoutError():
                return f"{program} did not answer within {self._timeout_s:g} s."
            case TooMuch():
                return f"{program} printed more than 16 MiB."
        return f"{program} could not be run: {printable(str(error))[:200]}."


def _well(step: Step, value: str = "ok") -> Literal[True]:
    step.state, step.value = "ok", step.value or value
    return True


def _fail(step: Step, value: str, problem: str | None, remedy: str | None) -> Literal[False]:
    step.state, step.value, step.problem, step.remedy = "failed", value, problem, remedy
    return False


def _count(sessions: int) -> str:
    return f"{sessions} session{'' if sessions == 1 else 's'}"
