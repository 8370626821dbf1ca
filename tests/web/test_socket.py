"""A terminal over a WebSocket."""

import asyncio
import hashlib
import os
import signal

import pytest

from muxboard.web import handler
from muxboard.web.socket import TerminalSocket
from tests.rig.soon import soon
from tests.web.harness import LOGIN, Socket

pytestmark = pytest.mark.gen_test(timeout=60)

# A program that tells the digest of so many bytes of input, then of nothing more.
DIGEST = "stty raw -echo; printf ready; head -c {size} | sha256sum; cat"


async def test_hello_is_first_and_says_exactly_this(board):
    terminal = await board.open(cols=90, rows=25)
    socket = await board.socket(terminal)
    assert socket.headers["sec-websocket-protocol"] == "muxboard.terminal.v1"
    assert "sec-websocket-extensions" not in socket.headers
    hello = await socket.within(socket.next())
    assert hello == {
        "type": "hello", "id": terminal, "mode": "control", "offset": 0, "input_offset": 0,
        "window": hello["window"], "replay": hello["replay"], "cols": 90, "rows": 25,
    }  # fmt: skip
    assert 16_384 <= hello["window"] <= 1 << 20
    await socket.echoes()


async def test_a_subprotocol_that_we_do_not_speak_is_not_taken(board):
    socket = await board.upgrade(
        f"api/v1/terminals/{await board.open()}/socket", Sec_WebSocket_Protocol="other.v1, chat"
    )
    assert "sec-websocket-protocol" not in socket.headers


async def test_refusals_come_as_answers_to_the_upgrade(board):
    terminal = await board.open()
    path = f"api/v1/terminals/{terminal}/socket"
    cookie = (await board.login())["Cookie"]
    for status, code, refused in [
        (401, "unauthenticated", await board.upgrade(path, token=None)),
        (401, "unauthenticated", await board.upgrade(path, token="wrong" * 4)),
        (403, "origin_refused", await board.upgrade(path, token=None, Cookie=cookie)),
        (403, "origin_refused", await board.upgrade(path, token=None, Cookie=cookie, Origin="null")),
        (403, "origin_refused", await board.upgrade(path, token=None, Cookie=cookie, Origin="http://evil")),
        (404, "not_found", await board.upgrade(path.replace(terminal, "A" * 24))),
        (421, "host_refused", await board.upgrade(path, Host="evil.example")),
        (400, "invalid", await board.upgrade(path + "?offset=-1")),
        (400, "invalid", await board.upgrade(path + "?offset=x")),
        (400, "invalid", await board.upgrade(path + "?offset=1e3")),
        (400, "invalid", await board.upgrade(path + "?offset=%EF%BC%91")),
        (400, "invalid", await board.upgrade(path + "?offset=" + "9" * 20)),
        (400, "invalid", await board.upgrade(path + "?offset=%ff")),
        (400, "invalid", await board.upgrade(path, Upgrade="h2c")),
    ]:
        assert (refused.status, refused.code) == (status, code)
    ours = await board.upgrade(path, token=None, Cookie=cookie, Origin=board.origin)
    assert ours.status == 101


async def test_a_large_paste_arrives_whole(board):
    size = 1 << 20
    board.tmux.new("sum", DIGEST.format(size=size))
    socket = await board.attached("sum")
    await socket.shows("ready")
    # What tmux reads as text comes through as it is; control bytes are keys to it.
    block = "".join(chr(c) for c in [*range(0x20, 0x7F), *range(0xA1, 0x180)]) + "日本🦊"
    data = (block * (size // len(block.encode()) + 1)).encode()[:size]
    for begin in range(0, size, 65_537):
        socket.type(data[begin : begin + 65_537])
        await socket.writer.drain()
    await socket.shows(hashlib.sha256(data).hexdigest()[:40])


async def test_characters_may_be_split_anywhere(board):
    socket = await board.attached()
    for byte in "naïve-日本-🦊-end\n".encode():
        socket.type(bytes([byte]))
    await socket.shows("naïve-日本-🦊-end")


@pytest.mark.parametrize("keys", [b"\x03", b"\x1a", b"\x1c", b"\x04"])
async def test_what_is_typed_before_tmux_is_up_reaches_the_session_and_nothing_before_it(board, keys):
    """Neither echoed into the screen by the PTY, nor taken for a signal or an end."""
    board.tmux.new("raw", "stty raw -echo; printf ready; exec cat -v")
    board.tmux.wait_for("raw", "ready")
    for count in range(1, 6):
        socket = await board.socket(await board.open("raw"))
        socket.type(keys + b"%d." % count)
        expected = f"^{chr(keys[0] + 64)}{count}."
        await socket.shows(b"\x1b[")
        assert socket.output.startswith(b"\x1b")
        await soon(lambda text=expected: text in board.tmux.capture("raw"), expected)
        (terminal,) = board.service.attacher.table
        await board.call("DELETE", f"api/v1/terminals/{terminal.id}")


async def test_fragments_of_a_message_are_one_message(board):
    socket = await board.attached()
    socket.frame(2, b"fra", fin=False)
    socket.frame(9, b"in between")
    for piece in (b"gm", b"", b"ent"):
        socket.frame(0, piece, fin=False)
    socket.frame(0, b"ed\n")
    await socket.shows("fragmented")
    assert socket.pongs == [b"in between"]


NOT_MESSAGES = [
    "", "{", "null", "[]", "7", '"ack"', "{}", '{"type":"ack"}', '{"type":"ack","offset":"1"}',
    '{"type":"ack","offset":1.5}', '{"type":"ack","offset":null}', '{"type":"ack","offset":99999999999}',
    '{"type":"ack","offset":1' + "0" * 400 + "}", '{"type":"resize","cols":80}',
    '{"type":"resize","cols":"a","rows":1}', '{"type":"hello","id":"x"}', '{"type":"exit","reason":"killed"}',
    '{"type":"<img src=x onerror=alert(1)>"}', '{"type":7}', '{"type":["ack"]}', "[" * 99_999,
    '{"a":' * 50_000,
    '{"type":"ack","offset":1}x', "\x00",
]  # fmt: skip


async def test_what_is_not_a_message_ends_its_own_connection_and_nothing_else(board):
    neighbour, terminal = await board.attached(), await board.open()
    for text in NOT_MESSAGES:
        socket = await board.socket(terminal)
        await socket.message("hello")

        socket.frame(1, text.encode())
        socket.frame(1, text.encode())
        socket.type("typed after it\n")

        notice = await socket.message("notice", ack=False)
        assert notice.keys() == {"type", "level", "code", "message"}, text
        assert (notice["level"], notice["code"]) == ("error", "invalid")
        assert len(notice["message"]) <= 200
        assert await socket.within(socket.next()) is None, "and nothing after it"
        assert socket.closed == 1008
        socket.cut()
        await neighbour.echoes()
    again = await board.socket(terminal)
    await again.echoes()
    assert "typed after it" not in board.tmux.capture("one", history=True)


async def test_broken_frames_end_their_own_connection_and_nothing_else(board):
    neighbour = await board.attached()
    terminal = await board.open()

    async def broken(*frames) -> int:
        socket = await board.socket(terminal)
        await socket.message("hello")
        for frame in frames:
            socket.writer.write(frame) if isinstance(frame, bytes) else socket.frame(**frame)
        code = await socket.close_code()
        socket.cut()
        return code

    assert await broken(b"\x82\xff" + (handler.INPUT_FRAME_BYTES + 1).to_bytes(8, "big")) == 1009
    assert await broken(b"\x82\xff" + b"\xff" * 8) == 1009
    assert await broken(
        {"opcode": 2, "data": b"x" * handler.INPUT_FRAME_BYTES, "fin": False}, {"opcode": 0, "data": b"y"}
    ) == 1009  # fmt: skip
    for frames in (
        [{"opcode": 3, "data": b""}],  # an opcode that is none
        [{"opcode": 0, "data": b"a"}],  # a continuation of nothing
        [{"opcode": 2, "data": b"a", "fin": False}, {"opcode": 2, "data": b"b"}],
        [{"opcode": 9, "data": b"p" * 126}],  # control frames are short
        [{"opcode": 9, "data": b"p", "fin": False}],  # and whole
        [b"\xf2\x80\0\0\0\0"],  # reserved bits
        [{"opcode": 1, "data": b"\xff\xfe"}],  # not UTF-8
        [b"GET / HTTP/1.1\r\n\r\n"],
    ):
        assert await broken(*frames) in {1002, 1006, 1007, 1008}
    assert await broken({"opcode": 8, "data": b""}) in {1000, 1005, 1006}
    assert await broken({"opcode": 8, "data": b"\x03\xe8\xff\xff"}) in {1000, 1006}
    assert await broken({"opcode": 8, "data": b"\x00"}) in {1000, 1005, 1006}
    await neighbour.echoes()
    again = await board.socket(terminal)
    await again.echoes()


async def test_a_flood_of_pings_from_one_who_does_not_read_is_bounded(board):
    socket = await board.attached()
    await socket.message("hello")
    (terminal,) = board.service.attacher.table
    buffer = terminal._sink.ws_connection.stream._write_buffer
    largest = 0
    for _ in range(80):
        for _ in range(500):
            socket.frame(9, b"p" * 125)
        async with asyncio.timeout(10):
            await socket.writer.drain()
        largest = max(largest, len(buffer))
    neighbour = await board.attached()
    await neighbour.echoes()
    assert largest < 1 << 20


async def test_the_window_is_kept_by_who_acks_nothing(board):
    board.tmux.new("flood", "yes 0123456789012345678901234567890123456789")
    socket = await board.attached("flood")
    window = (await socket.message("hello"))["window"]
    (terminal,) = board.service.attacher.table
    async with asyncio.timeout(10):
        while socket.offset < 0.8 * window:  # the last bytes of it are too few for a frame
            await socket.next()
    neighbour = await board.attached("one")
    await neighbour.echoes()
    assert terminal.output_offset <= window, "not read beyond it"
    async with asyncio.timeout(10):
        while socket.offset < terminal.output_offset:
            await socket.next()
        socket.ack()
        acked = socket.offset
        while socket.offset <= acked:
            await socket.next()


async def test_a_viewer_sees_and_never_types_nor_resizes(board):
    worker = await board.attached()
    await worker.echoes()
    viewer = await board.attached(mode="view", cols=40, rows=10)
    assert (await viewer.message("hello"))["mode"] == "view"

    viewer.type("typed by a viewer\n")
    viewer.type(b"\x02d\x02:kill-server\n\x03\x04")
    viewer.say(type="resize", cols=33, rows=7)
    await soon(lambda: "33x7" in board.machine.sizes("one"), "the viewer's own size")
    worker.type("typed by the worker\n")
    await viewer.shows("typed by the worker")

    assert "viewer" not in board.tmux.capture("one", history=True)
    window = board.tmux("display", "-p", "-t", "=one:", "#{window_width}x#{window_height}").strip()
    assert window == "80x23"
    views = [t for t in board.service.attacher.table if t.mode == "view"]
    assert [t.input_offset for t in views] == [0]
    assert len(board.tmux.clients()) == 2


async def test_a_resize_reaches_tmux_and_is_clamped(board):
    socket = await board.attached()
    await socket.message("hello")
    for cols, rows, shown in (
        (132, 43, "132x43"),
        (1, 1, "20x5"),
        (10**9, 10**9, "500x300"),
        (-5, 24, "20x24"),
    ):
        socket.say(type="resize", cols=cols, rows=rows)
        await soon(lambda shown=shown: board.machine.sizes("one") == [shown], shown)


async def test_a_storm_of_resizes_ends_at_the_last(board):
    socket = await board.attached()
    await socket.message("hello")
    for cols in range(20, 220):
        socket.say(type="resize", cols=cols, rows=30)
    await soon(lambda: board.machine.sizes("one") == ["219x30"], "the last size")


async def test_the_newest_connection_wins_and_the_older_is_told(board):
    terminal = await board.open()
    older = await board.socket(terminal)
    await older.echoes()
    newer = await board.socket(terminal, older.offset)
    told = await older.message("exit")
    assert (told["reason"], told.keys()) == ("replaced", {"type", "reason", "code", "message"})
    assert await older.close_code() == 1000
    older.type("typed by the older\n")
    await newer.echoes()
    assert "older" not in board.tmux.capture("one")


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ("exit", "exited"),
        ("tmux", "exited"),
        ("api", "killed"),
        ("detach", "detached"),
        ("server", "exited"),
    ],
)
async def test_when_the_session_ends_the_page_is_told_why(board, end, reason):
    board.tmux.new("two", "cat")
    socket = await board.attached("two")
    await socket.echoes()
    if end == "exit":
        socket.type(b"\x04")
    elif end == "tmux":
        board.tmux("kill-session", "-t", "=two")
    elif end == "detach":
        board.tmux("detach-client", "-s", "=two")
    elif end == "server":
        board.tmux("kill-server")
    else:
        path = f"api/v1/hosts/local/users/{LOGIN}/sessions/two?confirm=two"
        assert (await board.call("DELETE", path)).status == 204
    told = await socket.message("exit")
    assert told["reason"] == reason
    assert told["message"]
    assert await socket.close_code() == 1000
    await soon(lambda: board.used == 0, "the lease's end")


async def test_draining_tells_every_terminal_and_loses_no_session(boards):
    board = await boards()
    sockets = [await board.attached() for _ in range(3)]
    for socket in sockets:
        await socket.echoes()
    stopping = asyncio.ensure_future(board.service.stop())
    for socket in sockets:
        assert (await socket.message("exit"))["reason"] == "draining"
        assert await socket.close_code() == 1012
        socket.cut()
    async with asyncio.timeout(5):
        await stopping
    assert board.tmux.ls() == ["one"]
    assert board.tmux.clients() == []


@pytest.mark.parametrize("cut", [Socket.reset, Socket.cut])
async def test_after_a_cut_nothing_is_lost_or_doubled_in_either_direction(board, cut):
    lines = 400
    board.tmux.new("count", "stty -echo; echo ready; while read line; do echo got-$line.; done")
    terminal = await board.open("count")
    socket = await board.socket(terminal)
    await socket.shows("ready")
    typed = b"".join(b"%d\n" % number for number in range(lines))
    sent = 0
    while sent < len(typed):
        socket.type(typed[sent : sent + 97])
        sent += 97
        if sent % 291 == 0:
            await socket.within(socket.next())
            offset = socket.offset
            cut(socket)
            socket = await board.socket(terminal, offset)
            hello = await socket.message("hello")
            assert hello["offset"] == offset, "no reset: the ring still has it"
            sent = hello["input_offset"]
    await socket.shows(f"got-{lines - 1}.")
    shown = board.tmux.capture("count", history=True).split()
    assert shown[:1] == ["ready"]
    assert shown[1:] == [f"got-{number}." for number in range(lines)]


async def test_the_output_goes_on_at_the_offset_that_was_asked_for(board):
    board.tmux.new("out", "seq 1 300; exec cat")
    terminal = await board.open("out")
    socket = await board.socket(terminal)
    async with asyncio.timeout(10):
        while b"300" not in socket.output:
            await socket.next()
    whole = socket.output
    for begin in (0, 1, 100, len(whole) - 1):
        socket = await board.socket(terminal, begin)
        assert (await socket.message("hello"))["offset"] == begin
        async with asyncio.timeout(10):
            while begin + len(socket.output) < len(whole):
                await socket.next()
        assert socket.output.startswith(whole[begin:])


async def test_an_offset_that_is_gone_or_never_was_resets_and_redraws(board):
    terminal = await board.open()
    socket = await board.socket(terminal)
    await socket.echoes()
    for wrong in (0, socket.offset + 1, 2**62):
        socket.cut()
        socket = await board.socket(terminal, wrong)
        hello = await socket.within(socket.next())
        reset = await socket.within(socket.next())
        assert (hello["type"], reset["type"]) == ("hello", "reset")
        assert reset.keys() == {"type", "offset"}
        assert hello["offset"] == reset["offset"] != wrong
        await socket.echoes()
    await soon(lambda: len(board.tmux.clients()) == 1, "the one client that is left")


async def test_the_server_pings_and_drops_a_silent_peer(boards, monkeypatch):
    assert handler.PING_INTERVAL_S == 20
    assert handler.PING_INTERVAL_S + handler.PING_TIMEOUT_S <= 45
    monkeypatch.setattr(TerminalSocket, "ping_interval", 0.2)
    monkeypatch.setattr(TerminalSocket, "ping_timeout", 0.2)
    board = await boards()
    socket = await board.attached()
    await socket.message("hello")
    seen = []
    async with asyncio.timeout(10):
        while True:
            try:
                opcode, _ = await socket._frame()
            except asyncio.IncompleteReadError:
                break
            seen.append(opcode)
    assert 9 in seen
    await soon(lambda: not any(t.connected for t in board.service.attacher.table), "the peer is dropped")
    assert board.used == 1, "its terminal waits for it"


async def test_input_that_nobody_reads_is_bounded_and_ends_its_terminal_alone(boards):
    board = await boards('[limits]\noutput_queue = "512KiB"\n')
    board.tmux.new("deaf", "stty raw -echo; sleep 600")
    deaf, neighbour = await board.attached("deaf"), await board.attached("one")
    await deaf.message("hello")
    # tmux itself takes in what its program does not read, so its own client is stopped here.
    terminal = next(t for t in board.service.attacher.table if t.target.name == "deaf")
    pid = terminal.pty.pid
    os.kill(pid, signal.SIGSTOP)
    try:
        for _ in range(20):
            deaf.type(b"x" * 65536)
        told = await deaf.message("exit")
    finally:
        os.kill(pid, signal.SIGCONT)
    assert told["reason"] == "overflow"
    await neighbour.echoes()


async def test_what_a_late_request_has_typed_is_not_typed_again(board):
    """A client that comes from a slower way: its last request arrives after the socket's hello."""
    board.tmux.new("sum", DIGEST.format(size=9))
    terminal = await board.open("sum")
    socket = await board.socket(terminal)
    await socket.shows("ready")
    late = await board.call("POST", f"api/v1/terminals/{terminal}/input?offset=0", b"abc")
    assert late.json == {"input_offset": 3}
    socket.type("abcdefghi")
    await socket.shows(hashlib.sha256(b"abcdefghi").hexdigest()[:40])
