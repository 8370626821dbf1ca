"""What is typed by requests: in order, once, and only by those who may."""

from __future__ import annotations

import asyncio
import json

import pytest

from muxboard.web.handler import BODY_BYTES
from tests.rig.soon import soon
from tests.web.harness import raw
from tests.web.transports import OverEvents, OverRequests, OverSocket, at, attached, head

pytestmark = pytest.mark.gen_test(timeout=40)

# What was typed, and nothing else, comes back.
CAT = "stty raw -echo; printf ready; exec cat"


@pytest.fixture(params=[OverEvents, OverRequests], ids=lambda kind: kind.name)
def kind(request):
    return request.param


async def ready(board, kind, script: str = CAT):
    client = await attached(board, kind, script)
    await client.shows(b"ready")
    return client


async def test_what_comes_again_is_not_typed_again(programs, kind):
    client = await ready(programs, kind)
    for offset, data, taken in (
        (0, b"abc", 3),
        (0, b"abc", 3),  # the answer was lost
        (1, b"bcde", 5),  # and more was typed meanwhile
        (0, b"ab", 5),  # a late one
        (5, b"", 5),
        (5, b"!", 6),
    ):
        answer = await client.post(f"input?offset={offset}", data)
        assert (answer.status, answer.json) == (200, {"input_offset": taken})
    await client.shows(b"!")
    assert client.output == b"readyabcde!"


async def test_a_gap_is_refused_and_types_nothing(programs, kind):
    client = await ready(programs, kind)
    for offset in (1, 5_000, 2**62):
        refused = await client.post(f"input?offset={offset}", b"lost")
        assert (refused.status, refused.json["code"]) == (409, "input_gap")
    await client.type(b"!")
    await client.shows(b"!")
    assert client.output == b"ready!"


async def test_requests_that_overtake_each_other_are_put_in_order_by_who_sent_them(programs, kind):
    client = await ready(programs, kind)
    words = [b"one ", b"two ", b"three ", b"four "]
    pieces = [(sum(map(len, words[:n])), word) for n, word in enumerate(words)]
    waiting = list(reversed(pieces))  # each on a connection of its own, the last one first
    rounds = 0
    while waiting:
        rounds += 1
        answers = []
        for offset, word in waiting:
            answers.append(await client.post(f"input?offset={offset}", word))
        assert {answer.status for answer in answers} <= {200, 409}
        waiting = [piece for piece, answer in zip(waiting, answers, strict=True) if answer.status == 409]
    assert rounds == len(words)
    together = [client.post(f"input?offset={offset}", word) for offset, word in reversed(pieces)]
    assert {answer.status for answer in await asyncio.gather(*together)} == {200}
    await client.shows(b"four ")
    assert client.output == b"readyone two three four "


async def test_a_body_has_a_limit(programs, kind):
    client = await ready(programs, kind, "stty raw -echo; printf ready; head -c 65537 | wc -c; exec cat")
    for what in ("input?offset=0", "control"):
        refused = await client.post(what, b"x" * (BODY_BYTES + 1))
        assert (refused.status, refused.json["code"]) == (413, "too_large")
    # Nor may one that does not say how long it is be longer.
    lines = [*client.lines, ("Transfer-Encoding", "chunked"), ("Connection", "close")]
    chunk = b"%x\r\n%b\r\n" % (1 << 14, b"x" * (1 << 14))
    body = chunk * 5 + b"0\r\n\r\n"
    said = await raw(client.port, head(client.port, "POST", f"{client.path}/input?offset=0", lines) + body)
    assert said.startswith(b"HTTP/1.1 413 ")
    await client.type(b"x" * BODY_BYTES)
    assert client.sent == BODY_BYTES
    await client.type(b"y")
    await client.shows(b"65537")


@pytest.mark.parametrize(
    "query",
    ["", "offset=", "offset=-1", "offset=1.0", "offset=0x1", "offset=1e3", "offset=%D9%A3", "offset=%C2%B2",
     "offset=" + "9" * 20, "offset=1_0"],
)  # fmt: skip
async def test_an_offset_that_is_no_count_of_bytes_is_invalid(programs, query):
    client = at(programs, OverRequests, await programs.open(CAT))
    answer = await client.post(f"input?{query}", b"x")
    assert (answer.status, answer.json["code"]) == (400, "invalid")
    (live,) = programs.service.attacher.table
    assert live.input_offset == 0


@pytest.mark.parametrize(
    "said",
    [b"", b"{", b"null", b"[]", b'"ack"', b"{}", b'{"type":"hello"}', b'{"type":"ack"}', b"\xff\xfe",
     b'{"type":"ack","offset":"1"}', b'{"type":"ack","offset":1e400}', b'{"type":"ack","offset":99999999}',
     b'{"type":"ack","offset":' + b"9" * 400 + b"}", b'{"type":"resize","cols":1}', b"[" * 60_000,
     b'{"type":"resize","cols":true,"rows":5}', b'{"type":["ack"],"offset":1}'],
    ids=lambda said: said[:40].decode("latin1"),
)  # fmt: skip
async def test_a_control_message_that_is_junk_is_invalid_and_ends_nothing(programs, said):
    client = await ready(programs, OverEvents)
    answer = await client.post("control", said)
    assert (answer.status, answer.json["code"]) == (400, "invalid")
    assert len(answer.body) < 1000
    await client.echoes()


async def test_nobody_types_into_somebody_elses_terminal(programs, kind):
    client = await ready(programs, kind)
    (live,) = programs.service.attacher.table
    size = live.cols, live.rows
    stranger = at(programs, kind, live.id, token="person-eve", client_id="me")
    resize = json.dumps({"type": "resize", "cols": 33, "rows": 9}).encode()
    for what, body in (("input?offset=0", b"x"), ("input?offset=0&client=me", b"x"), ("control", resize)):
        refused = await stranger.post(what, body)
        unknown = await stranger.post(what, body)
        assert (refused.status, refused.json["code"]) == (404, "not_found")
        assert refused.json["detail"] == unknown.json["detail"]
    assert (live.input_offset, (live.cols, live.rows)) == (0, size)
    await client.echoes()


async def test_one_who_looks_on_types_nothing_by_requests(board):
    viewer = await attached(board, OverEvents, mode="view")
    await viewer.message("hello")
    (live,) = board.service.attacher.table
    for offset, data in ((0, b"x"), (5, b"x"), (0, b"")):
        refused = await viewer.post(f"input?offset={offset}", data)
        assert (refused.status, refused.json["code"]) == (403, "read_only")
    assert live.input_offset == 0


async def test_a_terminal_that_has_ended_takes_nothing(programs, kind):
    client = await ready(programs, kind, "stty raw -echo; printf ready; read x; exit 0")
    await client.type(b"\n")
    await client.message("exit")
    for what in ("input?offset=1", "control"):
        refused = await client.post(what, b'{"type":"ack","offset":0}')
        assert (refused.status, refused.json["code"]) == (404, "not_found")


async def test_a_paste_over_a_socket_is_not_doubled_by_the_request_before(programs):
    """A request's answer was lost and its client comes by a socket: it counts on from hello."""
    client = await ready(programs, OverEvents)
    await client.post("input?offset=0", b"abc")  # and nothing is heard of it
    client.cut()
    (live,) = programs.service.attacher.table
    socket = await at(programs, OverSocket, live.id, client.offset).open()
    assert (await socket.message("hello"))["input_offset"] == 3
    late = await client.post("input?offset=0", b"abcde")  # the last one that was under way
    assert late.json == {"input_offset": 5}
    await socket.type(b"de!")  # what the page had left
    await soon(lambda: live.input_offset == 6, "the last byte")
    await socket.shows(b"!")
    assert socket.output.endswith(b"abcde!")
    assert b"dede" not in socket.output
