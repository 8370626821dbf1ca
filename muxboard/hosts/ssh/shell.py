"""A shell that stays open on a host and runs one script at a time.

Starting a login shell for each command costs a host many times what tmux itself costs it. The loop never
waits for paramiko: what may wait happens in threads. What the transport's own thread sees arrive lies in
the inbox already, so that the loop takes it from there: each further thread would cost more than the taking.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import paramiko
from paramiko.buffered_pipe import BufferedPipe
from paramiko.common import cMSG_CHANNEL_WINDOW_ADJUST

from muxboard.hosts import marks
from muxboard.hosts.ssh.script import OPENING, SHELL, Reader, script
from muxboard.hosts.way import OUTPUT_BYTES, TooMuch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from muxboard.hosts.way import Completed
    from muxboard.tasks import Threads

TAKE_BYTES = 1 << 20
ALLOW_BYTES = 1 << 16  # taken in before the host is told that it may send more; its window is 2 MiB


UNASKED_BYTES = 1 << 16  # what a shell may print while no command runs


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

    def take(self) -> bytes:
        """Return what there is, at most ``TAKE_BYTES``, without waiting."""
        return bytes(self.read(TAKE_BYTES)) if len(self) else b""

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
        self._told = False
        self._taken = 0
        self._out, self._err = _Inbox(self._arrived), _Inbox(self._arrived)
        self._said = b""
        self._unasked = 0
        self._noisy = False
        self._reader: Reader | None = None
        self._turn: asyncio.Future[None] | None = None
        self.usable = True
        self.worked = False

    def begin(self) -> None:
        """Start it; waits, so in a thread. One that does not start is lost to who runs something in it."""
        self._channel.in_buffer, self._channel.in_stderr_buffer = self._out, self._err
        with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
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
            turn.cancel()
            if not turn.cancelled():
                turn.exception()  # it may have come before anybody waited for it
            self.worked = self.worked or reader.ended > 0
            if reader.ended < len(commands):
                self.close()
        if cut is not None and not reader.begun:
            raise Stuck("does not run a command" if cut is TimeoutError else "prints without end")
        return [cut() if cut and isinstance(each, TimeoutError) else each for each in reader.results()]

    def _send(self, text: bytes) -> None:
        try:
            self._channel.sendall(text)
        except (OSError, EOFError, paramiko.SSHException):
            self._arrived()  # it may have closed before anybody waited for something

    # --- in the transport's thread

    def _arrived(self) -> None:
        if self._told:
            return
        self._told = True
        with contextlib.suppress(RuntimeError):  # the loop has closed
            self._loop.call_soon_threadsafe(self._take)

    # --- on the loop again

    def _take(self) -> None:
        self._told = False  # first, so that what comes from now on is told
        # The exit status comes between the end of the output and the close.
        ending, gone = self._channel.closed or self._channel.eof_received, self._channel.closed
        out, err = self._out.take(), self._err.take()
        self._took(out, err, ending, gone)
        if len(self._out) or len(self._err):
            self._arrived()
        self._taken += len(out) + len(err)
        if self._taken >= ALLOW_BYTES:
            self._threads.start(_allow, self._channel, self._taken)
            self._taken = 0

    def _took(self, out: bytes, err: bytes, ending: bool, gone: bool) -> None:
        turn, reader = self._turn, self._reader
        if turn is None or reader is None or turn.done():
            self._said = (self._said + err + out)[-400:]  # before the first command: banners, mistakes
            self._unasked += len(out) + len(err)
            if self._unasked > UNASKED_BYTES:
                self._noisy = True
                self.close()
        elif reader.feed(out, err):
            turn.set_result(None)
        elif reader.size > OUTPUT_BYTES or self._out.overflowed or self._err.overflowed:
            turn.set_exception(TooMuch())
        elif gone and not (len(self._out) or len(self._err)):
            self._said = (self._said + reader.last_words)[-400:]
            turn.set_exception(TooMuch() if self._noisy else Lost(self._said.decode(errors="replace")))
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


def _allow(channel: paramiko.Channel, taken: int) -> None:
    """Let the host send as much more as was taken in: ``recv`` would, but it may wait."""
    with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
        if (size := channel._check_add_window(taken)) > 0:  # noqa: SLF001
            message = paramiko.Message()
            message.add_byte(cMSG_CHANNEL_WINDOW_ADJUST)
            message.add_int(channel.remote_chanid)
            message.add_int(size)
            channel.transport._send_user_message(message)  # noqa: SLF001


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
