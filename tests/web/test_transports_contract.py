"""The contract of a terminal's connection, over each transport."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal

import pytest

from muxboard.terminals.flow import MOST_BYTES
from tests.rig.soon import soon
from tests.web.harness import LOGIN
from tests.web.transports import TRANSPORTS, OverRequests, OverSocket, at, attached

pytestmark = pytest.mark.gen_test(timeout=40)

RAW = "stty raw -echo; printf ready; "
ALL_BYTES = bytes(range(256))


@pytest.fixture(params=TRANSPORTS)
def kind(request):
    return TRANSPORTS[request.param]


async def test_hello_comes_first_and_says_all(board, kind):
    terminal = await board.open(cols=90, rows=30)
    client = await at(board, kind, terminal).open()
    hello = await client.next()
    assert hello == {
        "type": "hello", "id": terminal, "mode": "control", "offset": 0, "input_offset": 0,
        "window": MOST_BYTES, "replay": hello["replay"], "cols": 90, "rows": 30,
    }  # fmt: skip
    await client.echoes()
    client.cut()


async def test_every_byte_goes_both_ways(programs, kind):
    client = await attached(programs, kind, RAW + "exec cat")
    await client.shows(b"ready")
    for byte in (b"\0", b"\xff\xfe"):
        await client.type(byte)
    await client.type(ALL_BYTES * 8)
    async with asyncio.timeout(10):
        while len(client.output) < 5 + 3 + 2048:
            await client.next()
            await client.ack()
    assert client.output == b"ready\0\xff\xfe" + ALL_BYTES * 8
    client.cut()


async def test_output_and_input_go_on_where_they_were(programs, kind):
    terminal = await programs.open(RAW + "exec cat")
    client = await at(programs, kind, terminal).open()
    await client.shows(b"ready")
    await client.type(b"before")
    await client.shows(b"before")
    offset = client.offset
    await client.type(b"abc")
    while len(client.output) < len(b"readybeforeabc"):
        await client.next()  # and nothing says that it was parsed
    client.cut()
    await soon(lambda: not programs.service.services.streams, "the end of the connection")
    for wanted in (offset + 1, None):
        begin = wanted or client.offset
        client = await at(programs, kind, terminal, begin).open()
        hello = await client.message("hello")
        assert hello["offset"] == begin
        await client.type(b"+")
        await client.shows(b"+")
        assert b"readybeforeabc++".startswith(b"readybeforeabc"[:begin] + client.output)
        assert client.sent == (10 if begin == offset + 1 else 11), "it goes on from what the server has"
        assert client.resets == 0
        client.cut()
        await soon(lambda: not programs.service.services.streams, "the end of the connection")


async def test_an_offset_that_is_gone_or_never_was_resets(board, kind):
    terminal = await board.open()
    client = await at(board, kind, terminal).open()
    await client.echoes()
    await client.echoes()
    for wrong in (0, client.offset + 100_000, 2**62):
        client.cut()
        client = await at(board, kind, terminal, wrong).open()
        hello, reset = await client.next(), await client.next()
        assert (hello["type"], reset["type"]) == ("hello", "reset")
        assert hello["offset"] == reset["offset"] != wrong
        await client.echoes()
    client.cut()
    await soon(lambda: len(board.tmux.clients()) == 1, "the one that is left")


async def test_a_viewer_sees_and_types_nothing(board, kind):
    worker, viewer = await attached(board, OverSocket), await attached(board, kind, mode="view")
    assert (await viewer.message("hello"))["mode"] == "view"
    if kind is OverSocket:
        await viewer.type(b"typed by a viewer\n")
    else:
        refused = await viewer.post("input?offset=0", b"typed by a viewer\n")
        assert (refused.status, refused.json["code"]) == (403, "read_only")
    await worker.type(b"typed by the worker\n")
    await viewer.shows(b"typed by the worker")
    assert "viewer" not in board.tmux.capture("one", history=True)
    worker.cut(), viewer.cut()


async def test_a_size_reaches_tmux_and_is_clamped(board, kind):
    client = await attached(board, kind)
    await client.message("hello")
    for cols, rows, shown in ((132, 43, "132x43"), (1, 1, "20x5"), (10**9, 10**9, "500x300")):
        await client.say(type="resize", cols=cols, rows=rows)
        await soon(lambda shown=shown: board.machine.sizes("one") == [shown], shown)
    client.cut()


@pytest.mark.parametrize("newer", TRANSPORTS)
async def test_the_newest_connection_wins(board, kind, newer):
    terminal = await board.open()
    older = await at(board, kind, terminal, client_id="older").open()
    await older.echoes()
    waiting = asyncio.ensure_future(older.message("exit"))
    taker = await at(board, TRANSPORTS[newer], terminal, older.offset, client_id="newer").open()
    await taker.echoes()
    assert (await waiting)["reason"] == "replaced"
    await older.closes()
    await taker.echoes()
    # And it does not take it back, as a client between two requests might.
    back = await at(board, kind, terminal, older.offset, client_id="older").open()
    assert (await back.message("exit"))["reason"] == "replaced"
    await taker.echoes()
    taker.cut()


@pytest.mark.parametrize(
    ("end", "reason"),
    [("exit", "exited"), ("api", "killed"), ("detach", "detached"), ("owner", "detached")],
)
async def test_the_reason_of_an_end_is_told_and_told_again(board, kind, end, reason):
    board.tmux.new("two", "cat")
    terminal = await board.open("two")
    client = await at(board, kind, terminal).open()
    await client.echoes()
    if end == "exit":
        await client.type(b"\x04")
    elif end == "detach":
        board.tmux("detach-client", "-s", "=two")
    elif end == "owner":
        await board.call("DELETE", f"api/v1/terminals/{terminal}")
    else:
        path = f"api/v1/hosts/local/users/{LOGIN}/sessions/two?confirm=two"
        assert (await board.call("DELETE", path)).status == 204
    told = await client.message("exit")
    assert told.keys() == {"type", "reason", "code", "message"}
    assert told["reason"] == reason
    await client.closes()
    late = await at(board, kind, terminal, client.offset).open()
    assert (await late.next())["type"] == "hello"
    assert await late.message("exit") == told
    stranger = await at(board, kind, terminal, token="person-eve").open()
    assert stranger.status == 404
    await soon(lambda: board.used == 0, "the lease's end")


async def test_the_exit_status_and_the_last_output_are_told_to_whoever_comes_late(programs, kind):
    """The answer that held them may have been lost on the way: they are kept until they are acked."""
    terminal = await programs.open(RAW + "read x; printf last; exit 3")
    client = await at(programs, kind, terminal).open()
    await client.shows(b"ready")
    offset = client.offset
    await client.type(b"\n")
    told = await client.message("exit", ack=False)
    assert (told["reason"], told["code"]) == ("exited", 3)
    late = await at(programs, kind, terminal, offset).open()
    assert (await late.message("exit"))["code"] == 3
    if kind is not OverRequests:  # who asks on has said that it was parsed
        assert late.output == b"last"


async def test_who_may_not_is_refused(board, kind):
    terminal = await board.open()
    for token, status, code in ((None, 401, "unauthenticated"), ("person-eve", 404, "not_found")):
        client = await at(board, kind, terminal, token=token).open()
        assert (client.status, json.loads(client.body)["code"]) == (status, code)
        for what in ("input?offset=0", "control"):
            refused = await client.post(what, b"{}")
            assert (refused.status, refused.json["code"]) == (status, code)
    client = at(board, kind, terminal, token=None)
    client.lines = [*(await board.login()).items()]
    client.lines = [(name, "https://evil.example" if name == "Origin" else v) for name, v in client.lines]
    await client.open()
    assert (client.status, json.loads(client.body)["code"]) == (403, "origin_refused")
    refused = await client.post("input?offset=0", b"x")
    assert (refused.status, refused.json["code"]) == (403, "origin_refused")
    (live,) = board.service.attacher.table
    assert (live.connected, live.input_offset) == (False, 0)


@pytest.mark.parametrize(
    "query", ["offset=-1", "offset=x", "offset=" + "9" * 20, "client=a%20b", "client=" + "x" * 65]
)
async def test_a_query_that_is_junk_is_invalid(board, kind, query):
    client = at(board, kind, await board.open())
    path = f"{client.path}/" + {"websocket": "socket", "sse": "stream", "poll": "output"}[kind.name]
    answer = await board.upgrade(f"{path.removeprefix(board.base)}?{query}")
    assert (answer.status, answer.code) == (400, "invalid")


async def test_a_login_that_ends_ends_the_connection(boards, kind):
    board = await boards(
        '[auth.links]\nsecret_env = "LINK_KEY"\nsession = "2s"\n', env={"LINK_KEY": "k" * 32}
    )
    wanted = {"host": "local", "user": LOGIN, "session": "one", "mode": "control"}
    made = await board.call("POST", "api/v1/links", wanted)
    opened = await board.call("POST", "api/v1/links/redeem", {"token": made.json["token"]}, token=None)
    bearer = opened.json["session_token"]
    made = await board.call("POST", "api/v1/terminals", wanted | {"cols": 80, "rows": 24}, token=bearer)
    client = await at(board, kind, made.json["id"], token=bearer).open()
    assert (await client.message("exit"))["reason"] == "expired"
    again = await at(board, kind, made.json["id"], token=bearer).open()
    assert again.status == 401


async def test_a_logout_ends_the_connection(board, kind):
    page = await board.login()
    body = {"host": "local", "user": LOGIN, "session": "one", "mode": "control", "cols": 80, "rows": 24}
    made = await board.call("POST", "api/v1/terminals", body, token=None, headers=page)
    client = at(board, kind, made.json["id"], token=None)
    client.lines = [*page.items()]
    await client.open()
    await client.echoes()
    waiting = asyncio.ensure_future(client.message("exit", ack=False))  # an ack may come too late
    assert (await board.call("POST", "api/v1/logout", token=None, headers=page)).status == 204
    assert (await waiting)["reason"] == "revoked"
    await client.closes()


async def test_draining_is_told(boards, kind):
    board = await boards()
    client = await attached(board, kind)
    await client.echoes()
    waiting = asyncio.ensure_future(client.message("exit", ack=False))  # no new connections by then
    await soon(lambda: all(each.connected for each in board.service.attacher.table), "a request under way")
    stopping = asyncio.ensure_future(board.service.stop())
    assert (await waiting)["reason"] == "draining"
    await client.closes()
    client.cut()
    async with asyncio.timeout(5):
        await stopping
    assert board.tmux.ls() == ["one"]


async def test_a_cap_counts_every_transport(boards, kind):
    board = await boards("[limits]\nattaches_per_principal = 1\n")
    client = await attached(board, kind)
    await client.echoes()
    assert (await board.ask()).code == "attach_cap"
    client.cut()


async def test_a_client_that_goes_away_frees_everything(board, kind):
    tasks = len(asyncio.all_tasks())
    terminal = await board.open()
    for _ in range(5):
        client = await at(board, kind, terminal).open()
        await client.message("hello")
        waiting = asyncio.ensure_future(client.closes())
        await soon(lambda: board.service.services.streams, "the connection")
        client.cut()
        waiting.cancel()
        await soon(lambda: not board.service.services.streams, "the end of the connection")
        (live,) = board.service.attacher.table
        assert not live.connected
        assert live.awaited  # noqa: PGH005
    await soon(lambda: len(asyncio.all_tasks()) <= tasks, "the end of its tasks")


async def test_input_that_nobody_reads_ends_its_terminal_alone(boards, kind):
    board = await boards('[limits]\noutput_queue = "512KiB"\n')
    board.tmux.new("two", "cat")
    deaf, neighbour = await attached(board, kind), await attached(board, kind, "two")
    await deaf.message("hello")
    terminal = next(t for t in board.service.attacher.table if t.id in deaf.path)
    os.kill(terminal.pty.pid, signal.SIGSTOP)
    waiting = asyncio.ensure_future(deaf.message("exit"))
    try:
        while not terminal.ended:
            await deaf.type(b"x" * 65536)
        assert (await waiting)["reason"] == "overflow"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(terminal.pty.pid, signal.SIGCONT)
    await neighbour.echoes()
    neighbour.cut()
