"""Audit: one JSON line for each thing that matters, in one write.

No line ever holds a secret or typed text. What names a line holds may come from a hostile terminal
or request, so control and bidirectional characters are escaped and long texts are cut.
"""

from __future__ import annotations

import errno
import logging
import os
import time
from typing import TYPE_CHECKING, Literal

import msgspec

from muxboard.problems import Code, Problem

if TYPE_CHECKING:
    from muxboard.config.schema import Audit as AuditConfig

log = logging.getLogger("muxboard.audit")

MAX_LINE_BYTES = 4096  # PIPE_BUF: one append of so much is not torn
MAX_TEXT_CHARS = 320

Event = Literal[
    "auth.denied",
    "session.create",
    "session.kill",
    "session.rename",
    "terminal.start",
    "terminal.end",
    "link.mint",
    "link.redeem",
    "cap.refused",
    "rate.limited",
]


class Line(msgspec.Struct, omit_defaults=True):
    """One audit line; absent fields are left out."""

    event: Event
    result: str
    ts: float | None = None
    principal: str | None = None
    gate: str | None = None
    client: str | None = None
    host: str | None = None
    user: str | None = None
    session: str | None = None
    terminal: str | None = None
    mode: str | None = None
    code: str | None = None
    bytes_in: int | None = None
    bytes_out: int | None = None
    duration_ms: int | None = None
    request_id: str | None = None


class Audit:
    """Writes lines to a file, or to the service log."""

    def __init__(self, config: AuditConfig) -> None:
        self._refuse = config.on_failure == "refuse"
        self._path = config.path
        self._fd = -1
        self.failed = False

    def open(self) -> None:
        """Open the file, anew where its name is another's now: it was rotated. Raises ``OSError``."""
        if self._fd >= 0 and self._renamed():
            self.close()
        if self._path and self._fd < 0:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            flags |= os.O_NONBLOCK  # a pipe that nobody reads would hold everything up
            self._fd = os.open(self._path, flags, 0o600)

    def _renamed(self) -> bool:
        try:
            return not os.path.samestat(os.fstat(self._fd), os.lstat(self._path))
        except FileNotFoundError:
            return True

    def close(self) -> None:
        """Close the file. Idempotent."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def write(self, line: Line) -> None:
        """Write a line.

        Raises:
            Problem: ``audit_unavailable`` where a failure must refuse what is audited.
        """
        text = encode(line)
        try:
            if self._path:
                self.open()
                self._append(text)
            else:
                log.info("%s", text.decode().rstrip("\n"))
        except OSError as error:
            self.close()
            if not self.failed:
                log.error("audit cannot be written: %s", error)  # noqa: TRY400  the reason is enough
            self.failed = True
            if self._refuse:
                raise Problem(Code.audit_unavailable) from error
        else:
            self.failed = False

    def _append(self, text: bytes) -> None:
        if os.write(self._fd, text) != len(text):
            raise OSError("the line was cut short")

    def note(self, line: Line) -> None:
        """Write a line about what has already happened, where there is nothing left to refuse."""
        try:
            self.write(line)
        except Problem:
            log.error("audit line lost: %s", encode(line).decode().rstrip("\n"))  # noqa: TRY400


def unwritable(path: str, error: OSError) -> str:
    """Say why an audit file cannot be had, and what mends it."""
    folder = os.path.dirname(os.path.abspath(path))  # noqa: PTH100, PTH120
    match error.errno:
        case errno.ENOENT | errno.ENOTDIR:
            mend = f"mkdir {folder}, for the service's user"
        case errno.ELOOP:
            mend = "it is a symbolic link: name the file itself"
        case errno.EISDIR:
            mend = "name a file in it"
        case errno.EACCES | errno.EPERM:
            mend = f"let the service's user write to it and to {folder}"
        case _:
            mend = "choose a file on a disk that can be written to"
    return f"{path} cannot be written to: {error.strerror}: {mend}"


def encode(line: Line) -> bytes:
    """Return the line's JSON with its newline, at most ``MAX_LINE_BYTES``."""
    line.ts = time.time() if line.ts is None else line.ts
    texts = {name: text for name in line.__struct_fields__ if isinstance(text := getattr(line, name), str)}
    longest = MAX_TEXT_CHARS
    while True:
        for name, text in texts.items():
            setattr(line, name, _plain(text, longest))
        encoded = msgspec.json.encode(line)
        if len(encoded) < MAX_LINE_BYTES:
            return encoded + b"\n"
        longest //= 2


def _plain(text: str, longest: int) -> str:
    shown = (
        text if text.isprintable() else "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)
    )
    return shown[:longest]
