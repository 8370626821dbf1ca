"""Several processes' registry, on a real Redis that goes, comes back, stops answering and forgets."""

from __future__ import annotations

import asyncio
import re
import time

import pytest

from muxboard.config.values import Rate
from muxboard.registry import redis as module
from muxboard.registry import redis_link
from muxboard.registry.redis import RedisRegistry
from muxboard.registry.redis_link import RedisLink
from muxboard.registry.registry import Full, RegistryUnavailable

pytestmark = pytest.mark.gen_test(timeout=60)
RATE = Rate(2, 60)


@pytest.fixture
def open_registry(io_loop, redis, monkeypatch):
    """Call it for one more process's registry."""
    monkeypatch.setattr(module, "RENEW_S", 0.1)
    opened = []

    async def open_one(lease_s=15.0, url=redis.url):
        monkeypatch.setattr(module, "LEASE_S", lease_s)
        opened.append(RedisRegistry(RedisLink(url)))
        await opened[-1].open()
        staying.append(asyncio.ensure_future(opened[-1].stay()))
        return opened[-1]

    async def close():
        for each, task in zip(opened, staying, strict=True):
            task.cancel()
            await asyncio.wait([task])
            await each.close()

    staying = []
    yield open_one
    io_loop.run_sync(close)


async def soon(condition, what, seconds=10):
    end = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < end, what
        await asyncio.sleep(0.02)


async def test_three_processes_never_overshoot(open_registry):
    three = [await open_registry() for _ in range(3)]
    asks = [three[number % 3].lease(f"t{number}", {"all": 10}) for number in range(100)]
    got = await asyncio.gather(*asks, return_exceptions=True)
    assert sum(isinstance(each, Full) for each in got) == 90
    assert [await each.count("all") for each in three] == [10, 10, 10]


async def test_a_process_that_died_frees_its_leases_and_a_living_one_keeps_them(open_registry):
    dead, living = await open_registry(0.6), await open_registry(0.6)
    await dead.lease("1", {"all": 2})
    await living.lease("2", {"all": 2})
    with pytest.raises(Full):
        await living.lease("3", {"all": 2})
    dead._held.clear()  # as kill -9 does: nothing is renewed and nothing given back

    async def freed():
        return await living.count("all") == 1

    await soon(freed, "the dead one's lease to end")
    await asyncio.sleep(1.0)
    assert await living.count("all") == 1, "the living one's is still there"


async def test_an_id_is_used_once_by_whoever_asks_first(open_registry):
    three = [await open_registry() for _ in range(3)]
    got = await asyncio.gather(*(three[number % 3].use("link", time.time() + 60) for number in range(30)))
    assert got.count(True) == 1
    assert all([await each.used("link") for each in three])


async def test_logins_are_one_secret_and_one_count(open_registry):
    one, other = await open_registry(), await open_registry()
    assert await one.secret("logins") == await other.secret("logins")
    assert await one.hit("login", "1.2.3.4", RATE) is None
    assert await other.hit("login", "1.2.3.4", RATE) is None
    assert 50 < await one.hit("login", "1.2.3.4", RATE) <= 60
    assert 50 < await other.over("login", "1.2.3.4", RATE) <= 60


@pytest.mark.parametrize("kept", [False, True])
async def test_what_was_signed_is_void_once_redis_has_forgotten_who_logged_out(open_registry, redis, kept):
    """Also where it has an old copy of its data."""
    one, other = await open_registry(), await open_registry()
    before = await one.secret("logins")
    assert await other.secret("logins") == before
    assert not await one.used("login")
    seed = redis.ask("GET", module.SEED)
    redis.stop()
    redis.start()
    if kept:
        redis.ask("SET", module.SEED, seed)
    assert await one.used("login"), "nobody knows any more"
    after = await one.secret("logins")
    assert after != before
    assert await other.used("login")
    assert await other.secret("logins") == after
    assert not await one.used("login")
    assert not await other.used("login")


@pytest.mark.parametrize("away", ["stopped", "silent"])
async def test_while_it_is_away_nothing_is_given_and_it_is_used_again_at_once(
    open_registry, redis, monkeypatch, away
):
    monkeypatch.setattr(redis_link, "ANSWER_S", 0.3)
    registry = await open_registry(5.0)
    held = await registry.lease("1", {"all": 2})
    assert not await registry.used("seen")
    redis.stop() if away == "stopped" else redis.hold()
    for ask in (
        lambda: registry.lease("2", {"all": 9}),
        lambda: registry.count("all"),
        lambda: registry.use("link", time.time() + 60),
        lambda: registry.used("never seen"),
        lambda: registry.secret("logins"),
    ):
        with pytest.raises(RegistryUnavailable) as told:
            await ask()
        assert "redis:" not in told.value.reason, "its address may hold a password"
    assert not await registry.used("seen"), "a login that was good is believed for a while"
    assert [await registry.hit("login", "ada", RATE) for _ in range(2)] == [None, None]
    assert await registry.hit("login", "ada", RATE), "each counts for itself meanwhile"
    redis.start() if away == "stopped" else redis.hold(False)

    async def back():
        try:
            return await registry.count("all") >= 1
        except RegistryUnavailable:
            return False

    await soon(back, "the lease of what went on, renewed")
    await registry.release(held)
    assert await registry.use("link", time.time() + 60)


async def test_one_that_cannot_be_reached_is_told_without_its_password(redis):
    registry = RedisRegistry(RedisLink(redis.url.replace("of%20the", "wrong")))
    with pytest.raises(RegistryUnavailable) as told:
        await registry.open()
    assert re.search("(?i)password|auth", told.value.reason)
    assert "wrong the" not in told.value.reason
    await registry.close()


@pytest.mark.parametrize("by", ["SSL_CERT_FILE", "ssl_ca_certs"])
async def test_over_tls_an_authority_of_ones_own_is_named_by_the_environment_or_the_url(
    open_registry, redis, monkeypatch, by
):
    url = redis.tls_url
    if by == "SSL_CERT_FILE":
        monkeypatch.setenv(by, str(redis.certificate))
    else:
        url += f"?{by}={redis.certificate}"
    registry = await open_registry(url=url)
    lease = await registry.lease("1", {"all": 1})
    with pytest.raises(Full):
        await registry.lease("2", {"all": 1})
    assert await (await open_registry()).count("all") == 1, "it is the same server"
    await registry.release(lease)


@pytest.mark.parametrize(
    ("host", "trusted", "why"),
    [
        ("localhost", False, "certificate verify failed: self-signed certificate"),
        ("127.0.0.1", True, "certificate verify failed: IP address mismatch"),
    ],
    ids=["a stranger's", "another's"],
)
async def test_over_tls_a_certificate_that_does_not_vouch_is_refused(redis, monkeypatch, host, trusted, why):
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(redis.certificate))
    registry = RedisRegistry(RedisLink(redis.tls_url.replace("localhost", host)))
    with pytest.raises(RegistryUnavailable) as told:
        await registry.open()
    assert why in told.value.reason
    await registry.close()


async def test_a_caller_that_gives_up_leaves_no_lease(open_registry, redis):
    registry = await open_registry()
    redis.hold()
    ask = asyncio.ensure_future(registry.lease("1", {"all": 1}))
    await asyncio.sleep(0.05)
    ask.cancel()
    await asyncio.wait([ask])
    redis.hold(False)

    async def free():
        try:
            await registry.release(await registry.lease("2", {"all": 1}))
        except (Full, RegistryUnavailable):
            return False
        return True

    await soon(free, "the place that nobody took")
