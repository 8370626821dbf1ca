"""What is valid and weak in ``[auth]``, but for the token gate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxboard.config.weakness import Weak

if TYPE_CHECKING:
    from collections.abc import Iterator

    from muxboard.config.schema import Config
    from muxboard.config.schema_auth import Auth, Jwt

LONGEST_LINK_S = 7 * 86400
LONGEST_LINK_SESSION_S = 86400
UNCHECKED = ("x-forwarded-access-token", "x-auth-request-access-token")


def settings(config: Config) -> Iterator[Weak]:
    """Yield what is weak about the gate and the links."""
    auth = config.auth
    match auth.gate:
        case "none":
            where = "this machine" if config.server.bind.loopback else f"{config.server.bind}"
            yield Weak(
                "auth.gate",
                f"There is no login: whoever reaches {where}, its other users included, gets shells.",
                'gate = "token"',
            )
        case "header":
            yield Weak(
                "auth.gate",
                f"{auth.header.header} is not signed: whoever can send from an address of trusted_proxies "
                "is whom they say.",
                'gate = "jwt", with the token that the proxy has signed',
            )
        case "jwt":
            yield from _providers(auth)
    yield from _links(auth)


def _providers(auth: Auth) -> Iterator[Weak]:
    if len(auth.jwt) > 1:
        yield Weak(
            "auth.jwt",
            "Each provider may name anybody: grants match a name or a group, whichever of them says it.",
            "Keep only providers whose names you trust alike.",
        )
    for index, provider in enumerate(auth.jwt):
        where = f"auth.jwt[{index}]"
        yield from _provider(where, provider)


def _provider(where: str, provider: Jwt) -> Iterator[Weak]:
    if provider.secret_env or provider.secret_file:
        yield Weak(
            f"{where}.algorithms",
            "A shared secret: everybody who can verify its tokens can make them.",
            "Let the provider sign with RS256 or ES256, and name its keys in jwks_url.",
        )
    if provider.header.lower() in UNCHECKED:
        yield Weak(
            f"{where}.header",
            f"{provider.header} brings an access token, which the proxy has not verified and which may be "
            "another application's.",
            'header = "Authorization", with the ID token',
        )


def _links(auth: Auth) -> Iterator[Weak]:
    links = auth.links
    if links.max_ttl > LONGEST_LINK_S:
        yield Weak(
            "auth.links.max_ttl",
            f"A link that nobody has opened is good for {links.max_ttl}.",
            'max_ttl = "1d"',
        )
    if links.session > LONGEST_LINK_SESSION_S:
        yield Weak(
            "auth.links.session", f"What a link has opened stays open for {links.session}.", 'session = "8h"'
        )
    for index, issuer in enumerate(links.issuers):
        if "*" in issuer.hosts and "*" in issuer.users:
            yield Weak(
                f"auth.links.issuers[{index}]",
                f"{issuer.issuer} may open every session of every user on every host.",
                "Name the hosts and users that it is for.",
            )


def key_files(config: Config) -> Iterator[str]:
    """Yield the files of keys whose tokens are believed."""
    auth = config.auth
    files = [provider.jwks_file for provider in auth.jwt]
    files += [table.public_key_file for table in auth.jwt] + [
        each.public_key_file for each in auth.links.issuers
    ]
    yield from filter(None, files)
