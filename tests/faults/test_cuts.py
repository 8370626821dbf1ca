"""Cuts and changes of transport at any moment lose nothing and double nothing, in either direction."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import socket
import sys

import pytest

from tests.faults.link import LOST, BadLink
from tests.rig.soon import soon
from tests.terminals.desk import Programs
from tests.web.conftest import boards  # noqa: F401  the fixture
from tests.web.transports import TRANSPORTS, OverSocket

pytestmark = pytest.mark.gen_test(timeout=120)

SEED = 20260102
CUTS = 200
OUTPUT_BYTES = 50_000_000
INPUT_BYTES = 200_000
ROOM = "[limits]\nrequests = '100000/minute'\n"
# Output that is cheap to make and never the same at two places; then the hash of all that was typed.
PROGRAM = f"""import sys, os, hashlib, threading, tty
tty.setraw(0)
def out():
    left = {OUTPUT_BYTES}; n = 0
    while left:
        block = b"".join(b"%015d\\n" % i for i in range(n, n + 4096))[:left]
        n += 4096; left -= len(block)
        while block: block = block[os.write(1, block):]
writer = threading.Thread(target=out); writer.start()
left = {INPUT_BYTES}; seen = hashlib.sha256()
while left:
    data = os.read(0, min(65536, left)); seen.update(data); left -= len(data)
writer.join()
os.write(1, seen.hexdigest().encode() + b"END")
"""


@pytest.fixture
def programs(io_loop, boards):  # noqa: F811
    """A board whose sessions are shell scripts on plain PTYs."""

    def plain(service):
        service.attacher._launcher = Programs()
        service.attacher._launcher.raw = True  # what is typed before the program is up is no signal

    return io_loop.run_sync(lambda: boards(ROOM, before_start=plain))


def expected() -> bytes:
    digest, left, number = hashlib.sha256(), OUTPUT_BYTES, 0
    while left:
        block = b"".join(b"%015d\n" % i for i in range(number, number + 4096))[:left]
        number, left = number + 4096, left - len(block)
        digest.update(block)
    return digest.hexdigest().encode()


class Person:
    """Reads all, types all, and comes back by another transport whenever the link is cut.

    A connection ends where its output has come to a place, or before that, at any moment: while it is opened,
    inside of a frame, with a request under way. One in four is not cut, but left for another that takes over.
    """

    def __init__(self, board, link, terminal, typed: bytes) -> None:
        self.board, self.link, self.terminal, self.typed = board, link, terminal, typed
        self.chance = random.Random(SEED)  # noqa: S311  the same again
        # None at the very end: whoever has read all has nothing more to come back for.
        self.places = sorted(self.chance.sample(range(1, OUTPUT_BYTES * 98 // 100), CUTS))
        self.digest, self.tail = hashlib.sha256(), b""
        self.offset = self.cuts = 0
        self.used: set[str] = set()
        self.more = asyncio.Event()

    @property
    def over(self) -> bool:
        return self.tail.endswith(b"END")

    async def run(self) -> None:
        before = None
        while not self.over:
            kind = TRANSPORTS[self.chance.choice(sorted(TRANSPORTS))]
            path = f"{self.board.base}api/v1/terminals/{self.terminal}"
            client = kind(self.link.port, path, self.offset, client_id="me")
            self.used.add(kind.name)
            try:
                await self._stay(client)
            except LOST:
                pass
            finally:
                if before is not None:
                    before.cut()
                before = client
        before.cut()

    def _cut(self) -> None:
        if self.cuts < CUTS:
            self.cuts += 1
            self.link.cut(reset=self.chance.random() < 0.5)

    async def _stay(self, client) -> None:
        typing = moment = None
        if self.chance.random() < 0.4:
            moment = asyncio.get_running_loop().call_later(0.03 * self.chance.random(), self._cut)
        try:
            await client.open()
            assert client.status in {101, 200, 204}, client.status
            while not self.over and (heard := await client.next()) is not None:
                if isinstance(heard, dict):
                    assert heard["type"] == "hello", heard
                    assert heard["offset"] == self.offset, "no reset: it was never acked"
                    typing = typing or asyncio.ensure_future(self._type(client))
                    continue
                self.digest.update(heard if client.offset <= OUTPUT_BYTES else self._last(heard, client))
                self.offset = client.offset
                self.more.set()
                await client.ack()
                if self.cuts < CUTS and self.offset >= self.places[self.cuts]:
                    if self.chance.random() < 0.25:
                        self.cuts += 1
                    else:
                        self._cut()
                    return
        finally:
            if moment is not None:
                moment.cancel()
            if typing is not None:
                typing.cancel()
                with contextlib.suppress(asyncio.CancelledError, *LOST):
                    await typing

    def _last(self, heard: bytes, client) -> bytes:
        own = max(0, OUTPUT_BYTES - (client.offset - len(heard)))
        self.tail += heard[own:]
        return heard[:own]

    async def _type(self, client) -> None:
        """Type as much as there was output, so that it goes on to the end."""
        while client.sent < INPUT_BYTES:
            while client.sent < min(INPUT_BYTES, INPUT_BYTES * self.offset // OUTPUT_BYTES):
                await client.type(self.typed[client.sent : client.sent + self.chance.randrange(1, 400)])
                await asyncio.sleep(0)
            self.more.clear()
            await self.more.wait()


@pytest.mark.timeout(300)
@pytest.mark.gen_test(timeout=280)  # a quarter of a minute where nothing else runs
async def test_two_hundred_cuts_and_changes_of_transport_lose_and_double_nothing(programs, tmp_path):
    typed = random.Random(SEED).randbytes(INPUT_BYTES)  # noqa: S311
    (tmp_path / "program").write_text(PROGRAM)
    terminal = await programs.open(f"exec {sys.executable} -u {tmp_path}/program")
    async with BadLink(programs.port, SEED) as link:
        person = Person(programs, link, terminal, typed)
        await person.run()
    assert person.cuts == CUTS
    assert person.used == set(TRANSPORTS)
    assert person.digest.hexdigest().encode() == expected()
    assert person.tail == hashlib.sha256(typed).hexdigest().encode() + b"END"


@pytest.mark.parametrize("kind", TRANSPORTS.values(), ids=TRANSPORTS)
@pytest.mark.parametrize(
    "fault", [{"split": True}, {"delay_s": 0.02, "jitter_s": 0.03}, {"rate": 60_000.0}], ids=str
)
async def test_a_bad_link_changes_no_byte(programs, kind, fault):
    terminal = await programs.open("stty raw -echo; seq -w 20000 | head -c 60000; printf ready; exec cat")
    async with BadLink(programs.port) as link:
        vars(link).update(fault)
        client = await kind(link.port, f"{programs.base}api/v1/terminals/{terminal}").open()
        await client.shows(b"ready")
        await client.type(bytes(range(256)))
        await client.shows(bytes(range(256)))
        assert client.output.startswith(b"".join(b"%05d\n" % n for n in range(1, 10_001)))
        client.cut()
    await soon(lambda: not programs.service.services.streams, "the end of the connection")


async def test_a_stream_that_nobody_takes_is_let_go(programs, monkeypatch):
    """Half-open: its peer reads nothing, confirms nothing. It must not hold the terminal."""
    from muxboard.web.stream import TerminalStream

    monkeypatch.setattr(TerminalStream, "silent_s", 0.5)
    monkeypatch.setattr(TerminalStream, "keepalive_s", 0.1)
    # Not before the client has stopped reading, however busy the machine is: it could take it all.
    monkeypatch.setattr("muxboard.terminals.terminal.FIRST_ACK_S", 3600.0)
    terminal = await programs.open("exec yes 0123456789012345678901234567890123456789")
    (live,) = programs.service.attacher.table
    client = TRANSPORTS["sse"](programs.port, f"{programs.base}api/v1/terminals/{terminal}")
    programs._sockets.append(client)  # cut in the end
    await client.open()
    await client.message("hello")
    client.reader._transport.pause_reading()
    client.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    live._sink.request.connection.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    live._trust()  # more than the kernel takes
    await soon(lambda: not live.connected, "the end of the connection")
    assert live.awaited  # noqa: PGH005
    client.cut()
    back = await OverSocket(programs.port, client.path, client.offset).open()
    await back.shows(b"0123456789")
    back.cut()
