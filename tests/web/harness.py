"""A real Service on the test's own loop, over a real tmux on a private socket folder."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import pwd
import secrets
import shutil
import struct
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tornado.httpclient import AsyncHTTPClient, HTTPRequest

from muxboard import server
from muxboard.access import build
from muxboard.access.principal import Principal
from muxboard.access.token import TokenGate
from muxboard.config import load
from muxboard.server import Service
from muxboard.web.assets import Assets
from tests.rig.soon import soon
from tests.rig.tmux import Tmux

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxboard.access.gate import Asked

TOKEN = "the-token-of-these-tests"
LOGIN = pwd.getpwuid(os.geteuid()).pw_name
OTHER = "muxother"  # a second tmux user: the stub sudo gives it a socket folder of its own
DEADLINE_S = 10.0

_SUDO = """#!/bin/sh
# sudo -n -u USER -- COMMAND…
test -e {folder}/refused && {{ echo "sudo: a password is required" >&2; exit 1; }}
shift 4
TMUX_TMPDIR={folder}/other exec "$@"
"""
# Tells how often tmux was asked; a file `slow` holds the listing up while it exists.
_TMUX = """#!/bin/sh
echo "$$ $*" >> {folder}/calls
case "$*" in *list-panes*)
  while test -e {folder}/slow; do sleep 0.02; done;;
esac
exec {tmux} "$@"
"""


class Answer(NamedTuple):
    """What a call was answered."""

    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The problem's code, after checking that it is a whole problem."""
        assert self.headers["Content-Type"] == "application/problem+json", self
        problem = self.json
        assert problem["status"] == self.status
        assert problem["request_id"] == self.headers["Muxboard-Request-Id"]
        assert {"type", "title", "detail"} <= problem.keys()
        return problem["code"]


class People(TokenGate):
    """The token gate, with a bearer ``person-NAME`` for each person."""

    async def identify(self, asked: Asked) -> Principal | None:
        token = (asked.header("Authorization") or "").removeprefix("Bearer ")
        if token.startswith("person-"):
            return Principal(name=token.removeprefix("person-"), gate="token", ambient=False)
        return await super().identify(asked)


class Machine:
    """What the service finds on its machine: tmux servers on private sockets, and a sudo that is a stub.

    Attributes:
        tmux: The login user's server, where the session ``one`` runs cat.
        other: The server of a second tmux user.
        env: The environment in which the service finds both.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mbweb-", dir="/tmp"))
        for name in ("own", "other", "bin"):
            (self.folder / name).mkdir()
        self._program("sudo", _SUDO.format(folder=self.folder))
        self._program("tmux", _TMUX.format(folder=self.folder, tmux=shutil.which("tmux")))
        self.env = {
            "PATH": f"{self.folder / 'bin'}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.folder),
            "SHELL": "/bin/sh",
            "TMUX_TMPDIR": str(self.folder / "own"),
        }
        self.tmux = Tmux(self.folder / "own")
        self.other = Tmux(self.folder / "other")
        self.tmux.new("one", "cat")

    def _program(self, name: str, text: str) -> None:
        path = self.folder / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    def calls(self, word: str = "") -> int:
        """How many tmux commands with that word the service has run."""
        try:
            return sum(word in line for line in (self.folder / "calls").read_text().splitlines())
        except FileNotFoundError:
            return 0

    def sizes(self, session: str) -> list[str]:
        """The sizes of a session's clients."""
        form = "#{client_width}x#{client_height}"
        return self.tmux("list-clients", "-t", f"={session}", "-F", form, check=False).splitlines()

    def close(self) -> None:
        (self.folder / "slow").unlink(missing_ok=True)
        self.tmux.close()
        self.other.close()
        shutil.rmtree(self.folder)


class Board:
    """One Service and what a client of it needs."""

    def __init__(self, service: Service, machine: Machine) -> None:
        self.service = service
        self.machine = machine
        self.tmux = machine.tmux
        self.port = service.bind.port
        self.base = service.config.server.base_path
        self.url = f"http://127.0.0.1:{self.port}{self.base}"
        self.origin = f"http://127.0.0.1:{self.port}"
        self._client = AsyncHTTPClient(force_instance=True)
        self._sockets: list[Socket] = []

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = TOKEN,
        headers: dict[str, str] | None = None,
        timeout_s: float = DEADLINE_S,
    ) -> Answer:
        """Call a path below base_path; a body that is not bytes goes as JSON."""
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        if body is None and method in {"POST", "PATCH", "PUT"}:
            body = b""
        response = await self._client.fetch(
            HTTPRequest(
                self.url + path,
                method,
                headers=sent,
                body=body,
                allow_nonstandard_methods=True,
                follow_redirects=False,
                decompress_response=False,
                request_timeout=timeout_s,
            ),
            raise_error=False,
        )
        if response.code == 599:
            raise AssertionError(response.error)
        return Answer(response.code, response.headers, response.body)

    async def login(self) -> dict[str, str]:
        """Log in like a page; return the headers of a page of ours."""
        answer = await self.call("POST", "api/v1/login", {"token": TOKEN}, token=None)
        assert answer.status == 204
        cookie = answer.headers["Set-Cookie"].split(";")[0]
        return {"Cookie": cookie, "Origin": self.origin}

    async def open(self, session: str = "one", *, token: str = TOKEN, **more: Any) -> str:
        """Open a terminal and return its id."""
        answer = await self.ask(session, token=token, **more)
        assert answer.status == 201, answer
        return answer.json["id"]

    async def ask(self, session: str = "one", *, token: str = TOKEN, **more: Any) -> Answer:
        body = {"host": "local", "user": LOGIN, "session": session, "mode": "control", "cols": 80, "rows": 24}
        return await self.call("POST", "api/v1/terminals", body | more, token=token)

    async def socket(self, terminal: str, offset: int = 0, **headers: str) -> Socket:
        """Connect to a terminal; the upgrade must succeed."""
        socket = await self.upgrade(f"api/v1/terminals/{terminal}/socket?offset={offset}", **headers)
        assert socket.status == 101, (socket.status, socket.body)
        return socket

    async def upgrade(self, path: str, *, token: str | None = TOKEN, **headers: str) -> Socket:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        socket = await Socket.connect(self.port, self.base + path, sent)
        self._sockets.append(socket)
        return socket

    async def attached(self, session: str = "one", **more: Any) -> Socket:
        """Open a terminal and connect to it."""
        return await self.socket(await self.open(session, **more))

    @property
    def used(self) -> int:
        """How many terminals the caps count now."""
        return self.service.registry._counts["terminals"]

    async def close(self) -> None:
        for socket in self._sockets:
            socket.cut()
        self._client.close()
        await self.service.stop()


class Socket:
    """A WebSocket client that can also misbehave."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.output = b""
        self.offset = 0
        self.closed: int | None = None
        self.pongs: list[bytes] = []

    @classmethod
    async def connect(cls, port: int, path: str, headers: dict[str, str]) -> Socket:
        self = cls(*await asyncio.open_connection("127.0.0.1", port))
        lines = {
            "Host": f"127.0.0.1:{port}",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(secrets.token_bytes(16)).decode(),
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Protocol": "muxboard.terminal.v1",
            **headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self.writer.write(f"GET {path} HTTP/1.1\r\n{head}\r\n".encode())
        try:
            head = (await self.within(self.reader.readuntil(b"\r\n\r\n"))).decode("latin1")
        except BaseException:
            self.cut()
            raise
        first, *rest = head.split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in rest if line)}
        if self.status != 101:
            self.body = await self.within(self.reader.readexactly(int(self.headers["content-length"])))
            self.cut()
        return self

    @staticmethod
    async def within(wait: Any, seconds: float = DEADLINE_S) -> Any:
        async with asyncio.timeout(seconds):
            return await wait

    @property
    def code(self) -> str:
        """The code of the problem that refused the upgrade."""
        assert self.headers["content-type"] == "application/problem+json"
        return json.loads(self.body)["code"]

    # --- out

    def frame(self, opcode: int, data: bytes, *, fin: bool = True, mask: bool = True) -> None:
        size = len(data)
        key = secrets.token_bytes(4) if mask else b""
        head = struct.pack("!B", (0x80 if fin else 0) | opcode)
        bit = 0x80 if mask else 0
        if size < 126:
            head += struct.pack("!B", bit | size)
        elif size < 1 << 16:
            head += struct.pack("!BH", bit | 126, size)
        else:
            head += struct.pack("!BQ", bit | 127, size)
        if mask:
            pad = key * (size // 4 + 1)
            data = (int.from_bytes(data, "big") ^ int.from_bytes(pad[:size], "big")).to_bytes(size, "big")
        self.writer.write(head + key + data)

    def type(self, text: str | bytes) -> None:
        self.frame(2, text.encode() if isinstance(text, str) else text)

    def say(self, **message: Any) -> None:
        self.frame(1, json.dumps(message).encode())

    def ack(self) -> None:
        self.say(type="ack", offset=self.offset)

    # --- in

    async def _frame(self) -> tuple[int, bytes]:
        first, second = await self.reader.readexactly(2)
        assert not second & 0x80, "a server does not mask"
        size = second & 0x7F
        if size == 126:
            (size,) = struct.unpack("!H", await self.reader.readexactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
        return first & 0x0F, await self.reader.readexactly(size)

    async def next(self) -> dict[str, Any] | bytes | None:
        """Return the next message, bytes of output, or None when the server has closed."""
        while True:
            try:
                opcode, data = await self._frame()
            except (asyncio.IncompleteReadError, ConnectionResetError):
                self.closed = self.closed or 1006
                return None
            if opcode == 8:
                self.closed = struct.unpack("!H", data[:2])[0] if data else 1005
                return None
            if opcode == 10:
                self.pongs.append(data)
            elif opcode == 2:
                self.output += data
                self.offset += len(data)
                return data
            elif opcode == 1:
                message = json.loads(data)
                if message["type"] in {"hello", "reset"}:
                    self.offset = message["offset"]
                return message

    async def message(self, kind: str, *, ack: bool = True) -> dict[str, Any]:
        """Return the next control message of a kind, taking in output on the way."""

        async def wait() -> dict[str, Any]:
            while (said := await self.next()) is not None:
                if isinstance(said, dict) and said["type"] == kind:
                    return said
                if ack and isinstance(said, bytes):
                    self.ack()
            raise AssertionError(f"closed with {self.closed} before {kind}")

        return await self.within(wait())

    async def shows(self, text: str | bytes) -> None:
        """Take in output until it holds a text."""
        wanted = text.encode() if isinstance(text, str) else text

        async def wait() -> None:
            while wanted not in self.output:
                said = await self.next()
                assert said is not None, f"closed with {self.closed}"
                assert isinstance(said, bytes) or said["type"] != "exit", said
                self.ack()

        await self.within(wait())

    async def close_code(self) -> int:
        """Take in everything until the server closes."""

        async def wait() -> int:
            while await self.next() is not None:
                pass
            return self.closed or 0

        return await self.within(wait())

    async def echoes(self) -> None:
        """The terminal is alive: what is typed comes back."""
        word = secrets.token_hex(6)
        self.type(word + "\n")
        await self.shows(word)

    def cut(self) -> None:
        """Drop the connection without a word."""
        self.writer.transport.abort()

    def reset(self) -> None:
        """Drop the connection with an RST."""
        import socket

        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


def stand_in(folder: Path) -> Assets:
    """A page that is small and always there."""
    (folder / "assets").mkdir(parents=True, exist_ok=True)
    (folder / "index.html").write_text('<base href="__BASE__"><style nonce="__NONCE__"></style>')
    (folder / "embed.js").write_text("2;")
    (folder / "embed.js.gz").write_bytes(b"\x1f\x8bembed")
    (folder / "assets" / "main-1a2b.js").write_text("1;")
    (folder / "assets" / "main-1a2b.js.gz").write_bytes(b"\x1f\x8bgzipped")
    (folder / "assets" / "style-1.css").write_text("a{}")
    (folder / "secret.txt").write_text("not to be served")
    return Assets(folder)


class Boards:
    """Starts Services; everything that it started ends with the test."""

    def __init__(self, monkeypatch: Any) -> None:
        self._monkeypatch = monkeypatch
        self._open: list[Board] = []
        self._machines: list[Machine] = []

    def machine(self) -> Machine:
        """Make another machine, for more than one service on it or for a change before the start."""
        machine = Machine()
        self._machines.append(machine)
        return machine

    async def __call__(
        self,
        toml: str = "",
        *,
        machine: Machine | None = None,
        env: dict[str, str] | None = None,
        two_users: bool = False,
        swept: bool = True,
        before_start: Callable[[Service], None] | None = None,
    ) -> Board:
        """Start one; ``toml`` is appended to the smallest useful file."""
        machine = machine or self.machine()
        users = f'tmux_users = ["{LOGIN}", "{OTHER}"]' if two_users else ""
        text = toml
        if "[[hosts]]" not in toml:
            text += f'\n[[hosts]]\nkey = "local"\nlabel = "this machine"\nlocal = true\n{users}\n'
        if "[server]" in text:
            text = text.replace("[server]", '[server]\nbind = "127.0.0.1:0"', 1)
        else:
            text += '[server]\nbind = "127.0.0.1:0"\n'
        path = machine.folder / "muxboard.toml"
        path.write_text(text)
        environ = {**machine.env, "MUXBOARD_TOKEN": TOKEN, **(env or {})}
        self._monkeypatch.setattr(build, "TokenGate", People)
        page = stand_in(machine.folder / "page")
        self._monkeypatch.setattr(server, "Assets", lambda: page)
        service = Service(load(str(path), environ), environ)
        if before_start:
            before_start(service)
        await service.start()
        board = Board(service, machine)
        self._open.append(board)
        if swept:
            hosts = service.sweeper.hosts.values()
            await soon(lambda: all(host.report.state != "pending" for host in hosts), "the first sweep")
        return board

    async def close(self) -> None:
        for board in self._open:
            await board.close()

    def close_machines(self) -> None:
        for machine in self._machines:
            machine.close()


async def raw(port: int, data: bytes, *, wait_s: float = DEADLINE_S) -> bytes:
    """Send bytes to the service and return all that it answers until it closes or ``wait_s`` is over."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    got = b""
    try:
        writer.write(data)
        async with asyncio.timeout(wait_s):
            while chunk := await reader.read(65536):
                got += chunk
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.transport.abort()
    return got
