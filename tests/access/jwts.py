"""Makes tokens as identity providers do, and as those who are none."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from muxboard.access.profiles import PROFILES

ISSUER = "https://idp.example.com"
AUDIENCE = "muxboard-tests"
ARN = "arn:aws:elasticloadbalancing:eu-west-1:1:loadbalancer/app/ours/1"
CLIENT = "the-client"
KID = "0c1d2e3f-0000-4000-8000-000000000001"

RSA = rsa.generate_private_key(65537, 2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
STRANGER = {"RS256": rsa.generate_private_key(65537, 2048), "ES256": ec.generate_private_key(ec.SECP256R1())}
OWN: dict[str, Any] = {"RS256": RSA, "ES256": EC, "EdDSA": ED}


def algorithm(profile: str) -> str:
    """What a profile's tokens are signed with here."""
    return PROFILES[profile].algorithms[0]


def pem(key: Any) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def jwk(key: Any, name: str, kid: str = KID, **more: Any) -> dict[str, Any]:
    made = jwt.get_algorithm_by_name(name).to_jwk(key.public_key(), as_dict=True)
    return {**made, "kid": kid, "use": "sig", "alg": name, **more}


def jwks(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"keys": list(entries)}).encode()


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims; a change to None takes one away."""
    now = int(time.time())
    good = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "subject-1",
        "email": "ada@example.com",
        "username": "ada@example.com",
        "groups": ["sre", "dev"],
        "iat": now,
        "exp": now + 300,
        **changes,
    }
    return {name: value for name, value in good.items() if value is not None}


def header(profile: str, **changes: Any) -> dict[str, Any]:
    good = {"kid": KID}
    if profile == "aws-alb":
        good |= {"signer": ARN, "client": CLIENT}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def token(profile: str, said: dict[str, Any] | None = None, key: Any = None, **head: Any) -> str:
    """A token of a profile's issuer."""
    name = head.pop("alg", algorithm(profile))
    return jwt.encode(said or claims(), key or OWN[name], algorithm=name, headers=header(profile, **head))


def b64(data: bytes | str) -> str:
    raw = data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def forged(head: Any, said: Any, signature: bytes = b"signature") -> str:
    """Three parts of whatever is given."""
    parts = [each if isinstance(each, str) else json.dumps(each) for each in (head, said)]
    return ".".join([*(b64(part) for part in parts), b64(signature)])


def signed(profile: str, said: Any, **head: Any) -> str:
    """Truly signed, whatever it says; PyJWT would not make some of these."""
    name = algorithm(profile)
    parts = [b64(json.dumps(each)) for each in ({"alg": name, **header(profile), **head}, said)]
    signature = jwt.get_algorithm_by_name(name).sign(".".join(parts).encode(), OWN[name])
    return ".".join([*parts, b64(signature)])
