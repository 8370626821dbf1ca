"""A terminal as server-sent events: what its answer says, what keeps it alive, what a bad reader may cost."""

from __future__ import annotations

import asyncio
import base64
import socket

import pytest

from muxboard.terminals.flow import MOST_BYTES
from muxboard.web.connection import HELD_BYTES
from muxboard.web.stream import KEEPALIVE_S, TerminalStream
from tests.rig.soon import soon
from tests.web.transports import OverEvents, OverSocket, answer_head, at, attached, head

pytestmark = pytest.mark.gen_test(timeout=40)

FLOOD = "stty raw -echo; printf ready; exec yes 0123456789012345678901234567890123456789"


class Deaf(OverEvents):
    """Reads nothing after hello, and its kernel takes little."""

    async def open(self) -> Deaf:
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=4096)
        self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.writer.write(head(self.port, "GET", f"{self.path}/stream{self.query}", self.lines))
        self.status, self.headers = await answer_head(self.reader)
        self.writer.transport.pause_reading()
        return self


def held(connection: TerminalStream) -> int:
    """All that the service holds for one client."""
    peer = connection._peer
    return (
        sum(map(len, connection._parts))
        + sum(map(len, connection._waiting))
        + sum(map(len, connection._write_buffer))
        + peer._total_write_index
        - peer._total_write_done_index
    )


async def test_no_proxy_may_keep_it_change_it_or_pack_it(programs):
    client = at(programs, OverEvents, await programs.open(FLOOD))
    client.lines.append(("Accept-Encoding", "gzip, br, deflate"))
    await client.open()
    assert client.status == 200
    assert client.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert client.headers["cache-control"] == "no-store, no-transform"
    assert client.headers["x-accel-buffering"] == "no"
    assert client.headers["transfer-encoding"] == "chunked"
    assert not {"content-length", "content-encoding", "etag"} & client.headers.keys()
    await client.shows(b"0123456789")


async def test_the_last_event_id_goes_before_the_offset(programs):
    terminal = await programs.open("stty raw -echo; printf abcdefghij; exec cat")
    socket_ = await at(programs, OverSocket, terminal).open()
    while len(socket_.output) < 10:
        await socket_.next()  # nothing is acked
    socket_.cut()
    for said, query, rest in (("4", 0, b"efghij"), ("7", 2**62, b"hij"), ("10", 3, b"")):
        client = at(programs, OverEvents, terminal, query)
        client.lines.append(("Last-Event-ID", said))
        await client.open()
        assert (await client.message("hello"))["offset"] == int(said)
        while len(client.output) < len(rest):
            await client.next()  # nor is this
        assert (bytes(client.output), client.resets) == (rest, 0)
        client.cut()
        await soon(lambda: not programs.service.services.streams, "the end of the connection")


@pytest.mark.parametrize("said", ["-1", "x", "1.5", "9" * 20, "1, 2", "\u00b2", "0x10", '"1"', "1;2", "%31"])
async def test_a_last_event_id_that_is_junk_is_invalid(programs, said):
    client = at(programs, OverEvents, await programs.open(FLOOD))
    client.lines.append(("Last-Event-ID", said))
    await client.open()
    assert client.status == 400
    (live,) = programs.service.attacher.table
    assert not live.connected


async def test_silence_is_broken_by_comments(programs, monkeypatch):
    assert 15 <= KEEPALIVE_S <= 20
    monkeypatch.setattr(TerminalStream, "keepalive_s", 0.05)
    client = await attached(programs, OverEvents, "stty raw -echo; printf ready; exec cat")
    await client.shows(b"ready")
    waiting = asyncio.ensure_future(client.closes())
    await soon(lambda: client.comments >= 3, "three comments")
    assert bytes(client.output) == b"ready"
    client.cut()
    await waiting


async def test_a_peer_that_the_kernel_cannot_reach_is_given_up(programs):
    client = await attached(programs, OverEvents, FLOOD)
    await client.message("hello")
    (stream,) = programs.service.services.streams
    limit = stream._peer.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    assert limit == 40_000


async def test_a_slow_reader_costs_no_more_than_the_window(programs, monkeypatch):
    monkeypatch.setattr(TerminalStream, "silent_s", 30.0)
    client = Deaf(programs.port, f"{programs.base}api/v1/terminals/{await programs.open(FLOOD)}")
    programs._sockets.append(client)
    await client.open()
    (live,) = programs.service.attacher.table
    (stream,) = programs.service.services.streams
    stream._peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    live._trust()  # the largest window
    flow = live._backlog.flow
    await soon(lambda: flow.paused and live.output_offset > 0.8 * MOST_BYTES, "a full window")
    assert MOST_BYTES * 0.5 < held(stream) < MOST_BYTES * 1.4 + 4096
    assert live.kept <= MOST_BYTES


async def test_output_that_drips_costs_a_slow_reader_no_more(programs, monkeypatch):
    """One byte in each read: an event for each would be 45 times as much."""
    monkeypatch.setattr(TerminalStream, "silent_s", 30.0)
    client = Deaf(programs.port, f"{programs.base}api/v1/terminals/{await programs.open(FLOOD)}")
    programs._sockets.append(client)
    await client.open()
    (live,) = programs.service.attacher.table
    (stream,) = programs.service.services.streams
    stream._peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    live._trust()
    await soon(lambda: live._backlog.flow.paused and stream._peer.writing(), "a reader that reads nothing")
    before = held(stream)
    for _ in range(20_000):
        stream.output(b"x")
    await asyncio.sleep(0)
    assert 20_000 <= held(stream) - before < 30_000


async def test_a_reader_that_acks_what_it_never_read_is_dropped(programs, monkeypatch):
    monkeypatch.setattr(TerminalStream, "silent_s", 30.0)
    client = Deaf(programs.port, f"{programs.base}api/v1/terminals/{await programs.open(FLOOD)}")
    programs._sockets.append(client)
    await client.open()
    (live,) = programs.service.attacher.table
    (stream,) = programs.service.services.streams
    stream._peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    most = 0
    while live.connected:
        most = max(most, held(stream))
        assert live.output_offset < 64 << 20
        client.offset = live.output_offset  # it guesses well
        await client.ack()
    assert most <= HELD_BYTES * 1.4 + MOST_BYTES
    back = await at(programs, OverEvents, live.id, live.output_offset).open()
    await back.shows(b"0123456789")


async def test_many_streams_of_one_terminal_leave_one(programs):
    """Each takes over from the one before, whatever it is called; none is left half open."""
    tasks = len(asyncio.all_tasks())
    terminal = await programs.open("stty raw -echo; printf ready; exec cat")
    clients = [at(programs, OverEvents, terminal, client_id=f"n{n}") for n in range(200)]
    for begin in range(0, 200, 50):
        await asyncio.gather(*(client.open() for client in clients[begin : begin + 50]))
    services = programs.service.services
    await soon(lambda: len(services.streams) == 1, "one stream")
    assert {client.status for client in clients} == {200}
    (left,) = services.streams
    last = next(client for client in clients if client.client_id == left.client_id)
    await last.echoes()
    others = [client for client in clients if client is not last]
    reasons = [(await client.message("exit"))["reason"] for client in others]
    assert set(reasons) == {"replaced"}
    for client in clients:
        client.cut()
    await soon(lambda: len(asyncio.all_tasks()) <= tasks, "the end of all tasks")


async def test_streams_are_rated(boards):
    board = await boards("[limits]\nrequests = '20/minute'\n")
    terminal = await board.open()
    statuses = []
    for _ in range(25):
        client = await at(board, OverEvents, terminal).open()
        statuses.append(client.status)
        client.cut()
    assert statuses[0] == 200
    assert statuses[-1] == 429
    assert set(statuses) == {200, 429}


async def test_one_turns_output_is_one_event_and_large_ones_are_parted(programs):
    client = await attached(programs, OverEvents, "stty raw -echo; printf ready; exec cat")
    await client.shows(b"ready")
    (stream,) = programs.service.services.streams
    offset = stream._offset
    stream.output(b"a")
    stream.output(b"b" * 70_000)
    stream._pack()
    sizes = [len(base64.b64decode(event.split(b"data: ")[1])) for event in stream._waiting]
    assert sizes == [1 << 16, 70_001 - (1 << 16)]
    assert stream._offset == offset + 70_001
