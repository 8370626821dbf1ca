"""Whose turn it is to ask a host, whatever the others say or leave unsaid."""

from __future__ import annotations

import asyncio
import time

import msgspec
import pytest

from muxboard.config import Host
from muxboard.config.schema import Inventory
from muxboard.hosts.model import HostReport
from muxboard.hosts.sweep import Sweeper
from muxboard.hosts.turns import MOST_BYTES, TOPIC, Turn, Turns, name_of
from muxboard.registry.board import Board
from muxboard.registry.registry import RegistryUnavailable
from tests.rig.soon import soon

pytestmark = pytest.mark.gen_test(timeout=30)


class Hall:
    """Where the processes of a test meet."""

    def __init__(self):
        self.claims, self.records, self.listeners = {}, {}, []
        self.away = False


class OneOf(Board):
    """One process's board in a hall."""

    alone = False

    def __init__(self, hall):
        self.hall = hall

    def _ask(self):
        if self.hall.away:
            raise RegistryUnavailable("away")

    async def claim(self, what, seconds):
        self._ask()
        return self.hall.claims.setdefault(what, self) is self and self.hall.claims[what] is self

    async def unclaim(self, what):
        if self.hall.claims.get(what) is self:
            del self.hall.claims[what]

    async def put(self, name, record, seconds):
        self._ask()
        self.hall.records[name] = record

    async def get(self, name):
        self._ask()
        return self.hall.records.get(name)

    async def put_own(self, kind, record, seconds):
        raise NotImplementedError

    async def others(self, kind):
        raise NotImplementedError

    async def tell(self, topic, message):
        self._ask()
        for board, heard_topic, listener in self.hall.listeners:
            if board is not self and heard_topic == topic:
                listener(message)

    def hear(self, topic, listener):
        self.hall.listeners.append((self, topic, listener))

    async def stay(self):
        raise NotImplementedError

    async def close(self):
        raise NotImplementedError


class FakeHost:
    """A host that counts how often it is asked."""

    def __init__(self, problem=None, **fields):
        self.problem = problem
        self.config = Host(key="web", hostname="web.test", **fields)
        self.report = HostReport(key="web")
        self.asked = 0
        self.sweeping = False

    async def sweep(self):
        self.asked += 1
        await asyncio.sleep(0.01)
        self.report = HostReport(key="web", state="ok", checked_at=time.time(), problem=self.problem)
        return self.report

    sweep_after_change = sweep


@pytest.fixture
def hall():
    return Hall()


@pytest.fixture
def process(hall, io_loop):
    """Call it for one more process: its sweeper and its host."""
    made = []

    def make(**fields):
        host = FakeHost(**fields)
        made.append(Sweeper({"web": host}, Inventory(), Turns(OneOf(hall))))
        return made[-1], host

    yield make
    for sweeper in made:
        io_loop.run_sync(sweeper.close)


async def until_asked(*hosts):
    await soon(lambda: all(host.report.checked_at for host in hosts), "a report of each")
    await asyncio.sleep(0.05)  # in which one that asks once too often would


async def test_one_asks_and_all_know(process):
    processes = [process() for _ in range(3)]
    hosts = [host for _, host in processes]
    for sweeper, _ in processes:
        sweeper.sweep_all()
    await until_asked(*hosts)
    assert sum(host.asked for host in hosts) == 1
    assert len({host.report.checked_at for host in hosts}) == 1


async def test_what_was_found_just_now_will_do_but_not_for_whoever_wants_it_anew(process):
    (first, one), (second, other) = process(), process()
    first.sweep_all()
    await until_asked(one, other)
    second.sweep_all()
    await asyncio.sleep(0.05)
    assert other.asked == 0
    second.sweep_these([other])
    await asyncio.sleep(0.05)
    assert other.asked == 1
    assert one.report == other.report


async def test_one_that_starts_takes_what_is_known(process):
    first, one = process()
    first.sweep_all()
    await until_asked(one)
    second, other = process()
    second.sweep_all()
    await until_asked(other)
    assert other.asked == 0


async def test_a_local_host_and_one_that_is_configured_otherwise_are_each_ones_own(process):
    for fields in ({"local": True}, {}):
        (first, one), (second, other) = process(**fields), process(**fields, port=2222 if not fields else 22)
        for sweeper in (first, second):
            sweeper.sweep_all()
        await until_asked(one, other)
        assert (one.asked, other.asked) == (1, 1)


async def test_after_a_change_it_is_asked_again_once_the_other_has_ended(process, hall):
    (_, one), (second, other) = process(), process()
    claimed = f"sweep:{name_of(one)}"
    hall.claims[claimed] = "another process"
    refreshed = asyncio.ensure_future(second.refresh(other))
    await asyncio.sleep(0.1)
    assert other.asked == 0
    del hall.claims[claimed]
    await refreshed
    assert other.asked == 1
    assert hall.claims == {}
    assert one.report == other.report


async def test_while_nobody_can_say_everyone_asks(process, hall):
    (first, one), (second, other) = process(), process()
    hall.away = True
    for sweeper in (first, second):
        sweeper.sweep_all()
    await until_asked(one, other)
    assert (one.asked, other.asked) == (1, 1)


async def test_nothing_that_is_said_can_do_harm(process, hall):
    """Junk, another host's report under this one's name, one that is older, one of no host."""
    sweeper, host = process()
    await sweeper.refresh(host)
    before, stranger = host.report, OneOf(hall)
    name = name_of(host)
    for message in (
        b"",
        b"\xc1",
        b"\x93\xa1\xff\x01\x80",  # no UTF-8
        b"\x93\xa1x\x01\x81\xa1y" + 100_000 * b"\x91" + b"\xc0",  # deep
        msgspec.msgpack.encode(["web", "soon", {}]),
        msgspec.msgpack.encode([name, 1.0, {"key": "web", "state": "what?"}]),
        msgspec.msgpack.encode(Turn(name, 1.0, HostReport(key="db", checked_at=time.time() + 9))),
        msgspec.msgpack.encode(Turn(name, 1.0, HostReport(key="web", checked_at=before.checked_at - 1))),
        msgspec.msgpack.encode(Turn("web:else", 1.0, HostReport(key="web", checked_at=time.time() + 9))),
    ):
        await stranger.tell(TOPIC, message)
        assert host.report is before
    for junk in (b"junk", b"\x93\xa1\xff\x01\x80"):
        hall.records[f"report:{name}"] = junk
        sweeper.sweep_all()
        await asyncio.sleep(0.05)
    await sweeper.refresh(host)
    assert host.asked >= 2


async def test_what_a_host_says_at_length_fills_nothing_that_is_shared(process, hall):
    """Its tmux users choose their sessions' names. Then each process asks for itself."""
    (first, one), (second, other) = process(problem="x" * MOST_BYTES), process(problem="x" * MOST_BYTES)
    for sweeper, host in ((first, one), (second, other)):
        sweeper.sweep_all()
        await until_asked(host)
        assert (hall.records, hall.claims) == ({}, {})
    assert (one.asked, other.asked) == (1, 1)
