"""The stream of one dashboard."""

import asyncio
import json
import socket

import pytest

from muxboard.web import events
from tests.rig.soon import soon
from tests.web.harness import DEADLINE_S, TOKEN

pytestmark = pytest.mark.gen_test(timeout=30)

WATCHED = '[inventory]\nwatched_interval = "100ms"\n'


class Stream:
    """A client of the event stream that reads only when it is asked to."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(
        cls, board, authorization=f"Authorization: Bearer {TOKEN}", receive_bytes=1 << 20, query=""
    ):
        self = await cls.begin(board, authorization, receive_bytes, query)
        async with asyncio.timeout(DEADLINE_S):
            self.head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        return self

    @classmethod
    async def begin(cls, board, lines, receive_bytes=1 << 20, query=""):
        """Send the request and wait for nothing."""
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        raw.connect(("127.0.0.1", board.port))  # the kernel takes it at once
        self = cls(*await asyncio.open_connection(sock=raw, limit=1 << 17))
        head = f"GET {board.base}api/v1/events{query} HTTP/1.1\r\nHost: 127.0.0.1:{board.port}\r\n{lines}"
        self.writer.write(head.encode() + b"\r\n\r\n")
        return self

    async def block(self) -> str:
        """The next event or comment; the chunked coding's own lines are passed over."""
        lines = []
        async with asyncio.timeout(DEADLINE_S):
            while True:
                line = (await self.reader.readuntil(b"\n")).decode().rstrip("\r\n")
                if line.startswith((":", "event:", "data:", "id:")):
                    lines.append(line)
                elif not line and lines:
                    return "\n".join(lines)

    async def event(self, name: str):
        while True:
            block = await self.block()
            if block.startswith(f"event: {name}\n"):
                return json.loads(block.partition("data: ")[2])

    async def until(self, name: str, holds) -> list:
        """The events up to the first of a name for which something holds, as (name, data)."""
        seen = []
        while True:
            block = await self.block()
            if block.startswith("event: "):
                kind, _, data = block.removeprefix("event: ").partition("\ndata: ")
                seen.append((kind, json.loads(data)))
                if kind == name and holds(seen[-1][1]):
                    return seen

    async def ended(self) -> None:
        """Read on to the end: the last chunk, or the connection's."""
        async with asyncio.timeout(DEADLINE_S):
            while await self.reader.readline() not in {b"", b"0\r\n"}:
                pass

    def cut(self) -> None:
        self.writer.transport.abort()


async def test_the_whole_inventory_comes_first_and_at_once(board):
    stream = await Stream.open(board)
    assert "HTTP/1.1 200 OK" in stream.head
    for header in (
        "Content-Type: text/event-stream", "Cache-Control: no-store", "X-Accel-Buffering: no",
        "X-Content-Type-Options: nosniff",
    ):  # fmt: skip
        assert header in stream.head
    assert "Server:" not in stream.head
    first = await stream.block()
    assert first.startswith("event: inventory\n")
    shown = json.loads(first.partition("data: ")[2])
    assert [s["name"] for s in shown["hosts"][0]["users"][0]["sessions"]] == ["one"]
    inventory = (await board.call("GET", "api/v1/inventory")).json
    assert shown["hosts"][0].keys() == inventory["hosts"][0].keys()
    assert shown["hosts"][0]["users"] == inventory["hosts"][0]["users"]
    stream.cut()


async def test_every_change_comes_by_itself(boards):
    board = await boards(WATCHED)
    stream = await Stream.open(board)
    before = (await stream.event("inventory"))["generation"]

    board.tmux.new("new", "cat")

    seen = await stream.event("inventory")
    assert "new" in {s["name"] for s in seen["hosts"][0]["users"][0]["sessions"]}
    assert seen["generation"] > before
    stream.cut()


TWO = """
[[hosts]]
key = "still"
local = true
tmux_socket = "/tmp/there-is-no-such-socket"
[[hosts]]
key = "busy"
local = true
[[grants]]
principals = ["operator"]
role = "operator"
[[grants]]
principals = ["half"]
role = "viewer"
hosts = ["busy"]
[inventory]
watched_interval = "100ms"
"""


async def test_changes_name_only_the_hosts_that_changed(boards):
    board = await boards(TWO)
    stream = await Stream.open(board, query="?changes=1")
    first = await stream.event("inventory")
    assert [host["key"] for host in first["hosts"]] == ["still", "busy"]

    board.tmux.new("new", "cat")

    def new(hosts):
        return [s["name"] for h in hosts["hosts"] for u in h["users"] for s in u["sessions"]] == [
            "new",
            "one",
        ]

    seen = await stream.until("hosts", new)
    assert {kind for kind, _ in seen} <= {"hosts", "checked"}, "the whole comes once"
    for kind, data in seen:
        if kind == "hosts":
            assert [host["key"] for host in data["hosts"]] == ["busy"]
            assert data["generation"] > first["generation"]
            assert data["hosts"][0].keys() == first["hosts"][0].keys()
    await stream.until("checked", lambda data: "still" in data["hosts"])
    stream.cut()


async def test_a_change_that_is_out_of_reach_is_not_told(boards):
    board = await boards(TWO)
    stream = await Stream.open(board, "Authorization: Bearer person-half", query="?changes=1")
    assert [host["key"] for host in (await stream.event("inventory"))["hosts"]] == ["busy"]
    sweeper = board.service.sweeper
    for key in ("still", "busy"):
        sweeper._told.pop(key)
        sweeper._tell(sweeper.hosts[key])
    seen = await stream.until("hosts", lambda _: True)
    assert {key for kind, data in seen if kind == "checked" for key in data["hosts"]} <= {"busy"}
    assert [host["key"] for host in seen[-1][1]["hosts"]] == ["busy"]
    stream.cut()


async def test_a_sweep_of_many_hosts_is_a_handful_of_events(boards):
    names = [f"h{number}" for number in range(60)]
    hosts = "".join(f'[[hosts]]\nkey = "{name}"\nlocal = true\n' for name in names)
    board = await boards(hosts, swept=False)
    sweeper = board.service.sweeper
    await soon(lambda: all(host.report.checked_at for host in sweeper.hosts.values()), "the first sweep")
    stream = await Stream.open(board, query="?changes=1")
    await stream.event("inventory")
    for name in names:
        sweeper._told.pop(name, None)
        sweeper._tell(sweeper.hosts[name])
        await asyncio.sleep(0.001)
    told: set = set()

    def all_told(data):
        told.update(host["key"] for host in data["hosts"])
        return told == set(names)

    seen = await stream.until("hosts", all_told)
    assert len(seen) <= 10
    stream.cut()


async def test_other_hosts_are_a_whole_inventory_again(boards):
    board = await boards(TWO)
    stream = await Stream.open(board, query="?changes=1")
    await stream.event("inventory")
    sweeper = board.service.sweeper
    gone = sweeper.hosts["still"]
    sweeper.hosts = {"busy": sweeper.hosts["busy"]}
    (handler,) = board.service.services.streams
    handler._swept(None, True)
    seen = await stream.event("inventory")
    assert [host["key"] for host in seen["hosts"]] == ["busy"]
    stream.cut()
    await gone.close()


async def test_a_quiet_stream_is_kept_alive(boards, monkeypatch):
    assert events.KEEPALIVE_S <= 15
    monkeypatch.setattr(events, "KEEPALIVE_S", 0.05)
    board = await boards()
    stream = await Stream.open(board)
    while not (await stream.block()).startswith(": keepalive"):
        pass
    stream.cut()


async def test_hosts_are_asked_oftener_only_while_somebody_looks(boards):
    board = await boards(WATCHED)
    calls = lambda: board.machine.calls("list-panes")  # noqa: E731
    sweeper = board.service.sweeper
    assert not sweeper._fast.is_running()
    assert calls() == 1, "the first sweep"

    streams = [await Stream.open(board) for _ in range(2)]
    await soon(lambda: calls() >= 5, "sweeps while watched")
    streams.pop().cut()
    await soon(lambda: len(board.service.services.streams) == 1, "one stream gone")
    seen = calls()
    await soon(lambda: calls() >= seen + 3, "sweeps while one still looks")

    streams.pop().cut()
    await soon(lambda: not board.service.services.streams, "both streams gone")
    await soon(lambda: not sweeper.hosts["local"].sweeping, "the last sweep")
    seen = calls()
    assert not sweeper._fast.is_running()
    await asyncio.sleep(0.35)  # nothing may happen: no condition to wait for
    assert calls() == seen


async def test_a_slow_reader_gets_the_newest_and_not_all_between(boards, monkeypatch):
    """What is not read is skipped: one snapshot is under way, none is queued."""
    monkeypatch.setattr(events, "COALESCE_S", 0)
    board = await boards()
    sweeper = board.service.sweeper
    for number in range(100):
        board.tmux.new(f"{number:03}" + "x" * 290, "cat")
    await sweeper.refresh(sweeper.hosts["local"])
    size = len((await board.call("GET", "api/v1/inventory")).body)
    assert size > 30_000
    stream = await Stream.open(board, receive_bytes=4096)
    (handler,) = board.service.services.streams
    buffered = 0
    for _ in range(400):  # 12 MB, more than the kernel holds
        sweeper._told.clear()  # as if everything had changed
        sweeper._tell(sweeper.hosts["local"])
        buffered = max(buffered, len(handler.request.connection.stream._write_buffer))
        await asyncio.sleep(0.001)

    assert 0 < buffered < 2 * size
    board.tmux.new("the newest", "cat")
    await sweeper.refresh(sweeper.hosts["local"])
    received = 0
    while "the newest" not in (block := await stream.block()):
        received += len(block)
    assert received < 300 * size
    stream.cut()
    await soon(lambda: not board.service.services.streams, "the stream's end")


async def test_what_changes_while_a_snapshot_is_sent_is_not_slept_over(boards, monkeypatch):
    board = await boards()
    handlers = []
    flush = events.Events.flush

    async def slow(self, *_):
        handlers.append(self)
        await flush(self)
        if len(handlers) == 1:
            self._swept(None, True)

    monkeypatch.setattr(events.Events, "flush", slow)
    stream = await Stream.open(board)
    await stream.event("inventory")
    await stream.event("inventory")
    stream.cut()
    await soon(lambda: not board.service.services.streams, "the stream's end")


async def test_a_login_that_ends_ends_its_streams(board):
    page, other = await board.login(), await board.login()
    lines = lambda headers: "\r\n".join(f"{k}: {v}" for k, v in headers.items())  # noqa: E731
    stream, kept = await Stream.open(board, lines(page)), await Stream.open(board, lines(other))

    await board.call("POST", "api/v1/logout", token=None, headers=page)

    await stream.ended()
    await soon(lambda: len(board.service.services.streams) == 1, "one stream left")
    for each in (stream, kept):
        each.cut()


async def test_a_stream_ends_when_its_login_expires(boards):
    board = await boards('[auth.token]\nsession = "1s"\n' + WATCHED)
    page = await board.login()
    stream = await Stream.open(board, "\r\n".join(f"{k}: {v}" for k, v in page.items()))
    await stream.ended()
    stream.cut()


async def test_streams_of_one_principal_are_counted(boards, monkeypatch):
    monkeypatch.setattr(events, "STREAMS_PER_PRINCIPAL", 2)
    board = await boards()
    streams = [await Stream.open(board) for _ in range(2)]
    refused = await board.call("GET", "api/v1/events")
    assert (refused.status, refused.code) == (429, "rate_limited")
    assert int(refused.headers["Retry-After"]) >= 1
    streams.pop().cut()
    await soon(lambda: len(board.service.services.streams) == 1, "one stream gone")
    streams.append(await Stream.open(board))
    assert " 200 " in streams[-1].head
    for stream in streams:
        stream.cut()


async def test_a_stop_ends_the_streams_at_once(boards):
    board = await boards()
    stream = await Stream.open(board)
    await stream.event("inventory")
    async with asyncio.timeout(2):
        await board.service.stop()
    await stream.ended()
    stream.cut()


@pytest.mark.parametrize("length", ["1000", "*"])
async def test_a_stream_whose_body_never_comes_leaves_no_task(board, length):
    stream = await Stream.begin(board, f"Authorization: Bearer {TOKEN}\r\nContent-Length: {length}")
    handlers = lambda: [t for t in asyncio.all_tasks() if "_execute" in repr(t.get_coro())]  # noqa: E731
    if length == "*":
        await asyncio.wait_for(stream.reader.read(), DEADLINE_S)
    else:
        await soon(handlers, "the request's handler")
    stream.cut()
    await soon(lambda: not handlers(), "its end")
