"""Runs a command on this machine, without a thread and without waiting on the loop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OUTPUT_BYTES = 16 << 20  # of one command: 1,000 sessions print 0.3 MB, a long scrollback 10 MB
READ_BYTES = 1 << 16
GRACE_S = 1.0  # between SIGTERM and SIGKILL

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


class Completed(NamedTuple):
    """How a command ended. ``exit`` is negative for a signal, as subprocess has it."""

    exit: int
    stdout: bytes
    stderr: bytes


class Missing(Exception):  # noqa: N818
    """The program is not installed; ``args[0]`` is its name."""


class TooMuch(Exception):  # noqa: N818
    """The command printed more than ``OUTPUT_BYTES``."""


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
    _signal(child, signal.SIGTERM)
    kill = loop.call_later(GRACE_S, _signal, child, signal.SIGKILL)

    def ended() -> None:
        if child.poll() is not None:
            kill.cancel()
            loop.remove_reader(fd)
            os.close(fd)

    loop.add_reader(fd, ended)


def _signal(child: subprocess.Popen[bytes], sign: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, sign)
