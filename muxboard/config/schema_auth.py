"""``[auth]``: how a request becomes a principal. The rest of the file is in ``schema``."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from muxboard.config.fields import doc, lasting
from muxboard.config.values import Duration  # noqa: TC001  msgspec reads the annotations


class Token(Struct, frozen=True, forbid_unknown_fields=True):
    """[auth.token]: one shared token. Without one a fresh token is made at each start."""

    token_env: Annotated[str, doc("Name of the environment variable that holds the token.")] = ""
    token_file: Annotated[str, doc("File that holds the token; refused if others can read it.")] = ""
    name: Annotated[
        str, Meta(min_length=1, max_length=64, description="The principal's name in lists and audit lines.")
    ] = "operator"
    session: Annotated[Duration, doc("How long a login in a browser lasts.")] = lasting("12h")


class Jwt(Struct, frozen=True, forbid_unknown_fields=True):
    """[[auth.jwt]]: a proxy in front whose token is verified here. The profile fills in what is left out."""

    profile: Annotated[
        Literal[
            "oauth2-proxy",
            "cloudflare-access",
            "pomerium",
            "google-iap",
            "aws-alb",
            "teleport",
            "authentik",
            "generic",
        ],
        Meta(
            description="What the proxy usually sends: header, algorithms, claims.",
            extra={"must": "be the name of a profile, such as oauth2-proxy, or generic"},
        ),
    ] = "generic"
    header: Annotated[
        str,
        Meta(
            pattern=r"^([A-Za-z][A-Za-z0-9-]{0,63})?$",
            description="The one header that is looked at; in Authorization the token follows Bearer.",
            extra={"must": "be the name of a header"},
        ),
    ] = ""
    issuer: Annotated[str, doc("Exactly the token's iss.")] = ""
    audience: Annotated[str, doc("One of the token's aud: the client id, application tag or URL.")] = ""
    algorithms: Annotated[
        list[str], doc("Of RS256, RS384, RS512, PS256…, ES256…, EdDSA; or HS256… with a secret, never both.")
    ] = field(default_factory=list)
    jwks_url: Annotated[
        str,
        doc("Where the keys are; https, or http on this machine. For aws-alb the address of its PEM files."),
    ] = ""
    jwks_file: Annotated[str, doc("A JWKS file instead.")] = ""
    public_key_file: Annotated[str, doc("A PEM file instead.")] = ""
    secret_env: Annotated[str, doc("Name of the environment variable with the secret of HS256….")] = ""
    secret_file: Annotated[str, doc("File with that secret; refused if others can read it.")] = ""
    signer: Annotated[str, doc("aws-alb: the ARN of the load balancer.")] = ""
    client: Annotated[str, doc("aws-alb: the client id.")] = ""
    name_claim: Annotated[str, doc("The claim that is shown, audited and matched by grants.")] = ""
    groups_claim: Annotated[str, doc("The claim with the groups: a list, or one string.")] = ""
    leeway: Annotated[Duration, doc("How far clocks may differ; at most 60s.")] = lasting("30s")


class HeaderGate(Struct, frozen=True, forbid_unknown_fields=True):
    """[auth.header]: a name that a proxy in front has put into a header. Only from server.trusted_proxies."""

    header: Annotated[str, doc("The header with the name.")] = "X-Remote-User"
    groups_header: Annotated[str, doc("The header with the groups, parted by commas; empty = none.")] = ""


class CookieGate(Struct, frozen=True, forbid_unknown_fields=True):
    """[auth.cookie]: the login cookie of another application, signed by itsdangerous."""

    name: Annotated[str, doc("The cookie's name.")] = "session"
    secret_env: Annotated[str, doc("Name of the environment variable with the other application's key.")] = ""
    secret_file: Annotated[str, doc("File with that key; refused if others can read it.")] = ""
    salt: Annotated[str, doc("The salt that it signs with.")] = "itsdangerous.Signer"
    max_age: Annotated[Duration, doc("How old a signature may be.")] = lasting("12h")


class NoGate(Struct, frozen=True, forbid_unknown_fields=True):
    """[auth.none]: everybody who reaches the service is admin."""

    beyond_loopback: Annotated[
        bool, doc("true, together with MUXBOARD_NO_LOGIN=yes in the environment: also beyond loopback.")
    ] = False


class LinkIssuer(Struct, frozen=True, forbid_unknown_fields=True):
    """[[auth.links.issuers]]: another system that may make deep links."""

    issuer: Annotated[str, Meta(min_length=1, description="Exactly the link token's iss.")]
    audience: Annotated[str, doc("The link token's aud.")] = "muxboard"
    algorithms: Annotated[list[str], doc("Asymmetric ones.")] = field(
        default_factory=lambda: ["ES256", "RS256"]
    )
    jwks_url: Annotated[str, doc("Where its keys are; https, or http on this machine.")] = ""
    public_key_file: Annotated[str, doc("A PEM file instead.")] = ""
    hosts: Annotated[list[str], doc("Glob patterns of the hosts that it may link to.")] = field(
        default_factory=lambda: ["*"]
    )
    users: Annotated[list[str], doc("Glob patterns of the tmux users that it may link to.")] = field(
        default_factory=lambda: ["*"]
    )


class Links(Struct, frozen=True, forbid_unknown_fields=True):
    """[auth.links]: deep links to one session. Without a secret and issuers there are none."""

    secret_env: Annotated[
        str, doc("Name of the environment variable with the key that our links are signed by.")
    ] = ""
    secret_file: Annotated[str, doc("File with that key; refused if others can read it.")] = ""
    max_ttl: Annotated[Duration, doc("Longest time from now to a link's end.")] = lasting("1d")
    session: Annotated[Duration, doc("How long the access lasts that a link was redeemed for.")] = lasting(
        "8h"
    )
    issuers: list[LinkIssuer] = field(default_factory=list)


_Gate = Annotated[str, Meta(pattern=r"^(token|jwt|header|cookie|none|[A-Za-z_][\w.]*:[A-Za-z_]\w*)$")]


class Auth(Struct, frozen=True, forbid_unknown_fields=True):
    """[auth]: how a request becomes a principal."""

    gate: Annotated[
        _Gate | None,
        Meta(
            description='"token", "jwt", "header", "cookie", "none" or "package.module:callable"; '
            "default: token, but a bind beyond loopback needs it named here.",
            extra={"must": 'be token, jwt, header, cookie, none or "package.module:callable"'},
        ),
    ] = None
    token: Token = field(default_factory=Token)
    jwt: list[Jwt] = field(default_factory=list)
    header: HeaderGate = field(default_factory=HeaderGate)
    cookie: CookieGate = field(default_factory=CookieGate)
    none: NoGate = field(default_factory=NoGate)
    links: Links = field(default_factory=Links)
