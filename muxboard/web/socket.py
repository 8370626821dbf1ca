"""A terminal over a WebSocket: binary is bytes, text is one control message."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import msgspec
from tornado.iostream import StreamBufferFullError

from muxboard.problems import Code, Problem
from muxboard.terminals.messages import (
    AckMessage,
    NoticeMessage,
    decode_client_message,
)
from muxboard.web.connection import HELD_BYTES, Connection
from muxboard.web.handler import Access, SocketHandler

if TYPE_CHECKING:
    from muxboard.terminals.messages import ExitMessage, ServerMessage

SUBPROTOCOL = "muxboard.terminal.v1"
_BINARY = 0x82  # FIN and opcode 2


class TerminalSocket(Connection, SocketHandler):
    """The connection of one terminal."""

    access = {"GET": Access.stream}

    async def get(self, terminal_id: str) -> None:
        """Answer the upgrade, or refuse it with a problem."""
        self._terminal, self._offset = self.find(terminal_id)
        if self.request.headers.get("Upgrade", "").lower() != "websocket":
            raise Problem(Code.invalid, "This address speaks WebSocket.")
        await self.rate()  # one that has lost its place starts a child
        await super().get()

    def select_subprotocol(self, subprotocols: list[str]) -> str | None:
        return SUBPROTOCOL if SUBPROTOCOL in subprotocols else None

    def open(self, *_: str) -> None:
        self.set_nodelay(True)
        self.begin(self._terminal)
        self._typed = self._terminal.input_offset  # as hello says it: the client counts from there
        self._terminal.connect(self, self._offset, self.client_id)

    def on_message(self, message: str | bytes) -> None:
        terminal = self.terminal
        if terminal is None:
            return
        if isinstance(message, bytes):
            if terminal.mode == "control":
                # A request of the client's last connection may have come meanwhile, with the same bytes.
                terminal.input(message, self._typed)
                self._typed += len(message)
                self.services.metrics.bytes_in.inc(len(message))
            return
        try:
            said = decode_client_message(message)
            if isinstance(said, AckMessage):
                terminal.ack(said.offset)
            else:
                terminal.resize(said.cols, said.rows)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            self.message(NoticeMessage("error", Code.invalid.name, f"Not understood: {error}"[:200]))
            self.close(Code.invalid.close_code, Code.invalid.name)
            self.end()  # what it still sends is not typed; the client may come back with another

    def on_close(self) -> None:
        self.end()

    # --- what the terminal says

    def output(self, data: bytes) -> None:
        """Send bytes in one frame.

        Written to the stream itself: ``write_message`` makes a task for each call, which costs more than
        all else here. How much can be under way is bounded by the terminal's window.
        """
        connection = self.ws_connection
        if connection is None or connection.is_closing():
            return
        size = len(data)
        if size < 126:  # noqa: PLR2004  RFC 6455 5.2: the lengths of the length
            header = struct.pack("!BB", _BINARY, size)
        elif size < 1 << 16:
            header = struct.pack("!BBH", _BINARY, 126, size)
        else:
            header = struct.pack("!BBQ", _BINARY, 127, size)
        self._send(header + data)
        self.services.metrics.bytes_out.inc(size)

    def _send(self, frame: bytes) -> None:
        stream = self.ws_connection.stream if self.ws_connection else None
        if stream is not None and not stream.closed():
            stream.max_write_buffer_size = HELD_BYTES
            try:
                stream.write(frame)
            except StreamBufferFullError:
                stream.close()

    def message(self, message: ServerMessage) -> None:
        """Send a control message."""
        text = msgspec.json.encode(message)
        connection = self.ws_connection
        if connection is None or connection.is_closing():
            return
        size = len(text)
        header = struct.pack("!BB", 0x81, size) if size < 126 else struct.pack("!BBH", 0x81, 126, size)  # noqa: PLR2004
        self._send(header + text)

    def ended(self, message: ExitMessage) -> None:
        """Send the last message and close."""
        self.message(message)
        code = Code.draining.close_code if message.reason == "draining" else 1000
        self.terminal = None
        self.close(code, message.reason)
