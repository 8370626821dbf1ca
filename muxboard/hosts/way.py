"""How commands reach a host: what a local and a remote one have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

from muxboard.problems import Code, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from muxboard.hosts.model import HostState

OUTPUT_BYTES = 16 << 20  # of one command: 1,000 sessions print 0.3 MB, a long scrollback 10 MB
COMMAND_NOT_FOUND = 127  # a shell's exit status


class Completed(NamedTuple):
    """How a command ended. ``exit`` is negative for a signal, as subprocess has it."""

    exit: int
    stdout: bytes
    stderr: bytes


class Missing(Exception):  # noqa: N818
    """The program is not installed; ``args[0]`` is its name."""


class TooMuch(Exception):  # noqa: N818
    """The command printed more than ``OUTPUT_BYTES``."""


class Unreached(Exception):  # noqa: N818
    """The host could not be asked at all.

    Args:
        state: The host's state from now on.
        problem: One sentence.
        remedy: Command or line that mends it.
        repeated: Whether this was found out earlier, and the host is left alone for now.
    """

    def __init__(
        self, state: HostState, problem: str, remedy: str | None = None, *, repeated: bool = False
    ) -> None:
        super().__init__(problem)
        self.state = state
        self.problem = problem
        self.remedy = remedy
        self.repeated = repeated

    def as_problem(self) -> Problem:
        """Return what a caller is told who wanted something of the host."""
        remedy = f" Remedy: {self.remedy}" if self.remedy and "\n" not in self.remedy else ""
        return Problem(_CODES.get(self.state, Code.host_error), self.problem + remedy)


_CODES: dict[HostState, Code] = {
    "unreachable": Code.host_unreachable,
    "auth_failed": Code.auth_failed,
    "host_key_unknown": Code.host_key,
    "host_key_changed": Code.host_key,
    "timeout": Code.timeout,
}


class Looked(NamedTuple):
    """A file as its host sees it.

    Attributes:
        kind: As ls has it: ``s`` for a socket, ``-`` for a plain file, ``d`` for a folder, ``l`` for a link.
        uid: Its owner's number.
        shared: Whether others than its owner may write to it.
        sticky: Of a folder: whether they may not take away what is not theirs.
        text: The first 4 KiB of a plain file.
    """

    kind: str
    uid: int
    shared: bool
    sticky: bool = False
    text: bytes = b""


def steps(path: str) -> list[str]:
    """Return an absolute path's folders from the root on, and itself."""
    parts = path.strip("/").split("/")
    return ["/", *("/" + "/".join(parts[: count + 1]) for count in range(len(parts)))]


class Child(NamedTuple):
    """What to run on a PTY of ours; ``done`` is called once when it has ended."""

    argv: list[str]
    env: Mapping[str, str]
    done: Callable[[], None]


class Way(Protocol):
    """Runs commands on one host as one login user.

    Every call may raise ``Unreached``; a single command may also raise ``Missing``, ``TimeoutError``,
    ``TooMuch`` or ``OSError``. Cancelling ends the command.
    """

    @property
    def login(self) -> str:
        """The user that commands run as."""

    async def run(self, argv: Sequence[str], *, timeout_s: float) -> Completed:
        """Run one command to its end."""

    async def run_each(
        self, commands: Sequence[Sequence[str]], *, timeout_s: float
    ) -> list[Completed | Exception]:
        """Run commands that do not wait for each other; what one raises is its result."""

    async def look(self, path: str) -> Looked | None:
        """Return what a path is and a plain file's first 4 KiB; None where it cannot be looked at."""

    async def trail(self, path: str) -> list[Looked | None]:
        """Return what stands on the way to a path, itself last, links not followed; then the same of where it
        leads by links, if it does. None for what cannot be looked at."""

    async def uid(self, user: str) -> int | None:
        """Return a user's number; None where there is no such user."""

    async def home(self, user: str) -> str:
        """Return a user's home directory, "/" where there is none."""

    async def is_directory(self, path: str) -> bool:
        """Whether a path is a directory in the eyes of the login user."""

    async def on_pty(self, argv: Sequence[str]) -> Child:
        """Return what runs a command of the host on a PTY of this machine."""

    def lost(self, exit_code: int | None) -> bool:
        """Whether a child of ``on_pty`` that ended so has lost the host, not ended there."""

    def hurry(self) -> None:
        """Somebody wants to know now: shorten a wait after failures, as far as that does no harm."""

    async def close(self) -> None:
        """Let go of everything. Idempotent."""
