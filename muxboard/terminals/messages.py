"""The control messages of ``muxboard.terminal.v1``. The page's types are made from these."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

TerminalMode = Literal["control", "view"]
ExitReason = Literal[
    "exited",
    "killed",
    "detached",
    "lifetime",
    "idle",
    "expired",
    "revoked",
    "replaced",
    "draining",
    "overflow",
    "failed",
]

MIN_COLS, MAX_COLS = 20, 500
MIN_ROWS, MAX_ROWS = 5, 300


class HelloMessage(Struct, frozen=True, tag_field="type", tag="hello"):
    """Always first: output goes on at ``offset``, the server has ``input_offset`` bytes of input, and at
    most ``window`` bytes are sent beyond the last ack. The first ``replay`` bytes of output were said before
    this connection."""

    id: str
    mode: TerminalMode
    offset: int
    input_offset: int
    window: int
    replay: int
    cols: int
    rows: int


class ResetMessage(Struct, frozen=True, tag_field="type", tag="reset"):
    """The bytes asked for are gone: clear the terminal, a full redraw follows from ``offset``."""

    offset: int


class NoticeMessage(Struct, frozen=True, tag_field="type", tag="notice"):
    """Something to show."""

    level: Literal["info", "warning", "error"]
    code: str
    message: str


class ExitMessage(Struct, frozen=True, tag_field="type", tag="exit"):
    """The last message: why this connection, or the terminal, has ended. ``code`` is the exit status of
    what ran on the terminal, where it ended by itself."""

    reason: ExitReason
    code: int | None
    message: str


class AckMessage(Struct, frozen=True, tag_field="type", tag="ack"):
    """Output up to ``offset`` is parsed by the terminal in the browser."""

    offset: int


class ResizeMessage(Struct, frozen=True, tag_field="type", tag="resize"):
    """The browser's terminal has this size now; clamped to 20..500 × 5..300."""

    cols: int
    rows: int


ServerMessage = HelloMessage | ResetMessage | NoticeMessage | ExitMessage
ClientMessage = AckMessage | ResizeMessage

decode_client_message = msgspec.json.Decoder(ClientMessage).decode


_SENTENCES: dict[ExitReason, str] = {
    "exited": "The session has ended.",
    "killed": "The session was killed.",
    "detached": "This terminal was detached; the session goes on.",
    "lifetime": "This terminal has reached the longest time that one may live; the session goes on.",
    "idle": "This terminal was closed because nothing was typed for long; the session goes on.",
    "expired": "The login has expired; the session goes on.",
    "revoked": "This terminal was ended; the session goes on.",
    "replaced": "This terminal was taken over by another connection.",
    "draining": "The service is restarting; the session goes on.",
    "overflow": "More was typed than the session takes; the session goes on.",
    "failed": "The terminal failed.",
}


def exit_message(reason: ExitReason, code: int | None = None, why: str = "") -> ExitMessage:
    """Return the last message for a reason; ``code`` is the child's exit status, ``why`` says more."""
    return ExitMessage(reason=reason, code=code, message=why or _SENTENCES[reason])


def clamp(cols: int, rows: int) -> tuple[int, int]:
    """Return a size within what a terminal may have."""
    return min(max(cols, MIN_COLS), MAX_COLS), min(max(rows, MIN_ROWS), MAX_ROWS)
