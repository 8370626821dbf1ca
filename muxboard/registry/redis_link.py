"""One process's connections to Redis, and what is told when it does not answer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from typing import TYPE_CHECKING, Any

from muxboard.registry.registry import RegistryUnavailable
from muxboard.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Awaitable

PREFIX = "{muxboard}:"  # the braces keep all keys in one slot of a cluster
ANSWER_S = 1.0  # nobody waits longer for an answer
AGAIN_S = 0.25  # after a call that had no answer
CONNECTIONS = 16

_Answered = tuple[Any, str | None]  # what was answered, or why nothing was

log = logging.getLogger("muxboard.registry")


class RedisLink:
    """Asks one Redis.

    Args:
        url: As redis-py takes it; it may hold a password, so it is never told.

    Raises:
        ValueError: The URL has options that are not understood.
    """

    def __init__(self, url: str) -> None:
        import redis.asyncio as redis  # noqa: PLC0415  0.3 s, which a single process is spared
        from redis.asyncio.retry import Retry  # noqa: PLC0415
        from redis.backoff import NoBackoff  # noqa: PLC0415
        from redis.exceptions import RedisError, ResponseError  # noqa: PLC0415

        self.errors = (RedisError, OSError, TimeoutError)
        self._refusals = ResponseError
        pool = redis.BlockingConnectionPool.from_url(
            url,
            max_connections=CONNECTIONS,
            timeout=ANSWER_S,
            socket_timeout=ANSWER_S,
            socket_connect_timeout=ANSWER_S,
            retry=Retry(NoBackoff(), 1),  # once: the server may have closed an idle connection
        )
        try:
            # It connects to nothing yet, and would raise this at the first call.
            pool.make_connection()  # type: ignore[no-untyped-call]
        except (TypeError, RedisError) as error:
            raise ValueError(f"its options are not understood: {str(error).rpartition(') ')[2]}") from error
        for option in ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile"):
            path = pool.connection_kwargs.get(option)
            if path and not os.access(path, os.R_OK):
                raise ValueError(f"{option}: {path} cannot be read")
        self.redis = redis.Redis.from_pool(pool)
        self._tasks = Tasks("redis")
        self.failures = 0  # calls that had no answer, so far
        self._away = False
        self._try_at = 0.0

    async def ask(self, answer: Awaitable[Any]) -> Any:
        """Return an answer. While there are none, one caller at a time tries, and the others need not wait.

        Raises:
            RegistryUnavailable: There is none, for whatever reason.
        """
        return await self.answer(self.begin(answer))

    def begin(self, answer: Awaitable[Any]) -> asyncio.Task[_Answered] | None:
        """Ask, whether or not anybody waits for the answer; None: it would be in vain."""
        now = asyncio.get_running_loop().time()
        if self._away:
            if now < self._try_at:
                if asyncio.iscoroutine(answer):
                    answer.close()
                return None
            self._try_at = now + 2 * ANSWER_S
        return self._tasks.start(self._carry(answer), "a call")

    async def answer(self, call: asyncio.Task[_Answered] | None) -> Any:
        """Wait for the answer to a call. Whoever gives that up leaves the call to its end: one that is
        cancelled on its way may keep its connection from all others.

        Raises:
            RegistryUnavailable: There is none.
        """
        if call is None:
            raise RegistryUnavailable("it did not answer a moment ago")
        got, error = await asyncio.shield(call)
        if error is not None:
            raise RegistryUnavailable(error)
        return got

    async def _carry(self, answer: Awaitable[Any]) -> _Answered:
        try:
            got = await answer
        except self._refusals as error:  # it answers: this call alone is refused
            log.error("redis refuses: %s", _said(error))  # noqa: TRY400  one line says it
            return None, _said(error)
        except self.errors as error:
            return None, self.unavailable(error).reason
        if self._away:
            self._away = False
            log.warning("redis answers again")
        return got, None

    def unavailable(self, error: BaseException) -> RegistryUnavailable:
        """Return what an error is to whoever asked; the first in a row is logged."""
        self.failures += 1
        self._try_at = asyncio.get_running_loop().time() + AGAIN_S
        said = _said(error)
        if not self._away:
            self._away = True
            log.error("redis does not answer: %s", said)
        return RegistryUnavailable(said)

    async def close(self) -> None:
        """Close the connections, without waiting long for the other end. Idempotent."""
        await self._tasks.close()
        with contextlib.suppress(*self.errors):
            async with asyncio.timeout(ANSWER_S):
                await self.redis.aclose()


def _said(error: BaseException) -> str:
    return str(error).partition("\n")[0][:200] or type(error).__name__
