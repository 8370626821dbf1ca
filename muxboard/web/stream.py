"""A terminal over server-sent events: what the socket says, for networks that eat sockets."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import msgspec
from tornado.iostream import StreamClosedError

from muxboard.terminals.messages import HelloMessage, ResetMessage
from muxboard.terminals.pty import FRAME_BYTES
from muxboard.web.connection import HELD_BYTES, Answer, drop_when_silent
from muxboard.web.handler import Access

if TYPE_CHECKING:
    from muxboard.terminals.messages import ExitMessage, ServerMessage

KEEPALIVE_S = 15.0


class TerminalStream(Answer):
    """``event: output`` with the offset after its bytes as id and the bytes as base64; ``event: control``."""

    access = {"GET": Access.stream}
    keepalive_s = KEEPALIVE_S
    _offset = 0
    _over = False  # nothing more is to be said

    def initialize(self, *args: Any, **options: Any) -> None:
        super().initialize(*args, **options)
        self._waiting: list[bytes] = []  # events
        self._parts: list[bytes] = []  # output after them: what one turn of the loop brings is one event
        self._held = 0  # bytes of output that the kernel has not taken

    async def get(self, terminal_id: str) -> None:
        terminal, offset = self.find(terminal_id)
        await self.rate()  # one that has lost its place starts a child
        self.set_header("Content-Type", "text/event-stream; charset=utf-8")
        self.set_header("Cache-Control", "no-store, no-transform")
        self.set_header("X-Accel-Buffering", "no")
        async with self.place():
            if self._gone:  # while it was let in: it must not take the terminal from another
                return
            drop_when_silent(self._peer, self.silent_s)
            try:
                self.begin(terminal)
                terminal.connect(self, offset, self.client_id)
                await self._serve()
            except StreamClosedError:
                pass
            except TimeoutError:
                self._peer.close()
            finally:
                self.end()

    async def _serve(self) -> None:
        """Send what there is to send. Raises ``TimeoutError`` when nobody takes it."""
        while not self._gone:
            try:
                async with asyncio.timeout(self.keepalive_s):
                    await self._wake.wait()
            except TimeoutError:
                self._waiting.append(b": keepalive\n\n")
            self._wake.clear()
            self._pack()
            said, self._waiting = b"".join(self._waiting), []
            held, over = self._held, self._over
            self.write(said)
            async with asyncio.timeout(self.silent_s):
                await self.flush()
            self._held -= held
            if over:
                return

    def output(self, data: bytes) -> None:
        self._parts.append(data)
        self._held += len(data)
        self.services.metrics.bytes_out.inc(len(data))
        self._wake.set()
        if self._held > HELD_BYTES:
            self._peer.close()

    def _pack(self) -> None:
        """Make events of the output."""
        data = b"".join(self._parts)
        self._parts.clear()
        for begin in range(0, len(data), FRAME_BYTES):
            part = data[begin : begin + FRAME_BYTES]
            self._offset += len(part)
            self._waiting.append(b"event: output\nid: %d\ndata: %b\n\n" % (self._offset, b64encode(part)))

    def message(self, message: ServerMessage) -> None:
        self._pack()
        if isinstance(message, HelloMessage | ResetMessage):
            self._offset = message.offset
        self._waiting.append(b"event: control\ndata: %b\n\n" % msgspec.json.encode(message))
        self._wake.set()

    def ended(self, message: ExitMessage) -> None:
        self.message(message)
        self.terminal = None
        self._over = True
