"""Where the keys come from that verify tokens: a file, a secret, or an address that is asked now and then."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import re
import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import jwt
from tornado.httpclient import HTTPError
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from muxboard.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

log = logging.getLogger("muxboard.keys")

MAX_BYTES = 1 << 20
MAX_KEYS = 64
FRESH_S = 3600.0  # asked again after so long
UNKNOWN_S = 10.0  # and for a key id that is not known at most once in so long
TIMEOUT_S = 5.0
TRIED_WITHOUT_KID = 8
_ALB_KID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


# Its id, "" where it has none; the algorithm that it is for; the key.
Key = tuple[str, str, Any]


class KeysUnavailable(Exception):  # noqa: N818
    """No key could be had: nothing can be verified now."""


class Keys(ABC):
    """What verifies tokens."""

    @abstractmethod
    async def find(self, kid: str, algorithm: str) -> list[Any]:
        """Return the keys that may have made a signature; none for an unknown id.

        Raises:
            KeysUnavailable: They could not be had.
        """

    async def close(self) -> None:  # noqa: B027  most hold nothing
        """Let go of everything. Idempotent."""


class FixedKeys(Keys):
    """Keys that do not change while the service runs."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self.keys = list(keys)

    async def find(self, kid: str, algorithm: str) -> list[Any]:
        return _matching(self.keys, kid, algorithm)


def from_pem(pem: bytes, algorithms: tuple[str, ...]) -> FixedKeys:
    """Return the key of a PEM file.

    Raises:
        ValueError: It holds no public key for these algorithms.
    """
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415

    key = load_pem_public_key(pem)
    found = []
    for algorithm in algorithms:
        try:
            jwt.get_algorithm_by_name(algorithm).prepare_key(key)
        except (TypeError, jwt.PyJWTError):
            continue
        found.append(("", algorithm, key))
    if not found:
        raise ValueError(f"holds no public key for {', '.join(algorithms)}")
    return FixedKeys(found)


def from_secret(secret: bytes, algorithms: tuple[str, ...]) -> FixedKeys:
    """Return a secret as a key."""
    return FixedKeys([("", algorithm, secret) for algorithm in algorithms])


def from_jwks(text: bytes, algorithms: tuple[str, ...]) -> FixedKeys:
    """Return the keys of a JWKS document.

    Raises:
        ValueError: It is none, or holds no key for these algorithms.
    """
    found = parse_jwks(text, algorithms)
    if not found:
        raise ValueError(f"holds no public key for {', '.join(algorithms)}")
    return FixedKeys(found)


def parse_jwks(text: bytes, algorithms: tuple[str, ...]) -> list[Key]:
    """Return (kid, algorithm, key) for each public signature key of a document; others are left out.

    Raises:
        ValueError: It is not a JWKS document.
    """
    try:
        document = json.loads(text)
        entries = document["keys"]
        if not isinstance(entries, list):
            raise TypeError("keys")  # noqa: TRY301
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError("is not a JWKS document") from error
    found: list[Key] = []
    for entry in entries[:MAX_KEYS]:
        if not isinstance(entry, dict) or entry.get("use", "sig") != "sig" or entry.get("kty") == "oct":
            continue
        kid = entry.get("kid", "")
        for algorithm in algorithms:
            if entry.get("alg", algorithm) != algorithm or not isinstance(kid, str):
                continue
            try:
                public = {name: value for name, value in entry.items() if name not in {"d", "k"}}
                found.append((kid, algorithm, jwt.PyJWK(public, algorithm).key))
            except (jwt.PyJWTError, ValueError, TypeError, KeyError):
                continue
    return found


def _matching(keys: list[Key], kid: str, algorithm: str) -> list[Any]:
    fitting = [(name, key) for name, made, key in keys if made == algorithm]
    if not kid:
        return [key for _, key in fitting][:TRIED_WITHOUT_KID]
    return [key for name, key in fitting if name in {kid, ""}][:TRIED_WITHOUT_KID]


class Source:
    """One address, asked at most once in ``UNKNOWN_S``; the last good answer is kept while it is down.

    Args:
        url: https, or http on this machine.
        read: Makes keys of an answer; ``ValueError`` says what is wrong with it.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        url: str,
        read: Callable[[bytes], list[Key]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._read = read
        self._clock = clock
        self.keys: list[Key] = []
        self._good_at = self._asked_at = -math.inf
        self._asking: asyncio.Task[None] | None = None
        self._tasks = Tasks("keys")

    async def find(self, kid: str, algorithm: str) -> list[Any]:
        """Return the keys that may have made a signature. Cancelling leaves an asking under way."""
        found = _matching(self.keys, kid, algorithm)
        now = self._clock()
        stale = now - self._good_at > FRESH_S
        if (not found or stale) and self._asking is None and now - self._asked_at > UNKNOWN_S:
            self._asked_at = now
            self._asking = self._tasks.start(self._ask(), self._url)
        if not found and self._asking is not None:  # who has a known key does not wait
            await asyncio.shield(self._asking)
            found = _matching(self.keys, kid, algorithm)
        if not self.keys:
            raise KeysUnavailable(self._url)
        return found

    async def _ask(self) -> None:
        try:
            keys = self._read(await fetch(self._url))
            if not keys:
                raise ValueError("holds no key that can be used")  # noqa: TRY301
            self.keys = keys
            self._good_at = self._clock()
        except (HTTPError, OSError, ValueError) as error:
            log.warning(
                "keys could not be had from %s: %s", self._url, str(error)[:200] or type(error).__name__
            )
        finally:
            self._asking = None

    async def close(self) -> None:
        """Let go of everything. Idempotent."""
        await self._tasks.close()


async def fetch(url: str) -> bytes:
    """Return what an address answers, of at most ``MAX_BYTES``; redirects are not followed.

    Raises:
        HTTPError: It did not answer with 200, or not in time.
        OSError: It could not be reached.
    """
    client = SimpleAsyncHTTPClient(
        force_instance=True, max_body_size=MAX_BYTES, max_buffer_size=2 * MAX_BYTES
    )
    try:
        asking = client.fetch(
            url,
            follow_redirects=False,
            decompress_response=False,  # a small answer must not become a large one
            connect_timeout=TIMEOUT_S,
            request_timeout=TIMEOUT_S,
        )
        # Tornado reports the end of a request that nobody waits for any more as an accident.
        asking.add_done_callback(lambda done: done.cancelled() or done.exception())
        return (await asyncio.shield(asking)).body
    finally:
        client.close()


async def trial(url: str, algorithms: tuple[str, ...]) -> str:
    """Return why keys cannot be had from an address, "" where they can."""
    try:
        if parse_jwks(await fetch(url), algorithms):
            return ""
    except (HTTPError, OSError, ValueError) as error:
        return str(error)[:200] or type(error).__name__
    return f"holds no public key for {', '.join(algorithms)}"


class JwksKeys(Source, Keys):
    """A JWKS address."""

    def __init__(
        self, url: str, algorithms: tuple[str, ...], clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(url, lambda text: parse_jwks(text, algorithms), clock)


class AlbKeys(Keys):
    """AWS's load balancer has a PEM file for each key id, at an address that is made of it.

    A file never changes, so it is asked for once. Ids that are not known are tried at most once in
    ``UNKNOWN_S``, however many come.
    """

    def __init__(
        self, url: str, algorithms: tuple[str, ...], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._url = url.rstrip("/")
        self._algorithms = algorithms
        self._clock = clock
        self._known: dict[str, list[Key]] = {}
        self._asked_at = -math.inf
        self._asking: dict[str, Source] = {}

    async def find(self, kid: str, algorithm: str) -> list[Any]:
        """Return the key of an id."""
        if not _ALB_KID.fullmatch(kid):
            return []
        if kid not in self._known:
            source = self._asking.get(kid)
            if source is None:
                if self._clock() - self._asked_at <= UNKNOWN_S:
                    if not self._known:
                        raise KeysUnavailable(self._url)
                    return []
                self._asked_at = self._clock()
                source = self._asking[kid] = Source(f"{self._url}/{kid}", self._pem, self._clock)
            try:
                await source.find("", algorithm)
            except KeysUnavailable:
                if not self._known:
                    raise
                return []
            finally:
                self._asking.pop(kid, None)
                await source.close()
            self._known = {**dict(list(self._known.items())[-MAX_KEYS:]), kid: source.keys}
        return _matching(self._known[kid], "", algorithm)

    def _pem(self, text: bytes) -> list[Key]:
        return from_pem(text, self._algorithms).keys

    async def close(self) -> None:
        """Let go of everything. Idempotent."""
        for source in list(self._asking.values()):
            await source.close()
