"""One live terminal: a PTY, its output by offset, its input by offset, its connection, its end."""

from __future__ import annotations

import enum
import time
from typing import TYPE_CHECKING, Literal

import msgspec

from muxboard.problems import Code, Problem
from muxboard.terminals.backlog import Backlog
from muxboard.terminals.clients import Clients
from muxboard.terminals.flow import MOST_BYTES
from muxboard.terminals.interrupt import Interrupt
from muxboard.terminals.lifetimes import Lifetimes
from muxboard.terminals.messages import (
    ExitMessage,
    ExitReason,
    HelloMessage,
    NoticeMessage,
    ResetMessage,
    TerminalMode,
    exit_message,
)
from muxboard.terminals.redraw import Redraw
from muxboard.terminals.running import Running
from muxboard.terminals.sink import send_all
from muxboard.terminals.size import Size
from muxboard.terminals.stall import screenful
from muxboard.terminals.timer import Timer

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxboard.access.principal import Principal
    from muxboard.config import Limits
    from muxboard.terminals.pty import Pty
    from muxboard.terminals.sink import Sink
    from muxboard.terminals.target import Target

FIRST_ACK_S = 1.5  # a client acks at the latest 50 ms after a byte, and the slowest link takes a second


class State(enum.Enum):
    """States only move forward."""

    live = 1
    ended = 2


class Terminal:
    """A PTY that belongs to one principal and sends to at most one connection.

    Output is read only while the browser keeps up (``Flow``). While there is no connection, output is
    kept up to the window and then not read: nothing is lost, and tmux, whose client this is, skips to
    a fresh screen by itself.

    Args:
        terminal_id: At least 128 random bits.
        principal: Its owner.
        client: The address that it was asked for from.
        target: What it is attached to.
        mode: ``view`` drops all input.
        size: Columns and rows, clamped.
        limits: Lifetimes, and the ceiling of queued input.
        spawn: Starts the child; called again when a client has lost its place in the output.
        retire: Ends a child that another has replaced.
        redraws: Whether a fresh child draws all that is worth seeing, so that stale output may be left out.
        on_exit: Called once when the child has ended by itself and all its output is delivered.
        on_end: Called once when the terminal must be ended for a reason.
    """

    def __init__(
        self,
        *,
        terminal_id: str,
        principal: Principal,
        client: str,
        target: Target,
        mode: TerminalMode,
        size: tuple[int, int],
        limits: Limits,
        spawn: Callable[[int, int], Pty],
        retire: Callable[[Pty], None],
        redraws: bool,
        on_exit: Callable[[Terminal], None],
        on_end: Callable[[Terminal, ExitReason], None],
    ) -> None:
        self.id = terminal_id
        self.principal = principal
        self.client = client
        self.target = target
        self.mode = mode
        self._size = Size(*size, lambda *now: self.pty.resize(*now))  # noqa: PLW0108  of the PTY by then
        self.started = time.time()
        self.input_offset = 0
        self.killed = False
        self.reason: ExitReason = "failed"
        self._most_input = limits.output_queue
        self._on_exit = on_exit
        self._on_end = on_end
        self._state = State.live
        self._backlog = Backlog(min(MOST_BYTES, limits.output_queue))
        self._backlog.screen = screenful(self.cols, self.rows)
        self._sink: Sink | None = None
        self._clients = Clients()
        self._last_words = exit_message("failed")
        self._exit_told = False
        self._first_ack = Timer()  # until a client that acks nothing is trusted
        self._interrupt = Interrupt(self._interrupted)
        self._running = Running(
            spawn,
            retire,
            on_readable=self._read,
            on_over=self._maybe_exit,
            held_up=lambda: self._backlog.flow.paused,
        )
        self._redraw = Redraw(self._running, self._backlog, self._size, whole=redraws)
        self._running.start(self.cols, self.rows)
        self._lifetimes = Lifetimes(limits, principal.ends, self._out_of_time)

    @property
    def pty(self) -> Pty:
        """Of the child that runs now."""
        return self._running.pty

    @property
    def cols(self) -> int:
        """Columns."""
        return self._size.cols

    @property
    def rows(self) -> int:
        """Rows."""
        return self._size.rows

    # --- lifetimes

    def renew(self, principal: Principal) -> None:
        """The owner has shown a fresher credential."""
        if self._state is State.live:
            self.principal = msgspec.structs.replace(principal, links=self.principal.links)
            self._lifetimes.renew(principal.ends)

    def _out_of_time(self, reason: ExitReason) -> None:
        if reason == "detached" and self._running.ended and not self._exit_told:
            self._tell_exit()
        else:
            self._on_end(self, reason)

    # --- output

    @property
    def connected(self) -> bool:
        """Whether a client is connected now."""
        return self._sink is not None

    @property
    def awaited(self) -> bool:
        """Whether a client is connected or may still come back."""
        return self._sink is not None or self._lifetimes.awaiting

    @property
    def kept(self) -> int:
        """Bytes of output that are kept now."""
        return len(self._backlog)

    @property
    def output_offset(self) -> int:
        """Bytes of output read since the terminal began."""
        return self._backlog.end

    def _read(self) -> None:
        budget = self._backlog.budget
        if budget == 0:
            self.pty.pause()
            if self._backlog.flow.unproven and self._sink is not None and not self._first_ack.running:
                self._first_ack.start(FIRST_ACK_S, self._trust)
            return
        data = self._running.read(min(budget, self.pty.turn_bytes))
        if data:
            self._backlog.add(data, sent=self._sink is not None)
            if self._sink is not None:
                self._sink.output(data)
        if self._running.drained:
            self.pty.pause()
            self._maybe_exit()

    def _trust(self) -> None:
        """The window is full, and not one ack has come: it may be shorter than the client's steps."""
        if self._backlog.flow.unproven and self._sink is not None:
            self._backlog.flow.trust()
            self.pty.resume()

    def _maybe_exit(self) -> None:
        """The child's end is told when all its output is on its way to somebody."""
        if self._running.over and self._sink is not None:
            self._tell_exit()

    def _tell_exit(self) -> None:
        if not self._exit_told:
            self._exit_told = True
            self._on_exit(self)

    def ack(self, offset: int) -> None:
        """Output up to ``offset`` is parsed.

        Raises:
            ValueError: The offset was never sent.
        """
        resumed = self._backlog.ack(offset)
        if resumed and not self._running.drained:
            if self._sink is not None and self._redraw.behind_stall(self._lifetimes.quiet_s):
                # The window stays as it is: what is on its way is still on its way.
                self._sink.message(ResetMessage(offset=self._backlog.end))
            self.pty.resume()
            self._read()

    def _interrupted(self) -> bool:
        if self._sink is None or not self._redraw.behind_interrupt():
            return False
        self._sink.message(ResetMessage(offset=self._backlog.end))
        return True

    # --- input

    def input(self, data: bytes, at: int | None = None) -> int:
        """Type bytes; return how many input bytes the terminal has had in all.

        Args:
            data: What to type.
            at: Offset of its first byte in all input; None = right after the last. Bytes that came
                before are not typed twice.

        Raises:
            Problem: ``read_only`` in view mode, ``input_gap`` when bytes before these are missing.
        """
        if self.mode == "view":
            raise Problem(Code.read_only)
        if at is not None:
            if at > self.input_offset:
                raise Problem(Code.input_gap, f"Input goes on at {self.input_offset}, not at {at}.")
            data = data[self.input_offset - at :]
        if not data or self._state is not State.live:
            return self.input_offset
        self.input_offset += len(data)
        self._lifetimes.typed()
        self.pty.write(data)
        self._interrupt.typed(data)
        if self.pty.queued > self._most_input:
            self._on_end(self, "overflow")
        return self.input_offset

    def resize(self, cols: int, rows: int) -> None:
        """Take the browser's size; of many in a row, the first and the last reach tmux."""
        self._size.change(cols, rows)
        self._backlog.screen = screenful(self.cols, self.rows)

    # --- connection

    def connect(self, sink: Sink, offset: int, client_id: str = "", *, asks_again: bool = False) -> None:
        """Send to a connection from an output offset on; an older connection ends as ``replaced``.

        When the terminal no longer has that offset, the client is told to reset and a fresh attach
        draws everything anew: no replay could begin in the middle of an escape sequence. So it is as well
        when what it missed has become stale. A terminal that has ended sends what is left, and says so.

        Args:
            sink: The connection.
            offset: Of the first byte that the client does not have.
            client_id: What the client calls itself, the same on all its connections; "" = nothing. One
                that another has taken over from does not come back.
            asks_again: Whether the connection is one request of many: then its next one goes on with the
                same link, and says by its offset what was parsed.
        """
        if self._clients.replaced(client_id):
            self._hello(sink, offset)
            sink.ended(exit_message("replaced"))
            return
        missed = self._backlog.since(offset)
        if self._state is State.ended:
            self._hello(sink, offset if missed else self._backlog.end, len(missed or b""))
            send_all(sink, missed or b"")
            sink.ended(self._last_words)
            return
        old, self._sink = self._sink, None
        if old is not None:
            old.ended(exit_message("replaced"))
        self._lifetimes.came()
        self._first_ack.stop()
        again = asks_again and self._clients.ask_again
        quiet_s = self._lifetimes.quiet_s
        try:
            if missed is None:
                self._redraw.now()
            elif self._backlog.comes(offset, same_link=again) and self._redraw.behind_stall(quiet_s):
                missed = None
        except OSError:
            sink.ended(exit_message("failed"))
            self._on_end(self, "failed")
            return
        if missed is None:
            offset = self._backlog.end
        same_link = self._clients.take(client_id, asks_again=asks_again and missed is not None)
        self._backlog.goes_on(offset, same_link=same_link)
        self._hello(sink, offset, len(missed or b""))
        if missed is None:
            sink.message(ResetMessage(offset=offset))
        else:
            send_all(sink, missed)
        self._sink = sink
        if not self._running.drained:
            self.pty.resume()
        self._maybe_exit()

    def _hello(self, sink: Sink, offset: int, replay: int = 0) -> None:
        sink.message(
            HelloMessage(
                id=self.id,
                mode=self.mode,
                offset=offset,
                input_offset=self.input_offset,
                window=self._backlog.flow.most,
                replay=replay,
                cols=self.cols,
                rows=self.rows,
            )
        )

    def has(self, offset: int) -> bool:
        """Whether output can go on there; where it cannot, connecting starts a child."""
        return self._state is State.ended or self._backlog.since(offset) is not None

    def disconnect(self, sink: Sink) -> None:
        """A connection has gone; the terminal waits ``resume`` for the client to come back."""
        if self._sink is sink:
            self._sink = None
            self._first_ack.stop()
            if self._state is State.live:
                self._lifetimes.left()

    # --- end

    def restart(self) -> None:
        """Draw everything anew on a fresh child, in place of one that was lost.

        Raises:
            OSError: No child could be started; the old one's end stands.
        """
        if self._state is State.ended:
            return
        self._running.replace(self.cols, self.rows)
        self._exit_told = False
        self._backlog.clear()
        self._backlog.flow.begin(self._backlog.end)
        if self._sink is not None:
            self._sink.message(ResetMessage(offset=self._backlog.end))
        elif not self._lifetimes.awaiting:
            self._lifetimes.left()

    def notice(self, level: Literal["info", "warning", "error"], code: str, message: str) -> None:
        """Say something to the connection, if there is one."""
        if self._sink is not None:
            self._sink.message(NoticeMessage(level=level, code=code, message=message))

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self._state is State.ended

    def forget(self) -> None:
        """Drop the output that is kept: whoever comes for it may not have it any more."""
        self._backlog.clear()

    def end(self, message: ExitMessage) -> bool:
        """Tell the connection and stop; return False when it has ended before."""
        if self._state is State.ended:
            return False
        self._state, self._last_words = State.ended, message
        if message.reason != "exited":
            self._backlog.clear()  # nobody waits for the rest, or nobody may have it any more
        self._lifetimes.stop()
        self._size.stop()
        self._running.stop()
        self._first_ack.stop()
        self._interrupt.stop()
        sink, self._sink = self._sink, None
        if sink is not None:
            sink.ended(message)
        return True
