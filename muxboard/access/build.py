"""Gates and link readers from the configuration. What cannot be built is a configuration error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxboard.access.gates import CallableGate, CookieGate, HeaderGate, NoGate, load_callable
from muxboard.access.jwt import Rules, Verifier
from muxboard.access.keys import AlbKeys, JwksKeys, Keys, from_jwks, from_pem, from_secret, trial
from muxboard.access.links import ALGORITHM, AUDIENCE, ISSUER, LinkReader
from muxboard.access.profiles import PROFILES, Profile
from muxboard.access.proxied import JwtGate, Provider
from muxboard.access.token import TokenGate
from muxboard.config.load import wrong

if TYPE_CHECKING:
    from muxboard.access.gate import Gate
    from muxboard.config.schema import Loaded
    from muxboard.config.schema_auth import Jwt, LinkIssuer
    from muxboard.config.values import Secret


def build_gate(loaded: Loaded, token: Secret) -> Gate:
    """Return the configured gate.

    Args:
        loaded: The configuration.
        token: What the token gate takes: configured, or fresh.

    Raises:
        ConfigError: It cannot be built.
    """
    auth = loaded.config.auth
    match auth.gate:
        case None | "token":
            return TokenGate(token, auth.token.name)
        case "jwt":
            return JwtGate([_provider(loaded, index, entry) for index, entry in enumerate(auth.jwt)])
        case "header":
            return HeaderGate(auth.header)
        case "cookie":
            return CookieGate(auth.cookie, loaded.auth_secrets["auth.cookie"])
        case "none":
            return NoGate()
        case name:
            try:
                return CallableGate(load_callable(name))
            except ValueError as error:
                raise wrong(loaded, "auth.gate", f"{name} {error}") from error


def check_shared(loaded: Loaded, gate: Gate) -> None:
    """A token that each replica has made for itself would let people in at one of them.

    Raises:
        ConfigError: There is none in common.
    """
    if loaded.token is None and loaded.config.registry.url.shared and isinstance(gate, TokenGate):
        raise wrong(
            loaded, "auth.token", "replicas need one token: set MUXBOARD_TOKEN, or auth.token.token_file"
        )


def build_links(loaded: Loaded) -> LinkReader:
    """Return what verifies deep links.

    Raises:
        ConfigError: A key cannot be read.
    """
    links = loaded.config.auth.links
    verifiers = {}
    if (secret := loaded.auth_secrets.get("auth.links")) is not None:
        verifiers[ISSUER] = _link_verifier(
            ISSUER, AUDIENCE, (ALGORITHM,), from_secret(secret.reveal().encode(), (ALGORITHM,)), links.max_ttl
        )
    for index, entry in enumerate(links.issuers):
        algorithms = tuple(entry.algorithms)
        keys = _keys(loaded, f"auth.links.issuers[{index}]", entry, algorithms)
        verifiers[entry.issuer] = _link_verifier(
            entry.issuer, entry.audience, algorithms, keys, links.max_ttl
        )
    return LinkReader(verifiers)


async def unreachable(loaded: Loaded) -> list[tuple[str, str]]:
    """Return ``(path, problem)`` for each address of keys that cannot be had. A load balancer's has one for
    each key, which nobody knows before it signs."""
    auth = loaded.config.auth
    asked: list[tuple[str, str, tuple[str, ...]]] = [
        (f"auth.links.issuers[{index}].jwks_url", issuer.jwks_url, tuple(issuer.algorithms))
        for index, issuer in enumerate(auth.links.issuers)
    ]
    if auth.gate == "jwt":
        asked += [
            (
                f"auth.jwt[{index}].jwks_url",
                provider.jwks_url,
                tuple(provider.algorithms) or PROFILES[provider.profile].algorithms,
            )
            for index, provider in enumerate(auth.jwt)
            if provider.profile != "aws-alb"
        ]
    found = []
    for path, url, algorithms in asked:
        if url and (problem := await trial(url, algorithms)):
            found.append((path, f"{url}: {problem}"))
    return found


def _link_verifier(
    issuer: str, audience: str, algorithms: tuple[str, ...], keys: Keys, max_ttl: float
) -> Verifier:
    return Verifier(
        Rules(issuer, audience, algorithms, max_life_s=float(max_ttl), required=("jti",)), keys, cached=0
    )


def _provider(loaded: Loaded, index: int, entry: Jwt) -> Provider:
    usual = PROFILES[entry.profile]
    algorithms = tuple(entry.algorithms) or usual.algorithms
    profile = usual._replace(
        header=entry.header or usual.header,
        algorithms=algorithms,
        issuer=entry.issuer or usual.issuer,
        name_claims=(entry.name_claim,) if entry.name_claim else usual.name_claims,
        groups_claim=entry.groups_claim or usual.groups_claim,
    )
    where = f"auth.jwt[{index}]"
    if entry.profile == "aws-alb" and entry.jwks_url:
        keys: Keys = AlbKeys(entry.jwks_url, algorithms)
    elif (secret := loaded.auth_secrets.get(where)) is not None:
        keys = from_secret(secret.reveal().encode(), algorithms)
    else:
        keys = _keys(loaded, where, entry, algorithms)
    return Provider(profile, Verifier(_rules(entry, profile), keys))


def _rules(entry: Jwt, profile: Profile) -> Rules:
    values = ((name, getattr(entry, name)) for name in profile.header_claims)
    return Rules(
        issuer=profile.issuer,
        audience=entry.audience,
        algorithms=profile.algorithms,
        leeway_s=float(entry.leeway),
        padded=profile.padded,
        header_values=tuple((name, value) for name, value in values if value),
    )


def _keys(loaded: Loaded, where: str, entry: Jwt | LinkIssuer, algorithms: tuple[str, ...]) -> Keys:
    if entry.jwks_url:
        return JwksKeys(entry.jwks_url, algorithms)
    name = "public_key_file" if entry.public_key_file else "jwks_file"
    path = getattr(entry, name)
    try:
        with open(path, "rb") as file:  # noqa: PTH123
            text = file.read(1 << 20)
        return (from_pem if name == "public_key_file" else from_jwks)(text, algorithms)
    except OSError as error:
        raise wrong(loaded, f"{where}.{name}", f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise wrong(loaded, f"{where}.{name}", f"{path}: {error}") from error
