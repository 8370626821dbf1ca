"""What no single field of ``[auth]`` can say."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from muxboard.config.values import loopback

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from muxboard.config.schema import Config
    from muxboard.config.schema_auth import Auth, Jwt, LinkIssuer

ASYMMETRIC = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
HMAC = frozenset({"HS256", "HS384", "HS512"})
MAX_LEEWAY_S = 60.0
NO_LOGIN = "MUXBOARD_NO_LOGIN"
_KEY_FIELDS = ("jwks_url", "jwks_file", "public_key_file")


def check_auth(config: Config, environ: Mapping[str, str], errors: list[tuple[str, str]]) -> None:
    """Add ``(path, reason)`` for everything in ``[auth]`` that cannot work."""
    auth = config.auth
    if auth.gate == "jwt" and not auth.jwt:
        errors.append(("auth.jwt", 'is required with gate = "jwt": one [[auth.jwt]] for each proxy'))
    if auth.gate == "header" and not config.server.trusted_proxies:
        errors.append(("server.trusted_proxies", 'is required with gate = "header": who may send it'))
    if auth.gate == "cookie" and not (auth.cookie.secret_env or auth.cookie.secret_file):
        errors.append(("auth.cookie.secret_env", 'is required with gate = "cookie"'))
    if auth.gate == "none" and not (config.server.bind.loopback and _here(config.server.public_url)):
        errors.extend(_nobody_logs_in(auth, environ))
    for index, provider in enumerate(auth.jwt):
        errors.extend((f"auth.jwt[{index}].{name}", why) for name, why in _wrong_in_provider(provider))
    issuers: dict[str, int] = {}
    for index, issuer in enumerate(auth.links.issuers):
        where = f"auth.links.issuers[{index}]"
        errors.extend((f"{where}.{name}", why) for name, why in _wrong_in_issuer(issuer))
        if (first := issuers.setdefault(issuer.issuer, index)) != index or issuer.issuer == "muxboard":
            other = "muxboard itself" if issuer.issuer == "muxboard" else f"issuers[{first}]"
            errors.append((f"{where}.issuer", f"is taken by {other}"))
    errors.extend(
        (f"auth.links.{name}", 'must end, as "1d" does')
        for name in ("max_ttl", "session")
        if getattr(auth.links, name) == float("inf")
    )


def _here(url: str) -> bool:
    """Whether a public URL is this machine's alone."""
    host = urlsplit(url).hostname or ""
    return not url or loopback(host)


def _nobody_logs_in(auth: Auth, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if not auth.none.beyond_loopback:
        yield "auth.none.beyond_loopback", "must be true: anybody who reaches the address would get shells"
    elif environ.get(NO_LOGIN) != "yes":
        yield "auth.none.beyond_loopback", f"needs {NO_LOGIN}=yes in the environment as well"


def _wrong_in_provider(provider: Jwt) -> Iterator[tuple[str, str]]:
    by_secret = bool(provider.secret_env or provider.secret_file)
    sources = [name for name in _KEY_FIELDS if getattr(provider, name)]
    if len(sources) + by_secret != 1:
        yield "jwks_url", "give exactly one of jwks_url, jwks_file, public_key_file, secret_env, secret_file"
    yield from _wrong_in_algorithms(provider.algorithms, HMAC if by_secret else ASYMMETRIC)
    if by_secret and not provider.algorithms:
        yield "algorithms", 'must be named with a secret, such as ["HS256"]'
    if provider.jwks_url and not allowed_url(provider.jwks_url):
        yield "jwks_url", "must be https, or http on this machine"
    if provider.profile == "aws-alb":
        if not provider.signer:
            yield "signer", "is required for aws-alb: the ARN of the load balancer"
    else:
        if not provider.audience:
            yield "audience", "is required: tokens for other applications must not be taken"
        if not provider.issuer and provider.profile != "google-iap":
            yield "issuer", "is required"
    if not 0 <= provider.leeway <= MAX_LEEWAY_S:
        yield "leeway", 'must be at most "60s"'


def _wrong_in_issuer(issuer: LinkIssuer) -> Iterator[tuple[str, str]]:
    if bool(issuer.jwks_url) == bool(issuer.public_key_file):
        yield "jwks_url", "give one of jwks_url and public_key_file"
    if issuer.jwks_url and not allowed_url(issuer.jwks_url):
        yield "jwks_url", "must be https, or http on this machine"
    if not issuer.algorithms:
        yield "algorithms", 'must name one, such as ["ES256"]'
    if not issuer.audience:
        yield "audience", "is required"
    yield from _wrong_in_algorithms(issuer.algorithms, ASYMMETRIC)


def _wrong_in_algorithms(names: list[str], allowed: frozenset[str]) -> Iterator[tuple[str, str]]:
    for index, name in enumerate(names):
        if name not in allowed:
            yield f"algorithms[{index}]", f"must be one of {', '.join(sorted(allowed))} with this kind of key"


def allowed_url(url: str) -> bool:
    """Whether keys may be asked for there: https, or http on this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        return (
            bool(host)
            and not parts.username
            and (parts.scheme == "https" or (parts.scheme == "http" and loopback(host)))
        )
    except ValueError:
        return False
