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
    most ``window`` bytes are sent beyond the last ack."""

    id: str
    mode: TerminalMode
    offset: int
    input_offset: int
    window: int
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


def clamp(cols: int, rows: int) -> tuple[int, int]:
    """Return a size within what a terminal may have."""
    return min(max(cols, MIN_COLS), MAX_COLS), min(max(rows, MIN_ROWS), MAX_ROWS)
