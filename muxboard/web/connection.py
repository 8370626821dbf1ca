"""What the connections of terminals have in common, whatever carries them."""

from __future__ import annotations

import asyncio
import re
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

from msgspec.structs import replace
from tornado.ioloop import IOLoop

from muxboard.problems import Code, Problem, invalid
from muxboard.registry.registry import Full
from muxboard.terminals.flow import MOST_BYTES
from muxboard.terminals.messages import exit_message
from muxboard.web.handler import PING_INTERVAL_S, PING_TIMEOUT_S, Guard, Handler, byte_count, now

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tornado.iostream import IOStream

    from muxboard.access.principal import Principal
    from muxboard.terminals.messages import ExitMessage, ExitReason, ServerMessage
    from muxboard.terminals.terminal import Terminal

CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
# A client may have a window's worth unread. One that acks what it never read would be sent ever more: it is
# dropped here. Frames of one byte each have a head as well, so it is more than the window.
HELD_BYTES = 4 * MOST_BYTES
ANSWERS = 64  # beside one for each terminal: those that a network has lost, or another has replaced
SILENT_S = PING_INTERVAL_S + PING_TIMEOUT_S  # a peer that takes nothing for so long is gone, on any transport


def drop_when_silent(stream: IOStream, seconds: float = SILENT_S) -> None:
    """Let the kernel end a connection whose peer has not confirmed for so long what was sent to it.

    Half-open connections, and readers that have stopped, would hold a terminal for a quarter of an hour. It
    takes something sent: a keepalive will do.
    """
    if stream.closed():
        return
    connection = stream.socket
    if connection.family in {socket.AF_INET, socket.AF_INET6}:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))


class Connection(Guard):
    """Sends one terminal's output to one client, until the terminal, the client or the login ends.

    Attributes:
        terminal: The terminal; None before and after.
        client_id: What the client calls itself, on all its connections; "" = nothing.
    """

    terminal: Terminal | None = None
    client_id = ""
    silent_s = SILENT_S
    _expiry: object | None = None

    @property
    def _peer(self) -> IOStream:
        return cast("IOStream", self.request.connection.stream)  # type: ignore[union-attr]

    def find(self, terminal_id: str) -> tuple[Terminal, int]:
        """Return the terminal and the offset that the client asks for.

        Raises:
            Problem: ``not_found``, ``invalid``.
        """
        attacher = self.services.attacher
        terminal = attacher.table.find(terminal_id, self.principal, ended=True)
        if terminal.ended and not attacher.may_have(self.principal, terminal):
            terminal.forget()  # why it ended is told all the same
        self.client_id = self.get_query_argument("client", "")
        if self.client_id and not CLIENT_ID.fullmatch(self.client_id):
            raise invalid("client", "must be 1 to 64 of A-Z a-z 0-9 _ -")
        offset = self.request.headers.get("Last-Event-ID") or self.get_query_argument("offset", "0")
        return terminal, byte_count("offset", offset)

    def begin(self, terminal: Terminal) -> None:
        """Take up the terminal; ``ended`` and ``end`` let go of it."""
        self.terminal = terminal
        self.services.streams.add(self)
        # Whoever opened it by a link looks at it by that link; its owner's links are nothing to it.
        via, me = terminal.principal.via, self.principal
        by_link = (me.by(each) for each in me.links if each.id == via)
        self.principal = next(by_link, replace(me, links=()))
        self._watch_expiry()

    def _watch_expiry(self) -> None:
        self._forget_expiry()
        if (ends := self.principal.ends) is not None:
            left = max(0.0, ends - now())
            self._expiry = IOLoop.current().call_later(left, self.stop, "expired")

    def _forget_expiry(self) -> None:
        if self._expiry is not None:
            IOLoop.current().remove_timeout(self._expiry)
            self._expiry = None

    def fresher(self, principal: Principal) -> None:
        """Somebody has shown a credential: go on for as long as it, where it is a fresher one."""
        if principal.fresher_than(self.principal):
            self.principal = replace(principal, links=self.principal.links)
            self._watch_expiry()

    def stop(self, reason: ExitReason = "revoked") -> None:
        """End the connection with the login that opened it; the terminal may be another login's."""
        terminal = self.terminal
        if terminal is not None:
            self.ended(exit_message(reason))
            terminal.disconnect(self)

    def output(self, data: bytes) -> None:
        """Send the next bytes of output."""
        raise NotImplementedError

    def message(self, message: ServerMessage) -> None:
        """Send a control message."""
        raise NotImplementedError

    def ended(self, message: ExitMessage) -> None:
        """Send the last message and close."""
        raise NotImplementedError

    def end(self) -> None:
        """The connection has gone. Idempotent."""
        self.services.streams.discard(self)
        self._forget_expiry()
        if self.terminal is not None:
            self.terminal.disconnect(self)
            self.terminal = None


class Answer(Connection, Handler):
    """A connection that is the answer to one request, as long as that takes."""

    _gone = False  # nobody hears it

    def initialize(self, *args: Any, **options: Any) -> None:
        super().initialize(*args, **options)
        self._wake = asyncio.Event()

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """One of a principal's answers that are under way: whoever reads none must not fill the memory.

        Raises:
            Problem: ``rate_limited``.
        """
        here, most = self.services.here, ANSWERS + self.services.caps.per_principal
        try:
            lease = await here.lease(self.request_id, {f"answers to {self.principal.key}": most})
        except Full as error:
            raise Problem(Code.rate_limited, f"You have {most} answers unread.", retry_after=10) from error
        try:
            yield
        finally:
            await here.release(lease)

    def on_connection_close(self) -> None:
        super().on_connection_close()
        self.end()
        self._gone = True
        self._wake.set()
