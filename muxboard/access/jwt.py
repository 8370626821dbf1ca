"""Verifies the JWT of a proxy or of a link's issuer: every claim accounted for, nothing taken on trust.

What a token says about how to verify it (``alg``, ``jku``, ``x5u``, ``jwk``, ``crit``) decides nothing: the
algorithms, the keys and where they come from stand in the configuration.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import math
import re
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NamedTuple

import jwt

from muxboard.access.keys import KeysUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxboard.access.keys import Keys

MAX_TOKEN_BYTES = 16 * 1024
MAX_ID_CHARS = 512  # of a subject or a jti
CACHED = 4096
REMEMBERED_S = 300.0  # then a token is verified anew: its key may have been taken back
EXPIRED = "expired"  # the reason for a token that is good but for its time
# A token of another kind, such as a logout's, may have everything that a login's has.
KINDS = frozenset({"jwt", "at+jwt"})
# A claim that narrows what a token is good for, in ways that we cannot check: cnf binds it to a key that its
# holder must prove to have; events makes it a message, not somebody's login.
NARROWING = ("cnf", "events")
_TOKEN = re.compile(rb"[A-Za-z0-9_-]+={0,2}\.[A-Za-z0-9_-]+={0,2}\.[A-Za-z0-9_-]+={0,2}")
_KID = re.compile(r"[\x21-\x7e]{1,512}")


class Refused(Exception):  # noqa: N818
    """The token is not believed; ``args[0]`` says why, for the audit line alone."""


class Rules(NamedTuple):
    """What a token must be.

    Attributes:
        issuer: Exactly this; "" where the provider's tokens name none.
        audience: One of the token's; "" where they name none.
        algorithms: One of these: all asymmetric, or all HMAC.
        leeway_s: How far clocks may differ, in seconds.
        padded: Whether padded base64 is taken.
        header_values: Names and values that the token's header must have.
        max_life_s: Longest time from now to ``exp``.
        required: Claims that must be there, besides ``exp``.
    """

    issuer: str
    audience: str
    algorithms: tuple[str, ...]
    leeway_s: float = 30.0
    padded: bool = False
    header_values: tuple[tuple[str, str], ...] = ()
    max_life_s: float = math.inf
    required: tuple[str, ...] = ("sub",)


class Verifier:
    """Verifies tokens of one issuer by one set of keys; what was verified is remembered for a while.

    Args:
        rules: What a token must be.
        keys: What verifies it.
        clock: Unix seconds.
        cached: How many verified tokens are remembered.
    """

    def __init__(
        self, rules: Rules, keys: Keys, clock: Callable[[], float] = time.time, *, cached: int = CACHED
    ) -> None:
        self.rules = rules
        self._keys = keys
        self._clock = clock
        self._cached = cached
        self._known: OrderedDict[bytes, tuple[float, dict[str, Any]]] = OrderedDict()  # until when, claims

    async def verify(self, token: str) -> dict[str, Any]:
        """Return a token's claims.

        Raises:
            Refused: It is not to be believed.
            KeysUnavailable: There is nothing to verify it with.
        """
        raw = token.encode(errors="surrogatepass")
        if len(raw) > MAX_TOKEN_BYTES:
            raise Refused("oversized")
        digest = hashlib.sha256(raw).digest()
        until, claims = self._known.get(digest, (0.0, {}))
        if self._clock() < until:
            self._known.move_to_end(digest)
            return claims
        self._known.pop(digest, None)
        claims = await self._verify(raw)
        until = min(claims["exp"] + self.rules.leeway_s, self._clock() + REMEMBERED_S)
        self._known[digest] = until, claims
        if len(self._known) > self._cached:
            self._known.popitem(last=False)
        return claims

    async def ready(self) -> None:
        """Get the keys, where they have to be asked for."""
        with contextlib.suppress(KeysUnavailable):
            await self._keys.find("", self.rules.algorithms[0])

    async def close(self) -> None:
        """Let go of the keys. Idempotent."""
        await self._keys.close()

    async def _verify(self, raw: bytes) -> dict[str, Any]:
        header = self._look(raw)
        claims: dict[str, Any] | None = None
        for key in await self._keys.find(header.get("kid", ""), header["alg"]):
            try:
                claims = self._decode(raw, key, header["alg"])
                break
            except jwt.InvalidSignatureError:
                continue
        if claims is None:
            raise Refused("signature")
        self._check(claims)
        return claims

    def _look(self, raw: bytes) -> dict[str, Any]:
        """Return the header of a token that could be one of ours. Before keys are asked for or anything is
        computed for a stranger: another issuer's key is not among ours, and would be asked for again and
        again. This only refuses; what is believed, PyJWT says."""
        if not _TOKEN.fullmatch(raw) or (b"=" in raw and not self.rules.padded):
            raise Refused("malformed")
        first, second, _ = raw.split(b".")
        header, rules = _part(first), self.rules
        if header.get("alg") not in rules.algorithms:
            raise Refused("algorithm")
        if "crit" in header or "b64" in header:
            raise Refused("critical header")
        kind = header.get("typ", "JWT")
        if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in KINDS:
            raise Refused("typ")
        kid = header.get("kid", "")
        if not isinstance(kid, str) or (kid and not _KID.fullmatch(kid)):
            raise Refused("kid")
        for name, value in rules.header_values:
            if header.get(name) != value:
                raise Refused(name)
        if rules.issuer and _part(second).get("iss") != rules.issuer:
            raise Refused("issuer")
        return header

    def _decode(self, raw: bytes, key: Any, algorithm: str) -> dict[str, Any]:
        rules = self.rules
        try:
            # What PyJWT checks is checked by it alone; the times are checked by our own clock.
            return jwt.decode(
                raw,
                key,
                algorithms=[algorithm],
                audience=rules.audience or None,
                issuer=rules.issuer or None,
                options={
                    "require": ["exp", *rules.required],
                    "verify_aud": bool(rules.audience),
                    "verify_iss": bool(rules.issuer),
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                    "strict_aud": False,
                },
            )
        except jwt.InvalidSignatureError:
            raise
        except jwt.InvalidAudienceError as error:
            raise Refused("audience") from error
        except jwt.InvalidIssuerError as error:
            raise Refused("issuer") from error
        except jwt.MissingRequiredClaimError as error:
            raise Refused(f"no {error.claim}") from error
        except (jwt.PyJWTError, ValueError, TypeError, RecursionError) as error:
            raise Refused("malformed") from error

    def _check(self, claims: dict[str, Any]) -> None:
        now, leeway = self._clock(), self.rules.leeway_s
        exp = _time(claims, "exp")
        if exp is None or exp + leeway <= now:
            raise Refused(EXPIRED)
        if exp - now > self.rules.max_life_s + leeway:
            raise Refused("lives too long")
        for name in NARROWING:
            if name in claims:
                raise Refused(name)
        for name in ("nbf", "iat"):
            at = _time(claims, name)
            if at is not None and at - leeway > now:
                raise Refused("not yet valid")
        if self.rules.issuer and claims.get("iss") != self.rules.issuer:
            raise Refused("issuer")  # PyJWT takes a list of issuers in the claim
        for name in self.rules.required:
            if name in {"sub", "jti"} and not (
                isinstance(claims[name], str) and 0 < len(claims[name]) <= MAX_ID_CHARS
            ):
                raise Refused(f"no {name}")


def _part(text: bytes) -> dict[str, Any]:
    """Return a part of a token, not verified."""
    text = text.rstrip(b"=")
    try:
        found = json.loads(base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4)))
    except (ValueError, RecursionError) as error:
        raise Refused("malformed") from error
    if not isinstance(found, dict):
        raise Refused("malformed")
    return found


def _time(claims: dict[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(name)
    try:
        at = float(value)
    except OverflowError as error:
        raise Refused(name) from error
    if not math.isfinite(at):
        raise Refused(name)
    return at
