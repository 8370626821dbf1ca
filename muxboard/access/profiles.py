"""What each proxy sends: its header, its algorithms, its claims. Facts, no code.

A profile fills in what a provider's entry leaves out; what an entry says wins.
"""

from __future__ import annotations

from typing import NamedTuple


class Profile(NamedTuple):
    """What is usual for one proxy.

    Attributes:
        header: Where the token comes; in ``Authorization`` it follows ``Bearer``.
        algorithms: What its signatures are made with.
        name_claims: The first of them that is there is the principal's name.
        groups_claim: A list, or one string.
        issuer: Where it is the same for everybody.
        groups_separator: Parts a string of groups.
        padded: Whether its base64 is padded, which JWTs are not.
        header_claims: Claims that stand in the token's header, which the signature covers as well.
    """

    header: str = "Authorization"
    algorithms: tuple[str, ...] = ("RS256", "ES256")
    name_claims: tuple[str, ...] = ("email", "sub")  # not preferred_username, which people may choose
    groups_claim: str = "groups"
    issuer: str = ""
    groups_separator: str = ""
    padded: bool = False
    header_claims: tuple[str, ...] = ()


PROFILES: dict[str, Profile] = {
    "oauth2-proxy": Profile(),
    "cloudflare-access": Profile(header="Cf-Access-Jwt-Assertion", algorithms=("RS256",)),
    "pomerium": Profile(header="X-Pomerium-Jwt-Assertion", algorithms=("ES256", "RS256")),
    "google-iap": Profile(
        header="X-Goog-Iap-Jwt-Assertion",
        algorithms=("ES256",),
        issuer="https://cloud.google.com/iap",
    ),
    "aws-alb": Profile(
        header="X-Amzn-Oidc-Data",
        algorithms=("ES256",),
        padded=True,
        header_claims=("signer", "client"),
    ),
    "teleport": Profile(
        header="Teleport-Jwt-Assertion", name_claims=("username", "sub"), groups_claim="roles"
    ),
    "authentik": Profile(header="X-Authentik-Jwt", groups_separator="|"),
    "generic": Profile(),
}
