"""A shell that stays open on a host and runs one script at a time.

Starting a login shell for each command costs a host many times what tmux itself costs it. The loop never
waits for paramiko: sending and taking in happen in threads, started by what the transport's own thread
sees arrive.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING

import paramiko
from paramiko.buffered_pipe import BufferedPipe

from muxboard.hosts import marks
from muxboard.hosts.ssh.script import OPENING, SHELL, Reader, script
from muxboard.hosts.way import OUTPUT_BYTES, TooMuch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from muxboard.hosts.way import Completed
    from muxboard.tasks import Threads

TAKE_BYTES = 1 << 20


class Lost(Exception):  # noqa: N818
    """The shell has gone; ``args[0]`` is what it said last."""


class Stuck(Exception):  # noqa: N818
    """The shell does not come so far as to run a command; ``args[0]`` says what it does instead."""


class _Inbox(BufferedPipe):  # type: ignore[misc]
    """A channel's input that tells when there is some, and holds no more than one command may print: a
    host need not keep to the window that it was given."""

    def __init__(self, told: Callable[[], None]) -> None:
        super().__init__()
        self._told = told
        self.overflowed = False

    def feed(self, data: bytes) -> None:
        if len(self) + len(data) > OUTPUT_BYTES:
            self.overflowed = True
        else:
            super().feed(data)
        self._told()

    def close(self) -> None:
        super().close()
        self._told()


class Shell:
    """``sh`` on a host. Use ``open_shell``."""

    def __init__(self, channel: paramiko.Channel, threads: Threads, timeout_s: float) -> None:
        # Sending waits for a host that does not take in; a thread must come back from that.
        channel.settimeout(timeout_s)
        self._channel = channel
        self._threads = threads
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._taking = self._more = False
        self._out, self._err = _Inbox(self._arrived), _Inbox(self._arrived)
        self._said = b""
        self._reader: Reader | None = None
        self._turn: asyncio.Future[None] | None = None
        self.usable = True
        self.worked = False

    def begin(self) -> None:
        """Start it; waits, so in a thread."""
        self._channel.in_buffer, self._channel.in_stderr_buffer = self._out, self._err
        self._channel.exec_command(SHELL)
        self._channel.sendall(OPENING)

    async def run(self, commands: Sequence[Sequence[str]], timeout_s: float) -> list[Completed | Exception]:
        """Run commands one after the other; after one that did not end in time the shell is not usable.

        Raises:
            Lost: The shell or its connection has gone.
            Stuck: The shell never came up.
        """
        mark = marks.fresh()
        reader = self._reader = Reader(commands, mark)
        turn = self._turn = self._loop.create_future()
        cut: type[Exception] | None = None
        try:
            async with asyncio.timeout(timeout_s):
                await self._threads.run(self._send, script(commands, mark, timeout_s))
                await turn
        except TimeoutError:
            cut = TimeoutError
        except TooMuch:
            cut = TooMuch
        finally:
            self._reader = self._turn = None
            self.worked = self.worked or reader.ended > 0
            if reader.ended < len(commands):
                self.close()
        if cut is not None and not reader.begun:
            raise Stuck("does not run a command" if cut is TimeoutError else "prints without end")
        return [cut() if cut and isinstance(each, TimeoutError) else each for each in reader.results()]

    def _send(self, text: bytes) -> None:
        try:
            self._channel.sendall(text)
        except (OSError, paramiko.SSHException) as error:
            raise Lost("") from error

    # --- in the transport's thread, and in one of ours

    def _arrived(self) -> None:
        with self._lock:
            self._more = True
            if self._taking:
                return
            self._taking = True
        self._threads.start(self._take)

    def _take(self) -> None:
        channel = self._channel
        while True:
            with self._lock:
                if not (self._more or channel.recv_ready() or channel.recv_stderr_ready()):
                    self._taking = False
                    return
                self._more = False
            out = self._received(channel.recv_ready, channel.recv)
            err = self._received(channel.recv_stderr_ready, channel.recv_stderr)
            # The exit status comes between the end of the output and the close.
            ending, gone = channel.closed or channel.eof_received, channel.closed
            with contextlib.suppress(RuntimeError):  # the loop has closed
                self._loop.call_soon_threadsafe(self._took, out, err, ending, gone)

    @staticmethod
    def _received(ready: Callable[[], bool], receive: Callable[[int], bytes]) -> bytes:
        with contextlib.suppress(OSError, paramiko.SSHException):
            if ready():
                return receive(TAKE_BYTES)
        return b""

    # --- on the loop again

    def _took(self, out: bytes, err: bytes, ending: bool, gone: bool) -> None:
        turn, reader = self._turn, self._reader
        if turn is None or reader is None or turn.done():
            self._said = (self._said + err + out)[-400:]  # before the first command: banners, mistakes
        elif reader.feed(out, err):
            turn.set_result(None)
        elif reader.size > OUTPUT_BYTES or self._out.overflowed or self._err.overflowed:
            turn.set_exception(TooMuch())
        elif gone and not (self._channel.recv_ready() or self._channel.recv_stderr_ready()):
            self._said = (self._said + err + out)[-400:]
            turn.set_exception(Lost(self._said.decode(errors="replace")))
        self.usable = self.usable and not ending

    @property
    def exit_code(self) -> int | None:
        """How it ended by itself; None where it has not."""
        return self._channel.exit_status if self._channel.exit_status >= 0 else None

    def close(self) -> None:
        """Give it up; does not wait. Idempotent."""
        if self.usable or not self._channel.closed:
            self.usable = False
            self._threads.start(_close, self._channel)


def _close(channel: paramiko.Channel) -> None:
    with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
        channel.close()


async def open_shell(transport: paramiko.Transport, threads: Threads, timeout_s: float) -> Shell:
    """Open a shell.

    Raises:
        TimeoutError: The host did not open a channel or start the shell in time; the transport is of no use.
        paramiko.ChannelException: The host refuses another session.
        paramiko.SSHException: The connection is lost.
    """
    shell: Shell | None = None
    over = False

    def opened() -> paramiko.Channel:
        channel = transport.open_session(timeout=timeout_s)
        if over:  # nobody waits for it any more
            _close(channel)
        return channel

    try:
        async with asyncio.timeout(timeout_s):
            shell = Shell(await threads.run(opened), threads, timeout_s)
            await threads.run(shell.begin)
    except BaseException:
        over = True
        if shell is not None:
            shell.close()
        raise
    return shell
