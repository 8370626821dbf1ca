"""The registry that several processes share."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import secrets
import time
from typing import TYPE_CHECKING, Any

from muxboard.registry import scripts
from muxboard.registry.redis_link import PREFIX
from muxboard.registry.registry import Full, Lease, Registry, RegistryUnavailable
from muxboard.registry.window import Windows
from muxboard.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from muxboard.config.values import Rate
    from muxboard.registry.redis_link import RedisLink

SEED = PREFIX + "seed"  # made anew by whoever finds it gone: then the used ids are gone as well
LEASE_S = 15.0  # a process that has died frees its leases after so long
RENEW_S = 3.0
BELIEVED_S = 30.0  # an id that was good so long ago still is, while nobody can be asked


class RedisRegistry(Registry):
    """Counts in Redis. Leases end by themselves unless this process renews them."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._redis = link.redis
        self._ask = link.ask
        self._lease = self._redis.register_script(scripts.LEASE)
        self._renew = self._redis.register_script(scripts.RENEW)
        self._count = self._redis.register_script(scripts.COUNT)
        self._hit = self._redis.register_script(scripts.HIT)
        self._held: dict[str, Lease] = {}
        self._renewed_after = 0  # so many failures all that is held was known to be there
        self._windows = Windows()
        self._good: dict[str, float] = {}
        self._seed: bytes | None = None
        self._tasks = Tasks("registry")  # what a caller who gave up leaves to be done

    async def open(self) -> None:
        await self._ask(self._redis.ping())

    async def stay(self) -> None:
        while True:
            await asyncio.sleep(RENEW_S)
            with contextlib.suppress(RegistryUnavailable):
                await self._renew_all()

    async def _renew_all(self) -> None:
        failures = self._link.failures
        pairs = [(counter, lease.holder) for lease in self._held.values() for counter in lease.counters]
        if pairs:
            keys = [_lease_key(counter) for counter, _ in pairs]
            await self._ask(self._renew(keys=keys, args=[LEASE_S, *(holder for _, holder in pairs)]))
        # One that was released meanwhile would live on for LEASE_S.
        for counter, holder in pairs:
            if holder not in self._held:
                await self._ask(self._redis.zrem(_lease_key(counter), holder))
        self._renewed_after = failures

    async def lease(self, holder: str, limits: Mapping[str, int], instead: str = "") -> Lease:
        if self._renewed_after != self._link.failures:
            await self._renew_all()  # it may have forgotten what is held
        lease = Lease(holder, tuple(limits))
        keys = [_lease_key(counter) for counter in lease.counters]
        call = self._link.begin(self._lease(keys=keys, args=[holder, LEASE_S, instead, *limits.values()]))
        try:
            full = await self._link.answer(call)
        except asyncio.CancelledError:
            self._tasks.start(self._forget_after(call, lease), "forget a lease")
            raise
        if full:
            raise Full(lease.counters[full - 1])
        old = self._held.get(instead)
        if old is not None and lease.counters[0] in old.counters:  # as the script has it
            del self._held[instead]
        self._held[holder] = lease
        return lease

    async def release(self, lease: Lease) -> None:
        if self._held.pop(lease.holder, None) is not None:
            await self._forget(lease)

    async def _forget_after(self, call: asyncio.Task[Any] | None, lease: Lease) -> None:
        if call is not None:
            await asyncio.wait([call])
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
        pipeline.eval(scripts.SEED, 1, SEED, "")
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

    async def used_among(self, names: Collection[str]) -> set[str]:
        asked = list(names)
        pipeline = self._redis.pipeline(transaction=False)
        for name in asked:
            pipeline.exists(PREFIX + "used:" + name)
        found = await self._ask(pipeline.execute()) if asked else []
        return {name for name, used in zip(asked, found, strict=True) if used}

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
            fresh = secrets.token_bytes(32)
            self._seed = await self._ask(self._redis.eval(scripts.SEED, 1, SEED, fresh))
        if self._seed is None:
            raise RegistryUnavailable("it forgets at once what it is told")
        return hmac.digest(self._seed, name.encode(), "sha256")

    async def close(self) -> None:
        await self._tasks.close()
        for lease in list(self._held.values()):
            await self.release(lease)
        await self._link.close()


def _lease_key(counter: str) -> str:
    return f"{PREFIX}lease:{counter}"


def _rate_key(what: str, who: str) -> str:
    return f"{PREFIX}rate:{what} of {who}"
