"""What processes tell each other by a real Redis, and that nothing they hear can hurt them."""

from __future__ import annotations

import asyncio

import pytest

from muxboard.registry import redis_board as module
from muxboard.registry.board import Alone
from muxboard.registry.redis_board import RedisBoard
from muxboard.registry.redis_link import RedisLink
from muxboard.registry.registry import RegistryUnavailable
from tests.rig.soon import soon

pytestmark = pytest.mark.gen_test(timeout=60)


@pytest.fixture
def boards(io_loop, redis, monkeypatch):
    """Two processes' boards that listen, and what each has heard on the topic ``news``."""
    monkeypatch.setattr(module, "LISTEN_S", 0.3)
    links = [RedisLink(redis.url) for _ in range(2)]
    boards = [RedisBoard(link) for link in links]
    heard = [[], []]
    tasks = []

    async def begin():
        for board, each in zip(boards, heard, strict=True):
            board.hear("news", each.append)
            tasks.append(asyncio.ensure_future(board.stay()))
        await listening(*boards, heard)

    async def end():
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        for link in links:
            await link.close()

    io_loop.run_sync(begin)
    yield *boards, heard
    io_loop.run_sync(end)


async def listening(one, other, heard):
    """Return when each hears the other."""
    for board, each in ((one, heard[1]), (other, heard[0])):
        for _ in range(200):
            try:
                await board.tell("news", b"?")
            except RegistryUnavailable:
                await asyncio.sleep(0.05)
                continue
            await asyncio.sleep(0.02)
            if each:
                break
        assert each
    for each in heard:
        each.clear()


async def test_what_is_told_is_heard_by_the_others_in_order(boards):
    one, other, heard = boards
    for number in range(100):
        await one.tell("news", b"%d" % number)
    await soon(lambda: len(heard[1]) == 100, "all of it")
    assert heard == [[], [b"%d" % number for number in range(100)]]
    await other.tell("something else", b"nobody hears")


async def test_it_listens_again_when_redis_is_back(boards, redis):
    one, other, heard = boards
    redis.stop()
    with pytest.raises(RegistryUnavailable):
        await one.tell("news", b"lost")
    redis.start()
    await listening(one, other, heard)


async def test_it_notices_that_nothing_comes_any_more(boards, redis):
    one, other, heard = boards
    redis.hold()
    await asyncio.sleep(1.0)  # longer than it waits for a word
    redis.hold(False)
    await listening(one, other, heard)


async def test_a_claim_is_one_processs_until_it_gives_it_back_or_dies(boards):
    one, other, _ = boards
    assert await one.claim("host", 30)
    assert not await other.claim("host", 30)
    await other.unclaim("host")
    assert not await other.claim("host", 30), "somebody else's is not given back"
    await one.unclaim("host")
    assert await other.claim("host", 0.1)
    await asyncio.sleep(0.15)
    assert await one.claim("host", 30)


async def test_records_are_everybodys_until_their_time(boards):
    one, other, _ = boards
    assert await other.get("report") is None
    await one.put("report", b"\x00all", 30)
    assert await other.get("report") == b"\x00all"
    await one.put("report", b"short", 0.05)
    await asyncio.sleep(0.1)
    assert await other.get("report") is None


async def test_own_records_are_shown_to_the_others(boards):
    one, other, _ = boards
    await one.put_own("terminals", b"of one", 30)
    await other.put_own("terminals", b"of other", 30)
    assert await one.others("terminals") == [b"of other"]
    assert await other.others("terminals") == [b"of one"]
    await one.put_own("terminals", b"soon gone", 0.05)
    await asyncio.sleep(0.1)
    assert await other.others("terminals") == []


async def test_what_nobody_of_us_said_ends_no_listener(boards, caplog):
    one, other, heard = boards

    await one._redis.publish("{muxboard}:news", b"")
    await one._redis.publish("{muxboard}:news", b"x" * (9 << 20))
    await listening(one, other, heard)
    assert all(len(message) < 100 for each in heard for message in each)

    def fussy(message):
        heard[1].append(message.decode("ascii"))

    other.hear("news", fussy)
    await one.tell("news", b"\xff")
    await one.tell("news", b"fine")
    await soon(lambda: "fine" in heard[1], "what came after it")
    assert "not understood" in caplog.text


async def test_alone_there_is_nobody():
    board = Alone()
    assert board.alone
    assert await board.claim("host", 1)
    assert await board.others("terminals") == []
    assert await board.get("x") is None
