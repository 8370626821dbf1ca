"""Peers that vanish without a word or lie about what they read, and what is written down about each."""

from __future__ import annotations

import asyncio
import json
import socket

import pytest

from muxboard.terminals.flow import MOST_BYTES
from muxboard.web.connection import HELD_BYTES
from muxboard.web.handler import PING_INTERVAL_S, PING_TIMEOUT_S
from muxboard.web.poll import Output
from muxboard.web.socket import TerminalSocket
from muxboard.web.stream import TerminalStream
from tests.faults.link import BadLink
from tests.rig.soon import soon
from tests.web.harness import LOGIN
from tests.web.transports import TRANSPORTS, OverEvents, OverRequests, OverSocket, at

pytestmark = pytest.mark.gen_test(timeout=40)

FLOOD = "stty raw -echo; printf ready; exec yes 0123456789012345678901234567890123456789"


async def test_a_socket_whose_peer_vanishes_is_dropped_after_one_ping(programs, monkeypatch):
    assert PING_INTERVAL_S + PING_TIMEOUT_S <= 45
    monkeypatch.setattr(TerminalSocket, "ping_interval", 0.3)
    monkeypatch.setattr(TerminalSocket, "ping_timeout", 0.3)
    terminal = await programs.open("stty raw -echo; printf ready; exec cat")
    (live,) = programs.service.attacher.table
    async with BadLink(programs.port) as link:
        lost = OverSocket(link.port, f"{programs.base}api/v1/terminals/{terminal}")
        programs._sockets.append(lost)
        await lost.open()
        await lost.shows(b"ready")
        link.swallows = True
        # Tornado waits 5 s more for the answer to its close.
        await soon(lambda: not live.connected, "the end of the connection", seconds=15)
        assert live.awaited  # noqa: PGH005
        back = await at(programs, OverSocket, terminal, lost.offset).open()
        await back.echoes()
        back.cut()


@pytest.mark.parametrize("kind", [OverEvents, OverRequests], ids=lambda kind: kind.name)
async def test_one_that_went_away_while_it_was_let_in_takes_nothing_over(programs, monkeypatch, kind):
    """A registry may take its time; meanwhile the client has come back by another connection."""
    let_in, asked = asyncio.Event(), asyncio.Event()

    async def rate(self) -> None:
        asked.set()
        await let_in.wait()

    handler = {OverEvents: TerminalStream, OverRequests: Output}[kind]
    terminal = await programs.open("stty raw -echo; printf ready; exec cat")
    lost = at(programs, kind, terminal, 10**9)  # a place that is not there
    with monkeypatch.context() as patch:
        patch.setattr(handler, "rate", rate)
        opening = asyncio.ensure_future(lost.open())
        await asked.wait()
        opening.cancel()
        lost.cut()
        await asyncio.gather(opening, return_exceptions=True)
        back = await at(programs, OverSocket, terminal).open()
        await back.echoes()
        let_in.set()
    await back.echoes()
    await back.echoes()
    assert len(programs.service.services.streams) == 1


async def test_a_socket_that_acks_what_it_never_read_is_dropped(programs):
    client = at(programs, OverSocket, await programs.open(FLOOD))
    await client.open()
    await client.message("hello")
    client.socket.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.socket.writer.transport.pause_reading()
    (live,) = programs.service.attacher.table
    (connection,) = programs.service.services.streams
    peer = connection.ws_connection.stream
    peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    most = 0
    while live.connected:
        most = max(most, peer._total_write_index - peer._total_write_done_index)
        assert live.output_offset < 64 << 20
        client.socket.offset = live.output_offset  # it guesses well
        client.socket.ack()
        await asyncio.sleep(0)
    assert MOST_BYTES < most <= HELD_BYTES
    back = await at(programs, OverSocket, live.id, live.output_offset).open()
    await back.shows(b"0123456789")


@pytest.mark.parametrize("kind", TRANSPORTS.values(), ids=TRANSPORTS)
async def test_a_terminals_audit_lines_are_the_same_over_each(boards, kind):
    machine = boards.machine()
    path = machine.folder / "audit.log"
    board = await boards(f'[audit]\npath = "{path}"\n', machine=machine)
    terminal = await board.open()
    client = await at(board, kind, terminal).open()
    await client.echoes()
    client.cut()
    await soon(lambda: not board.service.services.streams, "the end of the connection")
    client = await at(board, kind, terminal, client.offset).open()  # coming back is no other attach
    await client.message("hello")
    typed = client.sent
    (live,) = board.service.attacher.table
    assert (await board.call("DELETE", f"api/v1/terminals/{terminal}")).status == 204
    await soon(lambda: board.used == 0, "the lease's end")
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["event"] for line in lines] == ["terminal.start", "terminal.end"]
    for line in lines:
        assert (line["terminal"], line["session"], line["user"]) == (terminal, "one", LOGIN)
        assert (line["principal"], line["mode"], line["client"]) == ("operator", "control", "127.0.0.1")
    assert lines[1]["result"] == "detached"
    assert (lines[1]["bytes_in"], lines[1]["bytes_out"]) == (typed, live.output_offset)
    assert typed == 13
