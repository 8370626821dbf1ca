"""One client for each transport of a terminal, with the same methods: what one can do, all can."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from typing import TYPE_CHECKING, Any

from tests.web.harness import DEADLINE_S, TOKEN, Answer, Socket

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.web.harness import Board

Heard = dict[str, Any] | bytes | None


async def request(
    port: int, method: str, path: str, lines: Sequence[tuple[str, str]] = (), body: bytes | None = None
) -> Answer:
    """One request on a connection of its own, read to its end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(head(port, method, path, lines, body))
        async with asyncio.timeout(30):
            status, headers = await answer_head(reader)
            size = int(headers.get("content-length", "0"))
            return Answer(status, headers, await reader.readexactly(size))
    finally:
        writer.transport.abort()


def head(
    port: int, method: str, path: str, lines: Sequence[tuple[str, str]] = (), body: bytes | None = None
) -> bytes:
    """A request as bytes."""
    said = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", *(f"{k}: {v}" for k, v in lines)]
    if body is not None:
        said.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*said, "", ""]).encode() + (body or b"")


async def answer_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    first, *rest = (await reader.readuntil(b"\r\n\r\n")).decode("latin1").split("\r\n")
    pairs = (line.partition(": ") for line in rest if line)
    return int(first.split()[1]), {name.lower(): value for name, _, value in pairs}


class Client:
    """A client of one terminal.

    Attributes:
        offset: Where the next output begins.
        output: All of it since the last reset.
        sent: Input bytes that were sent.
        status: Of the first answer.
    """

    name = ""

    def __init__(
        self, port: int, path: str, offset: int = 0, *, client_id: str = "", token: str | None = TOKEN
    ) -> None:
        self.port, self.path = port, path
        self.offset = offset
        self.client_id = client_id
        self.output = bytearray()
        self.sent = 0
        self.resets = 0
        self.greeted = False
        self.status = 0
        self.headers: dict[str, str] = {}
        self.lines = [] if token is None else [("Authorization", f"Bearer {token}")]

    # --- what each does in its own way

    async def open(self) -> Client:
        raise NotImplementedError

    async def next(self) -> Heard:
        """The next bytes or message; None after the end."""
        raise NotImplementedError

    async def type(self, data: bytes) -> None:
        """Send input, from ``sent`` on."""
        answer = await self.post(f"input?offset={self.sent}", data)
        assert answer.status == 200, answer
        self.sent = answer.json["input_offset"]

    async def say(self, **message: Any) -> None:
        answer = await self.post("control", json.dumps(message).encode())
        assert answer.status == 204, answer

    def cut(self) -> None:
        """Drop the connection without a word."""
        raise NotImplementedError

    # --- what all do

    async def post(self, what: str, data: bytes) -> Answer:
        return await request(self.port, "POST", f"{self.path}/{what}", self.lines, data)

    @property
    def query(self) -> str:
        return f"?offset={self.offset}" + (f"&client={self.client_id}" if self.client_id else "")

    def take(self, heard: Heard) -> Heard:
        if isinstance(heard, bytes):
            self.output += heard
            self.offset += len(heard)
        elif heard and heard["type"] in {"hello", "reset"}:
            self.offset = heard["offset"]
            if heard["type"] == "hello":
                self.sent = max(self.sent, heard["input_offset"])
                self.greeted = True
            else:
                self.resets += 1
                self.output.clear()
        return heard

    async def ack(self) -> None:
        """By a request: 404 when the terminal has ended meanwhile, and the stream says why."""
        answer = await self.post("control", json.dumps({"type": "ack", "offset": self.offset}).encode())
        assert answer.status in {204, 404}, answer

    async def message(self, kind: str, *, ack: bool = True) -> dict[str, Any]:
        """The next message of a kind; output on the way is acked."""
        async with asyncio.timeout(DEADLINE_S):
            while (heard := await self.next()) is not None:
                if isinstance(heard, dict) and heard["type"] == kind:
                    return heard
                if isinstance(heard, bytes) and ack:
                    await self.ack()
        raise AssertionError(f"closed before {kind}")

    async def shows(self, text: bytes) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while text not in self.output:
                heard = await self.next()
                assert heard is not None, f"closed before {text!r}"
                assert isinstance(heard, bytes) or heard["type"] != "exit", heard
                if isinstance(heard, bytes):
                    await self.ack()

    async def echoes(self) -> None:
        if not self.greeted:
            await self.message("hello")  # says where input goes on
        word = secrets.token_hex(6).encode()
        await self.type(word + b"\n")
        await self.shows(word)

    async def closes(self) -> None:
        """The server says no more."""
        async with asyncio.timeout(DEADLINE_S):
            while await self.next() is not None:
                pass


class OverSocket(Client):
    name = "websocket"
    socket: Socket

    async def open(self) -> Client:
        lines = dict(self.lines)
        self.socket = await Socket.connect(self.port, f"{self.path}/socket{self.query}", lines)
        self.status, self.headers = self.socket.status, self.socket.headers
        self.body = self.socket.body
        return self

    async def next(self) -> Heard:
        return self.take(await self.socket.next())

    async def type(self, data: bytes) -> None:
        self.socket.type(data)
        self.sent += len(data)
        await self.socket.writer.drain()

    async def say(self, **message: Any) -> None:
        self.socket.say(**message)

    async def ack(self) -> None:
        self.socket.ack()

    def cut(self) -> None:
        if hasattr(self, "socket"):
            self.socket.cut()


class OverEvents(Client):
    name = "sse"
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def open(self) -> Client:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 18)
        self.writer.write(head(self.port, "GET", f"{self.path}/stream{self.query}", self.lines))
        async with asyncio.timeout(DEADLINE_S):
            self.status, self.headers = await answer_head(self.reader)
            if self.status != 200:
                self.body = await self.reader.readexactly(int(self.headers["content-length"]))
        self.comments = 0
        self._rest = b""
        return self

    async def next(self) -> Heard:
        while True:
            event = await self._event()
            if event is None:
                return None
            fields = dict(line.split(": ", 1) for line in event.split("\n") if not line.startswith(":"))
            if "event" not in fields:
                self.comments += 1
            elif fields["event"] == "output":
                data = base64.b64decode(fields["data"], validate=True)
                assert int(fields["id"]) == self.offset + len(data)
                return self.take(data)
            else:
                assert fields["event"] == "control"
                return self.take(json.loads(fields["data"]))

    async def _event(self) -> str | None:
        while b"\n\n" not in self._rest:
            try:
                size = int(await self.reader.readuntil(b"\r\n"), 16)
                chunk = (await self.reader.readexactly(size + 2))[:-2]
            except (asyncio.IncompleteReadError, ConnectionError):
                return None
            if not chunk:
                return None
            self._rest += chunk
        event, _, self._rest = self._rest.partition(b"\n\n")
        return event.decode()

    def cut(self) -> None:
        if hasattr(self, "writer"):
            self.writer.transport.abort()


class OverRequests(Client):
    """Asks again and again, as a page does; what one answer holds is heard piece by piece."""

    name = "poll"
    wait_s = 20

    async def open(self) -> Client:
        self._heard: list[Heard] = []
        self._ended = self._greeted = False
        self._writer: asyncio.StreamWriter | None = None
        await self._ask(0)
        return self

    async def ack(self) -> None:
        """Asking on says it."""

    async def _ask(self, wait_s: int) -> None:
        reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            path = f"{self.path}/output{self.query}&wait={wait_s}"
            self._writer.write(head(self.port, "GET", path, self.lines))
            async with asyncio.timeout(30):
                self.status, self.headers = await answer_head(reader)
                self.body = await reader.readexactly(int(self.headers.get("content-length", "0")))
        finally:
            self._writer.transport.abort()
        if self.status not in {200, 204}:
            self._ended = True
            return
        said = json.loads(self.headers["muxboard-control"])
        assert said[0]["type"] == "hello"
        assert int(self.headers["muxboard-input-offset"]) >= said[0]["input_offset"]
        begins = [each["offset"] for each in said if each["type"] in {"hello", "reset"}]
        assert int(self.headers["muxboard-offset"]) == begins[-1]
        self._heard += [each for each in said if each["type"] != "hello" or not self._greeted]
        last = self._heard.pop() if said[-1]["type"] == "exit" else None
        self._heard += [self.body] if self.body else []
        self._heard += [last] if last else []
        self._greeted, self._ended = True, last is not None

    async def next(self) -> Heard:
        while not self._heard:
            if self._ended:
                return None
            await self._ask(self.wait_s)
        return self.take(self._heard.pop(0))

    def cut(self) -> None:
        if hasattr(self, "_writer"):
            self._ended = True
            self._heard.clear()
            if self._writer is not None:
                self._writer.transport.abort()


TRANSPORTS: dict[str, type[Client]] = {each.name: each for each in (OverSocket, OverEvents, OverRequests)}


def at(board: Board, kind: type[Client], terminal: str, offset: int = 0, **more: Any) -> Client:
    """A client of a board's terminal that is not open yet; it is cut in the end."""
    client = kind(board.port, f"{board.base}api/v1/terminals/{terminal}", offset, **more)
    board._sockets.append(client)  # type: ignore[arg-type]  it has what that needs
    return client


async def attached(board: Board, kind: type[Client], session: str = "one", **more: Any) -> Client:
    """A client of a new terminal of the session."""
    return await at(board, kind, await board.open(session, **more)).open()
