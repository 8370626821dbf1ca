"""The service log: plain lines on a terminal, JSON lines anywhere else."""

from __future__ import annotations

import contextvars
import logging
import os
import sys
import time

import msgspec

request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="")


class JsonLines(logging.Formatter):
    """One JSON object a line; control characters come out escaped."""

    def format(self, record: logging.LogRecord) -> str:
        if record.name == "muxboard.audit" and record.levelno == logging.INFO:
            return record.getMessage()  # it is a JSON line already
        line: dict[str, object] = {
            "ts": round(record.created, 3),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request := request_id.get():
            line["request_id"] = request
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


class Plain(logging.Formatter):
    """For people: time, level, text; control characters are escaped."""

    def format(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        clean = "".join(c if c.isprintable() or c == "\n" else f"\\x{ord(c):02x}" for c in text)
        at = time.strftime("%H:%M:%S", time.localtime(record.created))
        return f"{at} {record.levelname.lower():7} {record.name.removeprefix('muxboard.')}: {clean}"


class JournalLines(JsonLines):
    """The same behind each line's priority, which systemd's journal takes off: ``journalctl -p warning``."""

    def format(self, record: logging.LogRecord) -> str:
        return f"<{priority(record.levelno)}>{super().format(record)}"


def priority(level: int) -> int:
    """Return syslog's number for a level of ours."""
    return next((number for least, number in _PRIORITIES if level >= least), 7)


_PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))


def journal() -> bool:
    """Whether standard error is systemd's journal."""
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def configure(level: str) -> None:
    """Send every record to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Plain() if sys.stderr.isatty() else JournalLines() if journal() else JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level if level in logging.getLevelNamesMapping() else logging.INFO)
    logging.getLogger("muxboard.audit").setLevel(logging.INFO)  # no level of the log silences the audit
    logging.getLogger("tornado.access").setLevel(logging.WARNING)  # we write our own lines
    logging.getLogger("asyncio").setLevel(logging.WARNING)
