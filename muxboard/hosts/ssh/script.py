"""Commands as text for ``sh -s``, and what it printed, purely.

The text goes in by standard input, so the login shell, whichever it is, never sees it. Random marks
frame each command's output: what the host prints of its own accord cannot be taken for it.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from muxboard.hosts.way import COMMAND_NOT_FOUND, Completed, Missing

if TYPE_CHECKING:
    from collections.abc import Sequence

SHELL = "exec sh -s"
# Messages in English, letters as they are. ``t`` ends on the host, where it can, what runs too long.
OPENING = b"""unset LC_ALL LANGUAGE; LC_MESSAGES=C; export LC_MESSAGES; cd /
t() { shift; "$@"; }; command -v timeout >/dev/null 2>&1 && t() { timeout "$@"; }
"""
LAST_BYTES = 200
TIMED_OUT = 124  # timeout's exit status
EXIT_CHARS = 4  # three digits and a dot


def script(commands: Sequence[Sequence[str]], mark: str, timeout_s: float) -> bytes:
    """Return the text that runs commands one after the other.

    Args:
        commands: Each an argv.
        mark: Random hex, fresh for this script.
        timeout_s: How long each may take, in seconds.
    """
    # What succeeds has nothing to say on standard error that anybody reads: a packet less to take in.
    lines = []
    for argv in commands:
        run = " ".join(shlex.quote(word) for word in argv)
        lines.append(
            f"printf %s {mark}b; t {max(1, round(timeout_s))} {run} </dev/null; "
            f"r=$?; printf %s {mark}e$r.; [ $r = 0 ] || printf %s {mark}e. >&2\n"
        )
    return "".join(lines).encode()


class _Stream:
    """One of the two outputs: what stood between each command's marks. A host knows the marks and may print
    more ends than there are commands; those are not looked at."""

    def __init__(self, mark: str, commands: int) -> None:
        self._commands = commands
        self._rest = bytearray()
        self._begin, self._end = f"{mark}b".encode(), f"{mark}e".encode()
        self._seen = 0
        self.ended: list[tuple[int, bytes]] = []

    def rest(self, limit: int) -> bytes:
        return bytes(self._rest[-limit:])

    @property
    def begun(self) -> bool:
        return bool(self.ended) or self._begin in self._rest

    def feed(self, data: bytes) -> None:
        rest, end = self._rest, self._end
        rest += data
        # A mark may come in pieces.
        while len(self.ended) < self._commands:
            at = rest.find(end, max(0, self._seen - len(end) - EXIT_CHARS))
            if at < 0:
                break
            stop = rest.find(b".", at)
            if stop < 0:
                break
            begin = rest.rfind(self._begin, 0, at)
            digits = bytes(rest[at + len(end) : stop])
            code = int(digits) if digits.isdigit() and len(digits) < EXIT_CHARS else 0
            self.ended.append((code, bytes(rest[begin + len(self._begin) : at] if begin >= 0 else rest[:at])))
            del rest[: stop + 1]
            self._seen = 0
        self._seen = len(rest)


class Reader:
    """Takes in what a script prints.

    Args:
        commands: As given to ``script``.
        mark: The same.
    """

    def __init__(self, commands: Sequence[Sequence[str]], mark: str) -> None:
        self._commands = commands
        self._out, self._err = _Stream(mark, len(commands)), _Stream(mark, len(commands))
        self.size = 0

    def feed(self, out: bytes, err: bytes) -> bool:
        """Take in output of either stream; return whether all commands have ended."""
        self.size += len(out) + len(err)
        self._out.feed(out)
        self._err.feed(err)
        return self.ended == len(self._commands)

    @property
    def begun(self) -> bool:
        """Whether the shell has come so far as to run the first command."""
        return self._out.begun

    @property
    def last_words(self) -> bytes:
        """The end of what no command has printed, or not yet."""
        return self._err.rest(LAST_BYTES) + self._out.rest(LAST_BYTES)

    @property
    def ended(self) -> int:
        """How many commands have ended, with all that they said."""
        failed = [index for index, (code, _) in enumerate(self._out.ended) if code]
        told = len(self._err.ended)
        return len(self._out.ended) if told >= len(failed) else failed[told]

    def results(self) -> list[Completed | Exception]:
        """Return how each command ended; ``TimeoutError`` where it has not."""
        errors = iter(self._err.ended)
        found = []
        for argv, (code, out) in zip(self._commands, self._out.ended[: self.ended], strict=False):
            _, err = next(errors, (0, b"")) if code else (0, b"")
            found.append(_result(argv, code, out, err))
        return found + [TimeoutError()] * (len(self._commands) - len(found))


def _result(argv: Sequence[str], code: int, out: bytes, err: bytes) -> Completed | Exception:
    if code == COMMAND_NOT_FOUND and argv[0].encode() in err:
        return Missing(argv[0])
    if code == TIMED_OUT and not err:
        return TimeoutError()
    return Completed(code, out, err)
