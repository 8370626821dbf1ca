"""The registry that several processes share."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import logging
import secrets
import time
from typing import TYPE_CHECKING, Any

from muxboard.registry import scripts
from muxboard.registry.registry import Full, Lease, Registry, RegistryUnavailable
from muxboard.registry.window import Windows
from muxboard.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from muxboard.config.values import Rate

PREFIX = "{muxboard}:"  # the braces keep all keys in one slot of a cluster
SEED = PREFIX + "seed"  # made anew by whoever finds it gone: then the used ids are gone as well
LEASE_S = 15.0  # a process that has died frees its leases after so long
RENEW_S = 3.0
ANSWER_S = 1.0  # nobody waits longer for an answer
CONNECTIONS = 8
BELIEVED_S = 30.0  # an id that was good so long ago still is, while nobody can be asked

log = logging.getLogger("muxboard.registry")


class RedisRegistry(Registry):
    """Counts in Redis. Leases end by themselves unless this process renews them.

    Args:
        url: As redis-py takes it; it may hold a password, so it is never told.
    """

    def __init__(self, url: str) -> None:
        import redis.asyncio as redis  # noqa: PLC0415  0.3 s, which a single process is spared
        from redis.asyncio.retry import Retry  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.exceptions import RedisError  # noqa: PLC0415

        self._errors = (RedisError, OSError, TimeoutError)
        pool = redis.BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=ANSWER_S,
            socket_timeout=ANSWER_S,
            socket_connect_timeout=ANSWER_S,
            retry=Retry(NoBackoff(), 1),  # once: the server may have closed an idle connection
        )
        self._redis = redis.Redis.from_pool(pool)
        self._lease = self._redis.register_script(scripts.LEASE)
        self._renew = self._redis.register_script(scripts.RENEW)
        self._count = self._redis.register_script(scripts.COUNT)
        self._hit = self._redis.register_script(scripts.HIT)
        self._held: dict[str, Lease] = {}
        self._windows = Windows()
        self._good: dict[str, float] = {}
        self._seed: bytes | None = None
        self._tasks = Tasks("registry")  # what a caller who gave up leaves to be done
        self._away = False

    async def _ask(self, answer: Awaitable[Any]) -> Any:
        try:
            async with asyncio.timeout(2 * ANSWER_S):
                got = await answer
        except self._errors as error:
            if not self._away:
                self._away = True
                log.error("redis does not answer: %s", _said(error))  # noqa: TRY400  one line says it
            raise RegistryUnavailable(_said(error)) from error
        if self._away:
            self._away = False
            log.warning("redis answers again")
        return got

    async def open(self) -> None:
        await self._ask(self._redis.ping())

    async def stay(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            with contextlib.suppress(RegistryUnavailable):
                await self._renew_all()

    async def _renew_all(self) -> None:
        pairs = [(counter, lease.holder) for lease in self._held.values() for counter in lease.counters]
        if pairs:
            keys = [_lease_key(counter) for counter, _ in pairs]
            await self._ask(self._renew(keys=keys, args=[LEASE_S, *(holder for _, holder in pairs)]))
        # One that was released meanwhile would live on for LEASE_S.
        for counter, holder in pairs:
            if holder not in self._held:
                await self._ask(self._redis.zrem(_lease_key(counter), holder))

    async def lease(self, holder: str, limits: Mapping[str, int]) -> Lease:
        lease = Lease(holder, tuple(limits))
        keys = [_lease_key(counter) for counter in lease.counters]
        try:
            full = await self._ask(self._lease(keys=keys, args=[holder, LEASE_S, *limits.values()]))
        except asyncio.CancelledError:
            self._tasks.start(self._forget(lease), "forget a lease")
            raise
        if full:
            raise Full(lease.counters[full - 1])
        self._held[holder] = lease
        return lease

    async def release(self, lease: Lease) -> None:
        if self._held.pop(lease.holder, None) is not None:
            await self._forget(lease)

    async def _forget(self, lease: Lease) -> None:
        with contextlib.suppress(RegistryUnavailable):  # it ends by itself
            pipeline = self._redis.pipeline(transaction=False)
            for counter in lease.counters:
                pipeline.zrem(_lease_key(counter), lease.holder)
            await self._ask(pipeline.execute())

    async def count(self, counter: str) -> int:
        return int(await self._ask(self._count(keys=[_lease_key(counter)])))

    async def use(self, name: str, until: float) -> bool:
        self._good.pop(name, None)
        at = max(int(until * 1000), 1)
        return bool(await self._ask(self._redis.set(PREFIX + "used:" + name, b"", nx=True, pxat=at)))

    async def used(self, name: str) -> bool:
        now = time.monotonic()
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.exists(PREFIX + "used:" + name)
        pipeline.get(SEED)
        try:
            found, seed = await self._ask(pipeline.execute())
        except RegistryUnavailable:
            if now - self._good.get(name, -BELIEVED_S) < BELIEVED_S:
                return False
            raise
        self._good.pop(name, None)
        for old in [old for old, at in self._good.items() if now - at >= BELIEVED_S]:
            del self._good[old]
        forgotten = seed != self._seed
        if forgotten:
            self._seed = seed
        elif not found:
            self._good[name] = now
        return bool(found) or forgotten

    async def hit(self, what: str, who: str, rate: Rate) -> float | None:
        wait = self._windows.hit(_rate_key(what, who), rate, time.monotonic())
        return wait if wait is not None else await self._shared(what, who, rate, secrets.token_hex(8))

    async def over(self, what: str, who: str, rate: Rate) -> float | None:
        wait = self._windows.wait(_rate_key(what, who), rate, time.monotonic())
        return wait if wait is not None else await self._shared(what, who, rate, "")

    async def _shared(self, what: str, who: str, rate: Rate, event: str) -> float | None:
        try:
            asked = self._hit(keys=[_rate_key(what, who)], args=[rate.count, rate.seconds, event])
            wait = int(await self._ask(asked))
        except RegistryUnavailable:
            return None
        return None if wait < 0 else wait / 1e6

    async def secret(self, name: str) -> bytes:
        if self._seed is None:
            await self._ask(self._redis.set(SEED, secrets.token_bytes(32), nx=True))
            self._seed = await self._ask(self._redis.get(SEED))
        if self._seed is None:
            raise RegistryUnavailable("it forgets at once what it is told")
        return hmac.digest(self._seed, name.encode(), "sha256")

    async def close(self) -> None:
        await self._tasks.close()
        for lease in list(self._held.values()):
            await self.release(lease)
        await self._redis.aclose()


def _lease_key(counter: str) -> str:
    return f"{PREFIX}lease:{counter}"


def _rate_key(what: str, who: str) -> str:
    return f"{PREFIX}rate:{what} of {who}"


def _said(error: BaseException) -> str:
    return str(error).partition("\n")[0][:200] or type(error).__name__
