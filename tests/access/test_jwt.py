"""Every token that is not to be believed, for every profile: none is."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time

import jwt
import pytest

from muxboard.access.jwt import MAX_TOKEN_BYTES, Refused, Rules, Verifier
from muxboard.access.keys import FixedKeys, from_pem, parse_jwks
from muxboard.access.profiles import PROFILES
from tests.access import jwts
from tests.access.jwts import ARN, AUDIENCE, CLIENT, ISSUER, KID, claims, forged, header, pem, signed, token


def verifier(profile: str, clock=time.time) -> Verifier:
    usual = PROFILES[profile]
    entries = [jwts.jwk(jwts.OWN[name], name) for name in ("RS256", "ES256")]
    rules = Rules(
        issuer=ISSUER,
        audience=AUDIENCE,
        algorithms=usual.algorithms,
        padded=usual.padded,
        header_values=(("signer", ARN), ("client", CLIENT)) if usual.header_claims else (),
    )
    return Verifier(rules, FixedKeys(parse_jwks(jwts.jwks(*entries), usual.algorithms)), clock)


def refused(made: Verifier, text: str) -> str:
    with pytest.raises(Refused) as caught:
        asyncio.run(made.verify(text))
    return str(caught.value)


def hs256_by_public_key(profile: str) -> str:
    """The classic: the public key, which everybody has, taken as an HMAC secret."""
    head = jwts.b64(json.dumps({"alg": "HS256", "typ": "JWT", **header(profile)}))
    body = jwts.b64(json.dumps(claims()))
    secret = pem(jwts.OWN[jwts.algorithm(profile)])
    signature = hmac.digest(secret, f"{head}.{body}".encode(), hashlib.sha256)
    return f"{head}.{body}.{jwts.b64(signature)}"


def resigned(profile: str, **changes) -> str:
    """Good, then changed after it was signed."""
    head, _, signature = token(profile).split(".")
    return ".".join([head, jwts.b64(json.dumps(claims(**changes))), signature])


def padded(profile: str) -> str:
    return ".".join(part + "=" * (-len(part) % 4) for part in token(profile).split("."))


NOW = int(time.time())
CASES = {
    "empty": lambda p: "",
    "one part": lambda p: "abc",
    "two parts": lambda p: "abc.def",
    "four parts": lambda p: token(p) + ".abc",
    "five parts, as JWE has": lambda p: "a.b.c.d.e",
    "no signature": lambda p: token(p).rpartition(".")[0] + ".",
    "space before": lambda p: " " + token(p),
    "newline after": lambda p: token(p) + "\n",
    "comma-joined": lambda p: token(p) + "," + token(p),
    "comma-joined with a space": lambda p: token(p) + ", " + token(p),
    "Bearer twice": lambda p: "Bearer " + token(p),
    "NUL": lambda p: token(p) + "\0",
    "not ASCII": lambda p: token(p) + "é",
    "standard base64": lambda p: token(p).replace("_", "/").replace("-", "+") + "/",
    "padded": lambda p: padded(p) + ("=" if p == "aws-alb" else ""),
    "oversized": lambda p: token(p, claims(pad="x" * MAX_TOKEN_BYTES)),
    "alg none": lambda p: forged({"alg": "none", **header(p)}, claims(), b""),
    "alg none, with a signature": lambda p: forged({"alg": "none", **header(p)}, claims()),
    "alg NONE": lambda p: forged({"alg": "NONE", **header(p)}, claims()),
    "alg nOnE": lambda p: forged({"alg": "nOnE", **header(p)}, claims()),
    "alg missing": lambda p: forged(header(p), claims()),
    "alg null": lambda p: forged({"alg": None, **header(p)}, claims()),
    "alg a list": lambda p: forged({"alg": [jwts.algorithm(p)], **header(p)}, claims()),
    "alg in lower case": lambda p: forged({"alg": jwts.algorithm(p).lower(), **header(p)}, claims()),
    "alg with a space": lambda p: forged({"alg": jwts.algorithm(p) + " ", **header(p)}, claims()),
    "HS256 by the public key": hs256_by_public_key,
    "HS256 by a secret": lambda p: jwt.encode(claims(), "x" * 32, "HS256", header(p)),
    "an algorithm that is not listed": lambda p: jwt.encode(claims(), jwts.ED, "EdDSA", header(p)),
    "signed by a stranger": lambda p: token(p, key=jwts.STRANGER[jwts.algorithm(p)]),
    "signed by a stranger who names a jku": lambda p: token(
        p, key=jwts.STRANGER[jwts.algorithm(p)], jku="https://evil.example/keys"
    ),
    "signed by a stranger who names an x5u": lambda p: token(
        p, key=jwts.STRANGER[jwts.algorithm(p)], x5u="https://evil.example/cert"
    ),
    "signed by a stranger who brings a jwk": lambda p: token(
        p,
        key=jwts.STRANGER[jwts.algorithm(p)],
        jwk=jwts.jwk(jwts.STRANGER[jwts.algorithm(p)], jwts.algorithm(p)),
    ),
    "subject changed": lambda p: resigned(p, sub="somebody else"),
    "expiry changed": lambda p: resigned(p, exp=NOW + 9999),
    "one bit of the signature": lambda p: (
        token(p)[:-9] + ("A" if token(p)[-9] != "A" else "B") + token(p)[-8:]
    ),
    "crit": lambda p: token(p, crit=["exp"]),
    "crit empty": lambda p: token(p, crit=[]),
    "crit of something unknown": lambda p: token(p, crit=["b64"], b64=True),
    "b64 false": lambda p: signed(p, claims(), b64=False),
    "b64 true": lambda p: signed(p, claims(), b64=True),
    "kid unknown": lambda p: token(p, kid="ffffffff-0000-4000-8000-000000000009"),
    "kid a number": lambda p: signed(p, claims(), kid=1),
    "kid a path": lambda p: token(p, kid="../../../../dev/null"),
    "kid SQL": lambda p: token(p, kid="x' UNION SELECT 'key"),
    "kid 10 kB": lambda p: token(p, kid="k" * 10_000),
    "kid with a newline": lambda p: token(p, kid=KID + "\n"),
    "header not an object": lambda p: forged([1], claims()),
    "header not JSON": lambda p: forged("{", claims()),
    "header nested deeply": lambda p: forged("[" * 5000, claims()),
    "claims not an object": lambda p: signed(p, []),
    "expired": lambda p: token(p, claims(exp=NOW - 60)),
    "expired by a second more than the leeway": lambda p: token(p, claims(exp=NOW - 31)),
    "no exp": lambda p: token(p, claims(exp=None)),
    "exp a string": lambda p: token(p, claims(exp=str(NOW + 300))),
    "exp true": lambda p: token(p, claims(exp=True)),
    "exp infinite": lambda p: token(p, claims(exp=float("inf"))),
    "exp a list": lambda p: token(p, claims(exp=[NOW + 300])),
    "not yet": lambda p: token(p, claims(nbf=NOW + 3600)),
    "nbf a string": lambda p: token(p, claims(nbf="soon")),
    "issued in the future": lambda p: token(p, claims(iat=NOW + 3600)),
    "no issuer": lambda p: token(p, claims(iss=None)),
    "another issuer": lambda p: token(p, claims(iss="https://evil.example")),
    "issuer a prefix": lambda p: token(p, claims(iss=ISSUER[:-1])),
    "issuer with more": lambda p: token(p, claims(iss=ISSUER + ".evil.example")),
    "issuer with a slash": lambda p: token(p, claims(iss=ISSUER + "/")),
    "issuer in capitals": lambda p: token(p, claims(iss=ISSUER.upper())),
    "issuer a list": lambda p: signed(p, claims(iss=[ISSUER])),
    "no audience": lambda p: token(p, claims(aud=None)),
    "another audience": lambda p: token(p, claims(aud="other")),
    "audience a prefix": lambda p: token(p, claims(aud=AUDIENCE[:-1])),
    "audiences without ours": lambda p: token(p, claims(aud=["a", "b"])),
    "audience an empty list": lambda p: token(p, claims(aud=[])),
    "audience an object": lambda p: signed(p, claims(aud={AUDIENCE: 1})),
    "no subject": lambda p: token(p, claims(sub=None)),
    "subject empty": lambda p: token(p, claims(sub="")),
    "subject a number": lambda p: token(p, claims(sub=7)),
    "subject a list": lambda p: token(p, claims(sub=["subject-1"])),
    "subject 1 kB": lambda p: token(p, claims(sub="s" * 1000)),
}


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("case", CASES)
def test_what_is_not_to_be_believed_is_refused(profile, case):
    assert refused(verifier(profile), CASES[case](profile))


@pytest.mark.parametrize(
    "head",
    [{"signer": None}, {"signer": ARN + "x"}, {"signer": [ARN]}, {"client": None}, {"client": "other"}],
)
def test_another_load_balancer_is_refused(head):
    assert refused(verifier("aws-alb"), token("aws-alb", **head)) == next(iter(head))


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("aud", [AUDIENCE, [AUDIENCE], ["other", AUDIENCE]])
def test_what_is_to_be_believed_is(profile, aud):
    assert asyncio.run(verifier(profile).verify(token(profile, claims(aud=aud))))["sub"] == "subject-1"


def test_a_padded_token_of_the_load_balancer_is_believed():
    head, body, _ = (part.encode() for part in token("aws-alb").split("."))
    head, body = (part + b"=" * (-len(part) % 4) for part in (head, body))
    made = jwt.get_algorithm_by_name("ES256").sign(head + b"." + body, jwts.EC)
    text = b".".join([head, body, base64.urlsafe_b64encode(made)]).decode()
    assert asyncio.run(verifier("aws-alb").verify(text))["sub"] == "subject-1"


def test_a_verified_token_is_believed_until_it_expires_and_no_longer():
    now = [time.time()]
    made = verifier("oauth2-proxy", lambda: now[0])
    text = token("oauth2-proxy", claims(exp=int(now[0]) + 100))
    asyncio.run(made.verify(text))
    now[0] += 129
    asyncio.run(made.verify(text))
    now[0] += 2
    assert refused(made, text) == "expired"


def test_what_is_remembered_is_bounded():
    made = Verifier(verifier("oauth2-proxy").rules, from_pem(pem(jwts.RSA), ("RS256",)), cached=8)
    for index in range(20):
        asyncio.run(made.verify(token("oauth2-proxy", claims(sub=f"s{index}"))))
    assert len(made._known) == 8
