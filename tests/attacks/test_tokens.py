"""Attacks with the tokens of proxies, truly signed and not meant like that."""

from __future__ import annotations

import json
import time

import jwt
import pytest

from muxboard.access.gate import Denied
from muxboard.access.jwt import REMEMBERED_S, Refused, Rules, Verifier
from muxboard.access.keys import FixedKeys, parse_jwks
from muxboard.access.proxied import JwtGate, Provider
from tests.access import jwts
from tests.access.jwts import AUDIENCE, ISSUER, claims, token
from tests.access.test_gates import asked, provider

pytestmark = pytest.mark.gen_test


def login(**changes):
    return asked(("Authorization", "Bearer " + token("oauth2-proxy", claims(**changes))))


async def test_a_link_to_one_session_is_no_login_of_whom_it_is_for():
    """A portal that logs people in may make links as well, with the same issuer, audience and key."""
    target = {"host": "web1", "user": "deploy", "session": "api", "mode": "view"}
    with pytest.raises(Denied, match="link"):
        await JwtGate([provider()]).identify(login(jti="1", **target))


@pytest.mark.parametrize("times", [{"exp": 10**400}, {"nbf": -(10**400)}, {"iat": 10**400}])
async def test_a_number_that_no_float_holds_is_refused(times):
    text = jwts.signed("oauth2-proxy", claims(**times))
    with pytest.raises(Denied):
        await JwtGate([provider()]).identify(asked(("Authorization", f"Bearer {text}")))


async def test_a_key_that_was_taken_back_does_not_live_on_in_what_is_remembered():
    """Who has stolen a key makes a token for years; taking the key from the JWKS must end it."""
    now = [time.time()]
    keys = FixedKeys(parse_jwks(jwts.jwks(jwts.jwk(jwts.RSA, "RS256")), ("RS256",)))
    made = Verifier(Rules(ISSUER, AUDIENCE, ("RS256",)), keys, lambda: now[0])
    stolen = token("oauth2-proxy", claims(exp=int(now[0]) + 10 * 365 * 86400))
    await made.verify(stolen)
    keys.keys.clear()
    now[0] += REMEMBERED_S + 1
    with pytest.raises(Refused, match="signature"):
        await made.verify(stolen)


async def test_what_one_provider_has_verified_is_nothing_to_another():
    """The same token, remembered by one verifier, at one that believes other keys and audiences."""
    first = provider()
    other = Provider(first.profile, Verifier(Rules(ISSUER, "another", ("RS256",)), first.verifier._keys))
    line = ("Authorization", "Bearer " + token("oauth2-proxy"))
    assert await JwtGate([first]).identify(asked(line))
    with pytest.raises(Denied, match="audience"):
        await JwtGate([other]).identify(asked(line))


@pytest.mark.parametrize(
    "head",
    [
        '{"alg":"none","alg":"RS256","kid":"KID"}',
        '{"alg":"RS256","kid":"KID","crit":["exp"],"crit":[]}',
    ],
)
async def test_a_doubled_key_of_a_header_hides_nothing(head):
    """Every reader takes the last: a stranger's signature is not believed by any of them."""
    text = jwts.forged(head.replace("KID", jwts.KID), claims())
    with pytest.raises(Denied):
        await JwtGate([provider()]).identify(asked(("Authorization", f"Bearer {text}")))


async def test_a_doubled_claim_is_one_claim_for_all_who_look():
    """The issuer that is looked at before and the one that is verified are the same: the last."""
    now = int(time.time())
    body = f'{{"iss":"{ISSUER}","aud":"{AUDIENCE}","sub":"s","exp":{now + 60},"iss":"https://evil.example"}}'
    with pytest.raises(Denied, match="issuer"):
        await JwtGate([provider()]).identify(asked(("Authorization", "Bearer " + signed_text(body))))


def signed_text(body: str) -> str:
    parts = [jwts.b64(json.dumps({"alg": "RS256", "kid": jwts.KID})), jwts.b64(body)]
    signature = jwt.get_algorithm_by_name("RS256").sign(".".join(parts).encode(), jwts.RSA)
    return ".".join([*parts, jwts.b64(signature)])


@pytest.mark.parametrize("groups", [{"admin": True}, "admin,sre", [["admin"]], [{"name": "admin"}], 1, True])
async def test_groups_in_another_shape_are_not_the_groups_within(groups):
    text = jwts.signed("oauth2-proxy", claims(groups=groups))
    found = await JwtGate([provider()]).identify(asked(("Authorization", f"Bearer {text}")))
    assert "admin" not in found.groups
