"""The jwt gate: the token of the proxy in front, verified here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from muxboard.access.gate import Asked, Denied, Gate, Unavailable
from muxboard.access.jwt import Refused
from muxboard.access.keys import KeysUnavailable
from muxboard.access.principal import Link, Principal, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from muxboard.access.jwt import Verifier
    from muxboard.access.profiles import Profile

GATE = "jwt"
MAX_GROUPS = 256
# Some proxies renew a token only when it has ended. Until then its terminals wait, if requests with it are
# still believed; 30 s after its end they are over.
MOST_GRACE_S = 25.0
MAX_TEXT = 256


class Provider(NamedTuple):
    """One proxy, its profile filled in by its entry."""

    profile: Profile
    verifier: Verifier


class JwtGate(Gate):
    """Lets in whoever's proxy vouches for them.

    Args:
        providers: In the configuration's order. Of those whose header comes, the first whose token is good
            says who it is.
    """

    name = GATE
    hint = "Come through the proxy in front of this service: it logs you in."

    def __init__(self, providers: Sequence[Provider]) -> None:
        self._providers = tuple(providers)

    async def identify(self, asked: Asked) -> Principal | None:
        why = ""
        for provider in self._providers:
            token = _token(asked, provider.profile.header)
            if token is None:
                continue
            try:
                return principal(await provider.verifier.verify(token), provider)
            except Refused as error:
                why = why or str(error)
            except KeysUnavailable as error:
                raise Unavailable(str(error)) from error
        if why:
            raise Denied(why)
        return None

    async def ready(self) -> None:
        for provider in self._providers:
            await provider.verifier.ready()

    async def close(self) -> None:
        for provider in self._providers:
            await provider.verifier.close()


def _token(asked: Asked, header: str) -> str | None:
    return asked.bearer() if header.lower() == "authorization" else asked.header(header)


def principal(claims: dict[str, Any], provider: Provider) -> Principal:
    """Return who a verified token is about: issuer and subject, shown by a name.

    Raises:
        Refused: It has no name that can be shown, or is a deep link.
    """
    if all(name in claims for name in Link.__struct_fields__):
        raise Refused("a link")  # for one session; its issuer may be the one that logs people in
    profile = provider.profile
    name = next((text for claim in profile.name_claims if (text := _name(claims, claim, profile))), "")
    if not name:
        raise Refused("no name")
    return Principal(
        name=name,
        gate=GATE,
        groups=groups(claims.get(profile.groups_claim), profile.groups_separator),
        subject=f"{claims.get('iss', '')}\n{claims['sub']}",
        expires_at=float(claims["exp"]),
        grace=min(provider.verifier.rules.leeway_s, MOST_GRACE_S),
    )


def _name(claims: dict[str, Any], claim: str, profile: Profile) -> str:
    text = shown(claims.get(claim))
    verified = claims.get("email_verified", True)
    if verified is True or verified == "true":  # Cognito's is a text
        return text
    # A provider that says that it has not checked an address has said nothing about who it is; the user
    # name in its place, which many let people choose, does not make it true.
    instead = "email" in profile.name_claims and claim != "sub" and "@" in text
    return "" if claim == "email" or instead else text


def groups(value: Any, separator: str = "") -> tuple[str, ...]:
    """Return the groups of a claim: a list of texts, or one text, parted where the provider parts it."""
    if isinstance(value, str):
        value = value.split(separator) if separator else [value]
    if not isinstance(value, list):
        return ()
    found = [text for each in value[:MAX_GROUPS] if (text := shown(each))]
    return tuple(dict.fromkeys(found))
