"""The registry: counted once, however many ask."""

from __future__ import annotations

import asyncio
import time

import pytest

from muxboard.access.caps import Caps
from muxboard.access.principal import Principal
from muxboard.config import Limits
from muxboard.config.values import Rate
from muxboard.problems import Code, Problem
from muxboard.registry.memory import MemoryRegistry
from muxboard.registry.redis import RedisRegistry
from muxboard.registry.redis_link import RedisLink
from muxboard.registry.registry import Full

pytestmark = pytest.mark.gen_test(timeout=30)

ADA, BOB = Principal(name="ada", gate="token"), Principal(name="bob", gate="token")


@pytest.fixture(params=["memory", "redis"])
def registry(request, io_loop):
    memory = request.param == "memory"
    registry = MemoryRegistry() if memory else RedisRegistry(RedisLink(request.getfixturevalue("redis").url))
    io_loop.run_sync(registry.open)
    yield registry
    io_loop.run_sync(registry.close)


async def test_a_hundred_parallel_asks_cannot_overshoot_a_cap(registry):
    caps = Caps(Limits(attaches_per_principal=7, attaches_global=10), registry)
    asks = [caps.lease(who, f"{who.name} {count}") for count in range(50) for who in (ADA, BOB)]
    got = await asyncio.gather(*asks, return_exceptions=True)
    leases = [lease for lease in got if not isinstance(lease, BaseException)]
    assert len(leases) == 10
    assert {problem.code for problem in got if isinstance(problem, Problem)} == {Code.attach_cap}
    assert await caps.used(ADA) <= 7
    assert await caps.used(ADA) + await caps.used(BOB) == 10

    for lease in leases:
        await caps.release(lease)
    assert (await caps.used(ADA), await caps.used(BOB)) == (0, 0)


async def test_a_lease_counts_in_all_counters_or_in_none(registry):
    await registry.lease("1", {"a": 2, "b": 1})
    with pytest.raises(Full, match="b"):
        await registry.lease("2", {"a": 2, "b": 1})
    assert (await registry.count("a"), await registry.count("b")) == (1, 1)


async def test_release_is_idempotent(registry):
    """A lease that is given back twice gives nobody else's back."""
    one, other = await registry.lease("1", {"a": 2}), await registry.lease("2", {"a": 2})
    await registry.release(one)
    await registry.release(one)
    assert await registry.count("a") == 1
    await registry.release(other)
    assert await registry.count("a") == 0
    if isinstance(registry, MemoryRegistry):
        assert registry._counts == {}, "a counter at zero is forgotten"


async def test_a_lease_may_take_the_place_of_another_of_the_same_owner(registry):
    await registry.lease("1", {"ada": 1, "all": 1})
    with pytest.raises(Full, match="ada"):
        await registry.lease("2", {"ada": 1, "all": 1}, "unknown")
    with pytest.raises(Full, match="all"):
        await registry.lease("2", {"bob": 1, "all": 1}, "1")
    lease = await registry.lease("2", {"ada": 1, "all": 1}, "1")
    assert (await registry.count("ada"), await registry.count("all")) == (1, 1)
    with pytest.raises(Full):
        await registry.lease("3", {"ada": 1, "all": 1}, "1")
    await registry.release(lease)
    assert (await registry.count("ada"), await registry.count("all")) == (0, 0)


async def test_a_lease_takes_the_place_of_nobody_elses(registry):
    theirs = await registry.lease("1", {"ada": 9, "all": 9})
    await registry.lease("2", {"bob": 9, "all": 9}, "1")
    assert (await registry.count("ada"), await registry.count("all")) == (1, 2)
    await registry.release(theirs)
    assert (await registry.count("ada"), await registry.count("all")) == (0, 1)


async def test_a_lease_that_is_refused_leaves_what_it_was_to_replace(registry):
    await registry.lease("1", {"ada": 9, "all": 9})
    await registry.lease("2", {"ada": 9, "all": 9, "links": 9})
    with pytest.raises(Full, match="links"):
        await registry.lease("3", {"ada": 9, "all": 9, "links": 1}, "1")
    assert await registry.count("ada") == 2


async def test_the_refusal_says_which_cap(registry):
    caps = Caps(Limits(attaches_per_principal=1, attaches_global=2), registry)
    await caps.lease(ADA, "1")
    with pytest.raises(Problem, match="You have 1 terminals open"):
        await caps.lease(ADA, "2")
    await caps.lease(BOB, "3")
    with pytest.raises(Problem, match="All 2 terminals"):
        await caps.lease(Principal(name="eve", gate="token"), "4")


async def test_an_id_is_used_once_until_its_time(registry):
    assert not await registry.used("x")
    assert await registry.use("x", time.time() + 60)
    assert await registry.used("x")
    assert not await registry.use("x", time.time() + 60)


async def test_an_id_whose_time_is_over_is_forgotten(registry):
    await registry.use("x", time.time() - 1)
    assert not await registry.used("x")
    assert await registry.use("x", time.time() + 60)
    for number in range(100):
        await registry.use(str(number), time.time() - 1)
    await registry.use("last", time.time() + 60)
    if isinstance(registry, MemoryRegistry):
        assert len(registry._used) <= 3, "what is over takes no memory"


async def test_a_rate_gives_the_wait_and_counts_by_who(registry):
    rate = Rate(3, 60)
    assert [await registry.hit("login", "ada", rate) for _ in range(3)] == [None] * 3
    wait = await registry.hit("login", "ada", rate)
    assert 1 <= wait <= 61
    assert await registry.hit("login", "bob", rate) is None
    assert await registry.hit("requests", "ada", rate) is None


async def test_asking_whether_a_rate_is_over_counts_nothing(registry):
    rate = Rate(1, 60)
    assert [await registry.over("login", "ada", rate) for _ in range(5)] == [None] * 5
    assert await registry.hit("login", "ada", rate) is None
    assert await registry.over("login", "ada", rate) >= 1


async def test_parallel_hits_cannot_overshoot_a_rate(registry):
    waits = await asyncio.gather(*(registry.hit("x", "ada", Rate(10, 60)) for _ in range(100)))
    assert waits.count(None) == 10


async def test_a_secret_is_the_same_each_time(registry):
    one = await registry.secret("logins")
    assert len(one) == 32
    assert await registry.secret("logins") == one != await registry.secret("others")
