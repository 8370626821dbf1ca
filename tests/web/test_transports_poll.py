"""A terminal by plain requests: what an answer holds, and clients that ask badly."""

from __future__ import annotations

import asyncio
import json

import pytest

from muxboard.web.poll import CONTROL_BYTES, MOST_WAIT_S
from tests.rig.soon import soon
from tests.web.transports import OverRequests, answer_head, at, head, request

pytestmark = pytest.mark.gen_test(timeout=40)

CAT = "stty raw -echo; printf ready; exec cat"


def output(board, terminal: str, query: str) -> str:
    return f"{board.base}api/v1/terminals/{terminal}/output?{query}"


async def ask(board, terminal: str, query: str, method: str = "GET", **lines: str):
    client = at(board, OverRequests, terminal)
    more = [(name.replace("_", "-"), value) for name, value in lines.items()]
    return await request(board.port, method, output(board, terminal, query), [*client.lines, *more])


async def test_an_answer_says_where_it_begins_and_is_not_kept(programs):
    terminal = await programs.open(CAT)
    first = await ask(programs, terminal, "offset=0&wait=20", Accept_Encoding="gzip")
    assert (first.status, first.body) == (200, b"ready")
    assert first.headers["content-type"] == "application/octet-stream"
    assert first.headers["content-length"] == "5"
    assert first.headers["cache-control"] == "no-store, no-transform"
    assert first.headers["x-accel-buffering"] == "no"
    assert first.headers["x-content-type-options"] == "nosniff"
    assert not {"content-encoding", "etag"} & first.headers.keys()
    assert (first.headers["muxboard-offset"], first.headers["muxboard-input-offset"]) == ("0", "0")
    again = await ask(programs, terminal, "offset=2&wait=20", If_None_Match="*")
    assert (again.status, again.body, again.headers["muxboard-offset"]) == (200, b"ady", "2")


async def test_nothing_to_say_is_204_when_the_wait_is_over(programs):
    terminal = await programs.open(CAT)
    assert (await ask(programs, terminal, "offset=0&wait=20")).status == 200
    loop = asyncio.get_running_loop()
    for wait in (0, 1):
        began = loop.time()
        answer = await ask(programs, terminal, f"offset=5&wait={wait}")
        assert loop.time() - began >= wait - 0.05
        assert (answer.status, answer.body, answer.headers["muxboard-offset"]) == (204, b"", "5")
        (hello,) = json.loads(answer.headers["muxboard-control"])
        assert hello["type"] == "hello"
    assert MOST_WAIT_S <= 20


@pytest.mark.parametrize("wait", ["-1", "x", "1.5", "100", "%D9%A3", "1e1", "inf", "nan", "0x1"])
async def test_a_wait_that_is_no_count_of_seconds_is_invalid(programs, wait):
    terminal = await programs.open(CAT)
    answer = await ask(programs, terminal, f"offset=0&wait={wait}")
    assert (answer.status, answer.json["code"]) == (400, "invalid")
    (live,) = programs.service.attacher.table
    assert live.awaited and not live.connected  # noqa: PT018


@pytest.mark.parametrize("what", ["output?offset=0&wait=20", "stream?offset=0", "socket", "input", "control"])
async def test_other_methods_are_refused_at_once_and_take_nothing_over(programs, what):
    terminal = await programs.open(CAT)
    client = await at(programs, OverRequests, terminal).open()
    await client.shows(b"ready")
    waiting = asyncio.ensure_future(client.shows(b"!"))
    (live,) = programs.service.attacher.table
    await soon(lambda: live.connected, "a request under way")
    for method in ("HEAD", "PUT", "DELETE", "PATCH"):
        reader, writer = await asyncio.open_connection("127.0.0.1", programs.port)
        lines = [*client.lines, ("Connection", "close")]
        writer.write(
            head(programs.port, method, f"{client.path}/{what}", lines, b"" if method != "HEAD" else None)
        )
        status, _ = await answer_head(reader)
        assert status == 405
        writer.transport.abort()
    await client.type(b"!")
    await waiting


async def test_one_that_goes_away_at_any_moment_leaves_nothing(programs):
    """Cut after any number of turns of the loop: nothing is left of it."""
    terminal = await programs.open(CAT)
    tasks = len(asyncio.all_tasks())
    services = programs.service.services
    for turns in range(30):
        _, writer = await asyncio.open_connection("127.0.0.1", programs.port)
        lines = at(programs, OverRequests, terminal).lines
        # A lost place, so that it has to be let in.
        writer.write(head(programs.port, "GET", output(programs, terminal, f"offset={10**9}&wait=20"), lines))
        for _ in range(turns % 10):
            await asyncio.sleep(0)
        writer.transport.abort()
    await soon(lambda: not services.streams, "the end of all that asked")
    await soon(lambda: len(asyncio.all_tasks()) <= tasks, "the end of their tasks")
    client = await at(programs, OverRequests, terminal).open()
    await client.echoes()
    (live,) = programs.service.attacher.table
    assert live.id == terminal


@pytest.mark.parametrize("names", [("me", "me"), ("", ""), ("one", "two")])
async def test_of_two_that_ask_at_once_the_later_goes_on(programs, names):
    terminal = await programs.open(CAT)
    assert (await ask(programs, terminal, "offset=0&wait=20")).status == 200
    streams = programs.service.services.streams
    queries = ["offset=5&wait=20" + (f"&client={name}" if name else "") for name in names]
    asked = [asyncio.ensure_future(ask(programs, terminal, queries[0]))]
    await soon(lambda: streams, "the first")
    first = next(iter(streams))
    asked.append(asyncio.ensure_future(ask(programs, terminal, queries[1])))
    await soon(lambda: first not in streams, "the end of the first")
    told = json.loads((await asked[0]).headers["muxboard-control"])
    assert [each["type"] for each in told] == ["hello", "exit"]
    assert told[-1]["reason"] == "replaced"
    client = at(programs, OverRequests, terminal)
    assert (await client.post("input?offset=0", b"!")).status == 200
    assert (await asked[1]).body == b"!"


async def test_two_tabs_do_not_take_turns(programs):
    """Each asks again as soon as it was answered: who came last goes on, the other is told each time."""
    terminal = await programs.open(CAT)
    client = await at(programs, OverRequests, terminal, client_id="first").open()
    await client.shows(b"ready")
    query = "offset=5&wait=20&client="
    second = asyncio.ensure_future(ask(programs, terminal, query + "second"))
    streams = programs.service.services.streams
    await soon(lambda: [s.client_id for s in streams] == ["second"], "the second")
    for _ in range(20):
        told = await ask(programs, terminal, query + "first")
        assert json.loads(told.headers["muxboard-control"])[-1]["reason"] == "replaced"
        assert (told.body, second.done()) == (b"", False)
    await client.post("input?offset=0", b"!")
    assert (await second).body == b"!"


NASTY = [
    "a\r\nSet-Cookie: x=1",
    "\u2028\u0085\x00\x7f",
    "\U0001f4a5" * 5000,
    "\u00e9\r\n\r\n<script>",
    "\ud83d",
    '"],[{',
    "\x1b[31m",
]


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
async def test_no_message_can_leave_its_header(programs, text):
    terminal = await programs.open(CAT)
    assert (await ask(programs, terminal, "offset=0&wait=20")).status == 200
    (live,) = programs.service.attacher.table
    waiting = asyncio.ensure_future(ask(programs, terminal, "offset=5&wait=20"))
    await soon(lambda: live.connected, "a request under way")
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    live.notice("warning", "host_lost", text)
    programs.service.attacher.end(live, "failed", text)
    answer = await waiting
    line = answer.headers["muxboard-control"]
    assert line.isascii()
    assert line.isprintable()
    assert len(line) <= CONTROL_BYTES
    told = json.loads(line)
    assert [each["type"] for each in told] == ["hello", "notice", "exit"]
    for each in told[1:]:
        assert text.startswith(each["message"])
        assert each["message"] == text or len(text) > 100
    assert "set-cookie" not in answer.headers


async def test_one_that_vanishes_is_noticed_when_its_wait_is_over(programs):
    """Half-open: nothing says that nobody hears it. The answer goes nowhere, and the output is kept."""
    from tests.faults.link import BadLink

    terminal = await programs.open(CAT)
    async with BadLink(programs.port) as link:
        client = OverRequests(link.port, f"{programs.base}api/v1/terminals/{terminal}", client_id="me")
        client.wait_s = 1
        programs._sockets.append(client)
        await client.open()
        await client.shows(b"ready")
        waiting = asyncio.ensure_future(client.next())
        (live,) = programs.service.attacher.table
        await soon(lambda: live.connected, "a request under way")
        link.stops = link.swallows = True
        await soon(lambda: not live.connected, "the end of the request")
        assert live.awaited  # noqa: PGH005
        late = at(programs, OverRequests, terminal, client.offset, client_id="me")
        assert (await late.post("input?offset=0", b"lost?")).status == 200
        await late.open()
        await late.shows(b"lost?")
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
