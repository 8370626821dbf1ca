"""A terminal by plain requests: what it has said since, what is typed, one control message."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec.structs import replace
from tornado.iostream import StreamClosedError

from muxboard.problems import Code, Problem, invalid
from muxboard.terminals.messages import (
    AckMessage,
    ExitMessage,
    HelloMessage,
    NoticeMessage,
    ResetMessage,
    decode_client_message,
)
from muxboard.web.connection import Answer, drop_when_silent
from muxboard.web.handler import Access, Handler, byte_count
from muxboard.web.views import InputTaken

if TYPE_CHECKING:
    from muxboard.terminals.messages import ServerMessage
    from muxboard.terminals.terminal import Terminal

MOST_WAIT_S = 20.0  # proxies allow 30 s for an answer
CONTROL_BYTES = 2048  # of messages in a header: nginx takes 4 KiB of all headers


class Output(Answer):
    """What a terminal has said from an offset on, as soon as there is something; 204 after ``wait`` seconds.

    Asking from an offset also says that everything before it was parsed.
    """

    access = {"GET": Access.stream}

    def initialize(self, *args: Any, **options: Any) -> None:
        super().initialize(*args, **options)
        self._begins = 0
        self._parts: list[bytes] = []
        self._said: list[ServerMessage] = []

    async def get(self, terminal_id: str) -> None:
        terminal, offset = self.find(terminal_id)
        wait = self._wait_s()
        if not terminal.has(offset):
            await self.rate()  # one that has lost its place starts a child
        async with self.place():
            if self._gone:  # while it was let in: it must not take the terminal from another
                return
            drop_when_silent(self._peer, self.silent_s)
            await self._ask(terminal, offset, wait)
            self._answer(terminal.input_offset)
            try:
                async with asyncio.timeout(self.silent_s):
                    await self.finish()
            except (StreamClosedError, TimeoutError):
                self._peer.close()

    async def _ask(self, terminal: Terminal, offset: int, wait: float) -> None:
        try:
            self.begin(terminal)
            terminal.connect(self, offset, self.client_id, asks_again=True)
            async with asyncio.timeout(wait):
                await self._wake.wait()
                await asyncio.sleep(0)  # what comes in the same turn goes along
        except TimeoutError:
            pass
        finally:
            self.end()

    def _answer(self, input_offset: int) -> None:
        self.set_header("Cache-Control", "no-store, no-transform")
        self.set_header("X-Accel-Buffering", "no")
        self.set_header("Muxboard-Offset", str(self._begins))
        self.set_header("Muxboard-Input-Offset", str(input_offset))
        if self._said:
            self.set_header("Muxboard-Control", _line(self._said))
        if self._parts or len(self._said) > 1:  # more than hello
            self.set_header("Content-Type", "application/octet-stream")
            self.write(b"".join(self._parts))
        else:
            self.set_status(204)

    def compute_etag(self) -> None:
        """None: each answer is another, and one that is "not modified" would leave out what was said."""

    def _wait_s(self) -> float:
        text = self.get_query_argument("wait", "0")
        if not (text.isascii() and text.isdigit() and len(text) <= 2):  # noqa: PLR2004
            raise invalid("wait", f"must be 0 to {MOST_WAIT_S:g} seconds")
        return min(float(text), MOST_WAIT_S)

    def output(self, data: bytes) -> None:
        self._parts.append(data)
        self.services.metrics.bytes_out.inc(len(data))
        self._wake.set()

    def message(self, message: ServerMessage) -> None:
        self._said.append(message)
        if isinstance(message, HelloMessage):
            self._begins = message.offset
            return
        if isinstance(message, ResetMessage):
            self._begins, self._parts = message.offset, []
        self._wake.set()

    def ended(self, message: ExitMessage) -> None:
        self.message(message)
        self.terminal = None


def _line(messages: list[ServerMessage]) -> str:
    """Return messages as JSON that can stand in a header: ASCII alone, long sentences are cut."""
    most = CONTROL_BYTES
    while True:
        text = msgspec.json.encode([_cut(each, most) for each in messages]).decode()
        line = "".join(c if " " <= c <= "~" else "".join(_escaped(c)) for c in text)
        if len(line) <= CONTROL_BYTES or most == 0:
            return line
        most //= 2


def _cut(message: ServerMessage, most: int) -> ServerMessage:
    if isinstance(message, ExitMessage | NoticeMessage) and len(message.message) > most:
        return replace(message, message=message.message[:most])
    return message


def _escaped(character: str) -> list[str]:
    units = character.encode("utf-16-be")
    return [f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2)]


class Input(Handler):
    """What is typed, by its offset: what came before is not typed twice, and nothing is left out."""

    access = {"POST": Access.principal}

    def post(self, terminal_id: str) -> None:
        terminal = self.services.attacher.table.find(terminal_id, self.principal)
        offset = byte_count("offset", self.get_query_argument("offset", ""))
        before = terminal.input_offset
        taken = terminal.input(self.raw(), offset)
        self.services.metrics.bytes_in.inc(taken - before)
        self.answer(InputTaken(taken))


class Control(Handler):
    """One control message: ``resize``, ``ack``."""

    access = {"POST": Access.principal}

    def post(self, terminal_id: str) -> None:
        terminal = self.services.attacher.table.find(terminal_id, self.principal)
        try:
            said = decode_client_message(self.raw())
            if isinstance(said, AckMessage):
                terminal.ack(said.offset)
            else:
                terminal.resize(said.cols, said.rows)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise Problem(Code.invalid, f"Not understood: {error}"[:200]) from error
        self.set_status(204)
