"""The board that processes share by Redis."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import time
from typing import TYPE_CHECKING, Any

from muxboard.registry import scripts
from muxboard.registry.board import Board
from muxboard.registry.redis_link import PREFIX
from muxboard.registry.registry import RegistryUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxboard.registry.redis_link import RedisLink

OWN_CHARS = 16
LISTEN_S = 5.0  # without a word before Redis is asked for one; after as long again another connection is made
AGAIN_S = 0.5
PROCESSES = PREFIX + "board:processes:"
RECORD_BYTES = 8 << 20  # what is longer was not put up by us

log = logging.getLogger("muxboard.registry")


class RedisBoard(Board):
    """Records are keys that expire; what is told goes by Redis's channels, the sender's name before it."""

    alone = False

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._redis = link.redis
        self._own = secrets.token_hex(OWN_CHARS // 2).encode()
        self._unclaim = self._redis.register_script(scripts.UNCLAIM)
        self._listeners: dict[bytes, Callable[[bytes], None]] = {}

    async def claim(self, what: str, seconds: float) -> bool:
        key, milliseconds = PREFIX + "claim:" + what, int(seconds * 1000)
        return bool(await self._link.ask(self._redis.set(key, self._own, nx=True, px=milliseconds)))

    async def unclaim(self, what: str) -> None:
        with contextlib.suppress(RegistryUnavailable):
            await self._link.ask(self._unclaim(keys=[PREFIX + "claim:" + what], args=[self._own]))

    async def put(self, name: str, record: bytes, seconds: float) -> None:
        await self._link.ask(self._redis.set(PREFIX + "board:" + name, record, px=int(seconds * 1000)))

    async def get(self, name: str) -> bytes | None:
        found = await self._link.ask(self._redis.getrange(PREFIX + "board:" + name, 0, RECORD_BYTES))
        return _record(found)

    async def put_own(self, kind: str, record: bytes, seconds: float) -> None:
        now = time.time()
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.set(self._key_of(kind, self._own), record, px=int(seconds * 1000))
        pipeline.zadd(PROCESSES + kind, {self._own: now})
        pipeline.zremrangebyscore(PROCESSES + kind, "-inf", now - 3600)  # their records have gone long before
        pipeline.pexpire(PROCESSES + kind, 3600_000)
        await self._link.ask(pipeline.execute())

    async def others(self, kind: str) -> list[bytes]:
        names = await self._link.ask(self._redis.zrange(PROCESSES + kind, 0, -1))
        keys = [self._key_of(kind, name) for name in names if name != self._own]
        if not keys:
            return []
        pipeline = self._redis.pipeline(transaction=False)
        for key in keys:
            pipeline.getrange(key, 0, RECORD_BYTES)
        found = await self._link.ask(pipeline.execute())
        return [record for record in map(_record, found) if record is not None]

    def _key_of(self, kind: str, process: bytes) -> str:
        return f"{PREFIX}board:{kind}:{process.decode(errors='replace')}"

    async def tell(self, topic: str, message: bytes) -> None:
        await self._link.ask(self._redis.publish(PREFIX + topic, self._own + message))

    def hear(self, topic: str, listener: Callable[[bytes], None]) -> None:
        self._listeners[(PREFIX + topic).encode()] = listener

    async def stay(self) -> None:
        while True:
            try:
                async with self._redis.pubsub() as channels:
                    await channels.subscribe(*self._listeners)
                    await self._listen(channels)
            except self._link.errors as error:
                self._link.unavailable(error)
            await asyncio.sleep(AGAIN_S)

    async def close(self) -> None:
        await self._link.close()

    async def _listen(self, channels: Any) -> None:
        """Hand on what is told; returns when the connection is as good as gone."""
        asked = False
        while True:
            message = await channels.get_message(timeout=LISTEN_S)
            if message is None:
                if asked:
                    return
                asked = True
                await channels.ping()
                continue
            asked = False
            if message["type"] == "message":
                self._heard(message["channel"], message["data"])

    def _heard(self, channel: bytes, data: bytes) -> None:
        sender, message = data[:OWN_CHARS], data[OWN_CHARS:]
        listener = self._listeners.get(channel)
        if listener is None or sender == self._own or len(data) > RECORD_BYTES:
            return
        try:
            listener(message)
        except Exception:
            log.exception("what another process told was not understood")


def _record(found: bytes) -> bytes | None:
    return found if 0 < len(found) <= RECORD_BYTES else None
