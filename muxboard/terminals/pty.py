"""Children on PTYs, on terminado's manager.

terminado's manager gives the registry by descriptor and the way into Tornado's loop. What it does to
the bytes is overridden: it decodes them, keeps them by count instead of by size, reads whatever the
client does, and sleeps on the loop when a terminal closes.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import signal
import struct
import subprocess
import termios
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from terminado.management import TermManagerBase
from tornado.ioloop import IOLoop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

READ_BYTES = 4096  # what the kernel's line discipline hands out at most in one read
FRAME_BYTES = 1 << 16  # the largest frame, and what one turn of the loop takes from a terminal alone
# The same while others are at work as well: a key's echo needs several turns, and each waits for what a
# flood beside it takes in its own. Others count as at work for so long after they last were.
SHARED_BYTES = 1 << 13
SHARED_S = 0.15
_TIOCGPTPEER = 0x5441  # ioctl_tty(2); Python has no name for it
GRACE_S = 1.0  # between SIGHUP, SIGTERM and SIGKILL


class Pty:
    """A child in its own session on its own PTY.

    ``on_readable`` is called when there is output; ``on_exit`` once, when the child has ended and is
    reaped (output may still be there to read). Neither is called after ``close``.
    """

    __slots__ = (
        "_child",
        "_closed",
        "_exited",
        "_manager",
        "_pidfd",
        "_queue",
        "fd",
        "on_exit",
        "on_readable",
        "queued",
    )

    def __init__(self, manager: PtyManager, child: subprocess.Popen[bytes], fd: int) -> None:
        self._manager = manager
        self._child = child
        self.fd = fd
        self._queue: deque[bytes] = deque()
        self.queued = 0
        self._closed = False
        self._exited: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.on_readable: Callable[[], None] = _nothing
        self.on_exit: Callable[[], None] = _nothing
        self._pidfd = os.pidfd_open(child.pid)
        IOLoop.current().add_handler(self._pidfd, self._ended, IOLoop.READ)

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        """How the child ended, negative for a signal; None while it runs."""
        return self._child.returncode

    def read(self, limit: int) -> tuple[bytes, bool]:
        """Return what can be read now, at most ``limit`` bytes, and whether that was the end."""
        chunks: list[bytes] = []
        while limit > 0:
            try:
                chunk = os.read(self.fd, min(limit, READ_BYTES))
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != errno.EIO:  # EIO: every slave is closed
                    raise
                return b"".join(chunks), True
            if not chunk:
                return b"".join(chunks), True
            chunks.append(chunk)
            limit -= len(chunk)
        return chunks[0] if len(chunks) == 1 else b"".join(chunks), False

    def write(self, data: bytes) -> None:
        """Write to the child, keeping in order what it does not take yet; ``queued`` tells how much.

        The caller bounds ``queued``. Writing to a child that has gone is not an error.
        """
        if self._closed:
            return
        if not self._queue:
            data = data[self._take(data) :]
        if data:
            self._queue.append(data)
            self.queued += len(data)
            self._manager.want(self)

    def _take(self, data: bytes) -> int:
        try:
            return os.write(self.fd, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            if error.errno != errno.EIO:
                raise
            return len(data)

    def flush(self) -> None:
        """Write what waits, as far as the child takes it."""
        while self._queue:
            data = self._queue[0]
            taken = self._take(data)
            self.queued -= taken
            if taken < len(data):
                self._queue[0] = data[taken:]
                break
            self._queue.popleft()
        self._manager.want(self)

    @property
    def turn_bytes(self) -> int:
        """How much to read in this turn of the loop, so that others get theirs soon."""
        return self._manager.turn_bytes

    @property
    def waiting(self) -> bool:
        """Whether input waits for the child."""
        return bool(self._queue)

    @property
    def held(self) -> int:
        """Bytes of output that can be read now, at least; the kernel tells of ``READ_BYTES`` at most."""
        return unread(self.fd) if not self._closed else 0

    @property
    def taken(self) -> bool:
        """Whether the child has read all that was written."""
        if self._closed or self._queue:
            return False
        flags = os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC
        try:
            slave = fcntl.ioctl(self.fd, _TIOCGPTPEER, flags)
        except OSError:  # the child has gone
            return False
        try:
            return unread(slave) == 0
        finally:
            os.close(slave)

    def resize(self, cols: int, rows: int) -> None:
        """Set the size; the kernel tells the child when it changed."""
        if not self._closed:
            set_size(self.fd, cols, rows)

    def pause(self) -> None:
        """Stop calling ``on_readable``."""
        self._manager.want(self, reading=False)

    def resume(self) -> None:
        """Call ``on_readable`` again."""
        self._manager.want(self, reading=True)

    def _ended(self, _fd: int = -1, _events: int = 0) -> None:
        if self._closed:  # while the zombie keeps the group's number ours
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)
        if self._child.poll() is None:
            return
        self._drop_pidfd()
        if not self._exited.done():
            self._exited.set_result(None)
        if not self._closed:
            self.on_exit()

    def _drop_pidfd(self) -> None:
        if self._pidfd >= 0:
            IOLoop.current().remove_handler(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1

    async def close(self) -> None:
        """End the child's process group and close the PTY. Idempotent.

        SIGHUP, then SIGTERM, then SIGKILL, each after ``GRACE_S`` seconds; when the child is gone, whoever
        is left of its group is killed. The master is closed at once:
        that ends a chain through sudo, whose inner processes we may not signal. Cancelling leaves the
        child to the loop, which reaps it when it ends.
        """
        if self._closed:
            return
        self._closed = True
        self._manager.forget(self)
        os.close(self.fd)
        self._queue.clear()
        self.queued = 0
        for sign in (signal.SIGHUP, signal.SIGTERM, signal.SIGKILL):
            if self._exited.done():
                break
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, sign)
            await asyncio.wait([self._exited], timeout=GRACE_S)


def _nothing() -> None:
    pass


class PtyManager(TermManagerBase):
    """Every PTY of the service, by descriptor."""

    ptys_by_fd: dict[int, Pty]  # type: ignore[assignment]  # our own kind of PTY

    def __init__(self) -> None:
        super().__init__(shell_command="")
        self._events: dict[int, int] = {}
        self._latest = -1
        self._shared_until = 0.0

    @property
    def turn_bytes(self) -> int:
        """How much a terminal may read in this turn of the loop."""
        return SHARED_BYTES if time.monotonic() < self._shared_until else FRAME_BYTES

    def spawn(
        self, argv: Sequence[str], env: Mapping[str, str], cols: int, rows: int, *, raw: bool = False
    ) -> Pty:
        """Start a child on a PTY of that size, which takes input as it is where ``raw``; reading is resumed.

        ``setsid --ctty`` gives it its session and terminal: a vfork and an exec, a twentieth of what
        ``forkpty`` costs, and no copy of this process.

        Raises:
            OSError: No PTY or no process could be had.
        """
        master, slave = os.openpty()
        try:
            set_size(master, cols, rows)
            if raw:
                set_raw(slave)
            os.set_blocking(master, False)
            child = subprocess.Popen(
                ["setsid", "--ctty", "--", *argv],
                stdin=slave,
                stdout=slave,
                stderr=slave,
                env=dict(env),
                cwd="/",
            )
        except BaseException:
            os.close(master)
            raise
        finally:
            os.close(slave)
        try:
            pty = Pty(self, child, master)
        except BaseException:  # no descriptor is left to watch it by
            os.close(master)
            child.kill()
            child.wait()
            raise
        self.start_reading(pty)
        return pty

    def start_reading(self, pty: Pty) -> None:  # type: ignore[override]
        """Let the loop call ``pty_read`` for a PTY."""
        self.ptys_by_fd[pty.fd] = pty
        self._events[pty.fd] = IOLoop.READ
        IOLoop.current().add_handler(pty.fd, self.pty_read, IOLoop.READ)

    def pty_read(self, fd: int, events: Any = None) -> None:
        """The loop's callback: input can be written, or output read."""
        pty = self.ptys_by_fd.get(fd)
        if pty is None:
            return
        if fd != self._latest:
            self._latest = fd
            self._shared_until = time.monotonic() + SHARED_S
        if events & IOLoop.WRITE:
            pty.flush()
        if events & ~IOLoop.WRITE and fd in self.ptys_by_fd:
            pty.on_readable()

    def want(self, pty: Pty, *, reading: bool | None = None) -> None:
        """Ask the loop for just the events that are of use now."""
        before = self._events.get(pty.fd)
        if before is None:
            return
        events = before & IOLoop.READ if reading is None else IOLoop.READ if reading else 0
        events |= IOLoop.WRITE if pty.waiting else 0
        if events != before:
            self._events[pty.fd] = events
            IOLoop.current().update_handler(pty.fd, events)

    def forget(self, pty: Pty) -> None:
        """Take a PTY from the loop, before its descriptor's number can become another's."""
        if self._events.pop(pty.fd, None) is not None:
            del self.ptys_by_fd[pty.fd]
            IOLoop.current().remove_handler(pty.fd)


def unread(fd: int) -> int:
    """Return how many bytes a terminal's reader could read now."""
    size: bytes = fcntl.ioctl(fd, termios.FIONREAD, bytes(4))
    return int(struct.unpack("i", size)[0])


def set_size(fd: int, cols: int, rows: int) -> None:
    """Set a terminal's size."""
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))


def set_raw(fd: int) -> None:
    """Let input through as it is: no echo, no signals, no lines. Output keeps its line ends."""
    modes = termios.tcgetattr(fd)
    modes[0] &= ~(termios.ICRNL | termios.INLCR | termios.IGNCR | termios.ISTRIP | termios.IXON)
    modes[3] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.IEXTEN | termios.ISIG)
    termios.tcsetattr(fd, termios.TCSANOW, modes)
