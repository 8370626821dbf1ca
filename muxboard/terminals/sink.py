"""Where a terminal's output goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from muxboard.terminals.pty import FRAME_BYTES

if TYPE_CHECKING:
    from muxboard.terminals.messages import ExitMessage, ServerMessage


class Sink(Protocol):
    """A connection that a terminal sends to. None of these wait or raise."""

    def output(self, data: bytes) -> None:
        """Send the next bytes of output."""

    def message(self, message: ServerMessage) -> None:
        """Send a control message."""

    def ended(self, message: ExitMessage) -> None:
        """Send the last message and close."""


def send_all(sink: Sink, data: bytes) -> None:
    """Send output in frames of the usual size."""
    for begin in range(0, len(data), FRAME_BYTES):
        sink.output(data[begin : begin + FRAME_BYTES])
