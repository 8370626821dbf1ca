"""Attacks by streams and requests: what they hold, what they leave behind, whom they lock out."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
import tracemalloc

import pytest
from msgspec.structs import replace

from muxboard.access.principal import Link, Opened
from muxboard.config.schema import Grant
from muxboard.terminals.backlog import Backlog
from muxboard.terminals.flow import MOST_BYTES
from muxboard.web.connection import ANSWERS
from muxboard.web.poll import Output
from tests.rig.soon import soon
from tests.web.harness import LOGIN
from tests.web.transports import TRANSPORTS, OverEvents, OverRequests, OverSocket, at, head

pytestmark = pytest.mark.gen_test(timeout=40)

RAW = "stty raw -echo; printf ready; "
FLOOD = RAW + "exec yes 0123456789012345678901234567890123456789"
LINKS = '[auth.links]\nsecret_env = "LINK_KEY"\n'


@pytest.mark.parametrize("kind", TRANSPORTS.values(), ids=TRANSPORTS)
async def test_last_words_are_not_for_those_who_may_no_longer_hear_them(programs, kind):
    """What a terminal said last is kept for a minute, and a grant may be taken back meanwhile."""
    terminal = await programs.open(RAW + "read x; printf last; exit 3")
    client = await at(programs, OverSocket, terminal).open()
    await client.shows(b"ready")
    offset = client.offset
    await client.type(b"\n")
    assert (await client.message("exit", ack=False))["reason"] == "exited"
    programs.service.services.grants.replace([Grant(role="viewer", principals=["operator"])])
    programs.service.attacher.recheck()
    late = await at(programs, kind, terminal, offset).open()
    assert (await late.message("exit"))["reason"] == "exited"
    assert late.output == b""


def test_output_in_crumbs_costs_no_record_of_each():
    """A record takes a hundred times as much as its byte, and each request joins them anew."""
    backlog = Backlog(MOST_BYTES)
    backlog.flow.trust()
    tracemalloc.start()
    try:
        for each in range(MOST_BYTES // 2):
            backlog.add(each.to_bytes(3)[1:], sent=True)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(backlog) == MOST_BYTES
    assert backlog.since(0) == b"".join(each.to_bytes(3)[1:] for each in range(MOST_BYTES // 2))
    assert held < 2 * MOST_BYTES


async def test_answers_that_nobody_reads_are_given_up(programs, monkeypatch):
    monkeypatch.setattr(Output, "silent_s", 1.0)
    terminal = await programs.open(FLOOD)
    feeder = await at(programs, OverSocket, terminal).open()
    await feeder.message("hello")
    (live,) = programs.service.attacher.table
    await soon(lambda: live.kept > MOST_BYTES // 2, "much to say")
    feeder.cut()
    (server,) = programs.service._servers
    await soon(lambda: len(server._connections) <= 1, "the feeder's end")
    before = set(server._connections)
    deaf = socket.socket()
    deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    deaf.setblocking(False)
    with deaf:
        await asyncio.get_running_loop().sock_connect(deaf, ("127.0.0.1", programs.port))
        path = f"{feeder.path}/output?offset=0&wait=0"
        await asyncio.get_running_loop().sock_sendall(deaf, head(programs.port, "GET", path, feeder.lines))
        await soon(lambda: set(server._connections) - before, "the connection")
        (mine,) = set(server._connections) - before
        mine.stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        await soon(mine.stream.writing, "an answer that nobody reads")
        await soon(mine.stream.closed, "the end of its connection", seconds=15)


@pytest.mark.parametrize(("kind", "what"), [(OverRequests, "output"), (OverEvents, "stream")])
async def test_nobody_has_many_answers_unread(programs, kind, what):
    """Each holds a window: asking is not rated, and whoever is replaced need not read that."""
    terminal = await programs.open(FLOOD)
    (live,) = programs.service.attacher.table
    live._backlog.flow.trust()
    live.pty.resume()
    await soon(lambda: live.kept > MOST_BYTES // 2, "much to say")
    (server,) = programs.service._servers
    for listening in server._sockets.values():  # whoever is accepted has the same
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    asking = at(programs, kind, terminal)
    most = ANSWERS + programs.service.services.caps.per_principal
    with contextlib.ExitStack() as deaf:
        for _ in range(most):
            peer = deaf.enter_context(socket.socket())
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            peer.connect(("127.0.0.1", programs.port))
            peer.sendall(head(programs.port, "GET", f"{asking.path}/{what}?offset=0", asking.lines))
        await soon(
            lambda: sum(each.stream.writing() for each in server._connections) == most, "unread answers"
        )
        await asking.open()
        assert asking.status == 429
        other = await at(programs, kind, terminal, token="person-eve").open()
        assert other.status == 404  # nobody else is kept waiting
        asking.cut()
        other.cut()
    await soon(lambda: not server._connections, "the end of all")
    await asking.open()
    assert asking.status == 200


async def test_every_answer_that_nobody_reads_is_given_up(board):
    """Anybody may ask for the page, again and again, and read none of it."""
    with socket.create_connection(("127.0.0.1", board.port)):
        (server,) = board.service._servers
        await soon(lambda: server._connections, "the connection")
        for connection in server._connections:
            peer = connection.stream.socket
            assert peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 40_000


async def test_a_connection_does_not_end_with_a_link_that_came_later(board):
    """The same browser has opened a link meanwhile; then its proxy shows a fresher login."""
    client = await at(board, OverEvents, await board.open()).open()
    await client.message("hello")
    (stream,) = board.service.services.streams
    opened = Opened("a link", Link("local", LOGIN, "one", "view"), time.time() + 0.2)
    stream.fresher(replace(stream.principal, groups=("sre",), links=(opened,)))
    assert stream.principal.groups == ("sre",)
    await soon(lambda: time.time() > opened.until, "the link's end")
    await client.echoes()


async def test_pages_of_a_link_that_has_ended_lock_nobody_out(boards):
    """A dashboard may hold dozens of them, and each asks a few times: none of them guesses."""
    board = await boards(LINKS, env={"LINK_KEY": "k" * 32})
    wanted = {"host": "local", "user": LOGIN, "session": "one", "mode": "view"}
    made = await board.call("POST", "api/v1/links", wanted)
    opened = await board.call("POST", "api/v1/links/redeem", {"token": made.json["token"]}, token=None)
    bearer = opened.json["session_token"]
    assert (await board.call("POST", "api/v1/logout", token=bearer)).status == 204
    for _ in range(30):
        answer = await board.call("GET", "api/v1/events?once=1", token=bearer)
        assert (answer.status, answer.code) == (401, "unauthenticated")
    assert (await board.call("GET", "api/v1/me")).status == 200
    forged = bearer[:-4] + "0000"
    statuses = [(await board.call("GET", "api/v1/me", token=forged)).status for _ in range(30)]
    assert statuses[0] == 401
    assert statuses[-1] == 429
