"""Runs a command on this machine, without a thread and without waiting on the loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import signal
import stat
import subprocess
from typing import TYPE_CHECKING

from muxboard.hosts.way import OUTPUT_BYTES, Child, Completed, Looked, Missing, TooMuch, steps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

READ_BYTES = 1 << 16
LOOK_BYTES = 4096  # a path and its newline
GRACE_S = 1.0  # between SIGTERM and SIGKILL
STEP_S = 0.01
_ending: set[subprocess.Popen[bytes]] = set()

# What a command, and so a tmux server that it starts, sees of our environment. Nothing else:
# the service's own holds its secrets. TMUX is left out, or attaching would be refused as nested.
PASSED = (
    "HOME",
    "LANG",
    "LOGNAME",
    "PATH",
    "SHELL",
    "TMUX_TMPDIR",
    "TZ",
    "USER",
    "XDG_RUNTIME_DIR",
)


def environment(source: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of every child: a few plain variables, messages in English, UTF-8."""
    passed = {name: source[name] for name in PASSED if name in source}
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        **passed,
        "LC_ALL": "C.UTF-8",
        "TERM": "xterm-256color",
        "COLORTERM": "truecolor",
    }


class LocalWay:
    """This machine: a ``Way`` without ssh."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.env = environment(environ)
        self.login = login_name()

    async def run(self, argv: Sequence[str], *, timeout_s: float) -> Completed:
        return await run(argv, self.env, timeout_s=timeout_s)

    async def run_each(
        self, commands: Sequence[Sequence[str]], *, timeout_s: float
    ) -> list[Completed | Exception]:
        done = await asyncio.gather(
            *(self.run(argv, timeout_s=timeout_s) for argv in commands), return_exceptions=True
        )
        if failed := next((each for each in done if not isinstance(each, Completed | Exception)), None):
            raise failed
        return [each for each in done if isinstance(each, Completed | Exception)]

    async def look(self, path: str) -> Looked | None:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        except OSError:
            return _outside(path)
        try:
            found = os.fstat(fd)
            text = os.read(fd, LOOK_BYTES) if stat.S_ISREG(found.st_mode) else b""
        except OSError:
            return None
        finally:
            os.close(fd)
        return _looked(found, text)

    async def trail(self, path: str) -> list[Looked | None]:
        real = os.path.realpath(path)  # noqa: ASYNC240  as short as any stat
        ways = [path] if real == path else [path, real]
        return [_outside(step, follow=False) for way in ways for step in steps(way)]

    async def uid(self, user: str) -> int | None:
        try:
            return pwd.getpwnam(user).pw_uid
        except KeyError:
            return None if user != self.login else os.geteuid()

    async def home(self, user: str) -> str:
        try:
            return pwd.getpwnam(user).pw_dir
        except KeyError:
            return "/"

    async def is_directory(self, path: str) -> bool:
        return os.path.isdir(path)  # noqa: PTH112, ASYNC240  as short as any stat

    async def on_pty(self, argv: Sequence[str]) -> Child:
        return Child(list(argv), self.env, lambda: None)

    def lost(self, exit_code: int | None) -> bool:  # noqa: ARG002
        return False

    def hurry(self) -> None:
        pass

    async def close(self) -> None:
        pass


def login_name() -> str:
    """The Unix user that we are; the number where it has no name, as in some containers."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _outside(path: str, *, follow: bool = True) -> Looked | None:
    """What cannot be opened, as a socket never can, may still be looked at."""
    try:
        return _looked(os.stat(path, follow_symlinks=follow), b"")  # noqa: PTH116
    except OSError:
        return None


def _looked(found: os.stat_result, text: bytes) -> Looked:
    shared = bool(found.st_mode & (stat.S_IWGRP | stat.S_IWOTH))
    sticky = bool(found.st_mode & stat.S_ISVTX)
    return Looked(stat.filemode(found.st_mode)[0], found.st_uid, shared, sticky, text)


async def run(argv: Sequence[str], env: Mapping[str, str], *, timeout_s: float) -> Completed:
    """Run a command to its end.

    Args:
        argv: The program and its arguments; no shell.
        env: Its whole environment.
        timeout_s: After so many seconds its process group is ended.

    Raises:
        Missing: The program does not exist.
        TimeoutError: It took too long.
        TooMuch: It printed too much.
        OSError: No process or descriptor could be had.

    Cancelling ends the command.
    """
    watch = _Watch()
    try:
        watch.start(argv, env)
        async with asyncio.timeout(timeout_s):
            await watch.finished
    finally:
        watch.close()
    return Completed(watch.exit, b"".join(watch.out), b"".join(watch.err))


class _Watch:
    """Reads a child's pipes and waits for its end, by callbacks of the loop alone."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.finished: asyncio.Future[None] = self._loop.create_future()
        self.out: list[bytes] = []
        self.err: list[bytes] = []
        self._size = 0
        self._open: set[int] = set()
        self._child: subprocess.Popen[bytes] | None = None

    def start(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        """Start the command. Raises as ``run`` does; ``close`` undoes what was begun."""
        # Popen leaks its own pipes when it runs out of descriptors between them.
        writing: list[int] = []
        try:
            for chunks in (self.out, self.err):
                fd, write = os.pipe()
                writing.append(write)
                os.set_blocking(fd, False)
                self._open.add(fd)
                self._loop.add_reader(fd, self._read, fd, chunks)
            self._child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=writing[0],
                stderr=writing[1],
                env=dict(env),
                cwd="/",
                start_new_session=True,
            )
            pidfd = os.pidfd_open(self._child.pid)
            self._open.add(pidfd)
            self._loop.add_reader(pidfd, self._ended, pidfd)
        except (FileNotFoundError, PermissionError, NotADirectoryError) as error:
            raise Missing(argv[0]) from error
        finally:
            for write in writing:
                os.close(write)

    @property
    def exit(self) -> int:
        """How the command ended."""
        return -1 if self._child is None or self._child.returncode is None else self._child.returncode

    def _read(self, fd: int, chunks: list[bytes]) -> None:
        try:
            chunk = os.read(fd, READ_BYTES)
        except BlockingIOError:
            return
        chunks.append(chunk)
        self._size += len(chunk)
        if self._size > OUTPUT_BYTES and not self.finished.done():
            self.finished.set_exception(TooMuch())
        if not chunk:
            self._drop(fd)

    def _ended(self, fd: int) -> None:
        if self._child is not None and self._child.poll() is not None:
            self._drop(fd)

    def _drop(self, fd: int) -> None:
        self._loop.remove_reader(fd)
        self._open.discard(fd)
        os.close(fd)
        if not self._open and not self.finished.done():
            self.finished.set_result(None)

    def close(self) -> None:
        """End what still runs and let go of everything; the child is reaped when it ends."""
        for fd in list(self._open):
            self._drop(fd)
        if self._child is not None and self._child.poll() is None:
            end_later(self._child)


def end_later(child: subprocess.Popen[bytes]) -> None:
    """End a child's process group and reap the child when it has ended, without waiting for it.

    SIGTERM first: sudo hands it on to what it runs as another user, whom we may not signal. A killed sudo
    would leave that behind.
    """
    loop = asyncio.get_running_loop()
    fd = os.pidfd_open(child.pid)
    _ending.add(child)
    _signal(child, signal.SIGTERM)
    kill = loop.call_later(GRACE_S, _signal, child, signal.SIGKILL)

    def ended() -> None:
        if child.poll() is not None:
            kill.cancel()
            loop.remove_reader(fd)
            os.close(fd)
            _ending.discard(child)

    loop.add_reader(fd, ended)


async def ended() -> None:
    """Wait until the children that were told to end have ended: a loop that stops before reaps nobody."""
    patience = 2 * GRACE_S
    while patience > 0:
        _ending.intersection_update([child for child in _ending if child.poll() is None])
        if not _ending:
            return
        await asyncio.sleep(STEP_S)
        patience -= STEP_S


def _signal(child: subprocess.Popen[bytes], sign: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, sign)
