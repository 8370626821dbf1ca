"""Where the keys come from that verify tokens: a file, a secret, or an address that is asked now and then."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from typing import TYPE_CHECKING, Any, Protocol

import jwt
from tornado.httpclient import HTTPError
from tornado.simple_httpclient import SimpleAsyncHTTPClient

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


class KeysUnavailable(Exception):  # noqa: N818
    """No key could be had: nothing can be verified now."""


class Keys(Protocol):
    """What verifies tokens."""

    async def find(self, kid: str, algorithm: str) -> list[Any]:
        """Return the keys that may have made a signature; none for an unknown id.

        Raises:
            KeysUnavailable: They could not be had.
        """


class FixedKeys:
    """Keys that do not change while the service runs."""

    def __init__(self, keys: Iterable[tuple[str, str, Any]]) -> None:
        self._keys = list(keys)

    async def find(self, kid: str, algorithm: str) -> list[Any]:
        return _matching(self._keys, kid, algorithm)


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


def parse_jwks(text: bytes, algorithms: tuple[str, ...]) -> list[tuple[str, str, Any]]:
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
    found: list[tuple[str, str, Any]] = []
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


def _matching(keys: list[tuple[str, str, Any]], kid: str, algorithm: str) -> list[Any]:
    fitting = [(name, key) for name, made, key in keys if made == algorithm]
    if not kid:
        return [key for _, key in fitting][:TRIED_WITHOUT_KID]
    return [key for name, key in fitting if name in {kid, ""}][:TRIED_WITHOUT_KID]


class Source:
    """One address, asked at most as often as ``UNKNOWN_S`` allows; the last good answer is kept.

    Args:
        url: https, or http on this machine.
        read: Makes keys of an answer; ``ValueError`` says what is wrong with it.
        clock: Monotonic seconds.
    """

    def __init__(
        self,
        url: str,
        read: Callable[[bytes], list[tuple[str, str, Any]]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._read = read
        self._clock = clock
        self._keys: list[tuple[str, str, Any]] = []
        self._good_at = self._asked_at = -1e9
        self._asking = asyncio.Lock()

    async def find(self, kid: str, algorithm: str) -> list[Any]:
        found = _matching(self._keys, kid, algorithm)
        stale = self._clock() - self._good_at > FRESH_S
        if (not found or stale) and self._clock() - self._asked_at > UNKNOWN_S:
            async with self._asking:
                if self._clock() - self._asked_at > UNKNOWN_S:
                    await self._ask()
            found = _matching(self._keys, kid, algorithm)
        if not self._keys:
            raise KeysUnavailable(self._url)
        return found

    async def _ask(self) -> None:
        self._asked_at = self._clock()
        try:
            self._keys = self._read(await fetch(self._url))
            self._good_at = self._clock()
        except (HTTPError, OSError, ValueError) as error:
            log.warning(
                "keys could not be had from %s: %s", self._url, str(error)[:200] or type(error).__name__
            )


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
        answer = await client.fetch(
            url, follow_redirects=False, connect_timeout=TIMEOUT_S, request_timeout=TIMEOUT_S
        )
        return answer.body
    finally:
        client.close()


class JwksKeys(Source):
    """A JWKS address."""

    def __init__(
        self, url: str, algorithms: tuple[str, ...], clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(url, lambda text: parse_jwks(text, algorithms), clock)


class AlbKeys:
    """AWS's load balancer has a PEM file for each key id, at an address that is made of it."""

    def __init__(self, url: str, algorithms: tuple[str, ...]) -> None:
        self._url = url.rstrip("/")
        self._algorithms = algorithms
        self._sources: dict[str, Source] = {}
        self._asked_at = -1e9

    async def find(self, kid: str, algorithm: str) -> list[Any]:
        if not _ALB_KID.fullmatch(kid):
            return []
        source = self._sources.get(kid)
        if source is None:
            if time.monotonic() - self._asked_at < UNKNOWN_S and self._sources:
                return []
            self._asked_at = time.monotonic()
            source = Source(f"{self._url}/{kid}", self._pem)
        try:
            found = await source.find("", algorithm)
        except KeysUnavailable:
            if not self._sources:
                raise
            return []
        self._sources = {**dict(list(self._sources.items())[-MAX_KEYS:]), kid: source}
        return found

    def _pem(self, text: bytes) -> list[tuple[str, str, Any]]:
        return from_pem(text, self._algorithms)._keys  # noqa: SLF001  a sibling
