"""An identity provider for the bench: its keys, their address, and tokens that are good and bad."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa

ISSUER, AUDIENCE = "https://idp.example.com", "muxboard"
CONFIG = """\
[auth]
gate = "jwt"
[[auth.jwt]]
issuer = "{issuer}"
audience = "{audience}"
algorithms = ["RS256", "ES256"]
jwks_url = "{url}"
[[grants]]
principals = ["bench@example.com"]
role = "admin"
"""


class Identity:
    """Signs tokens; answers whoever asks for its keys, and counts them."""

    def __init__(self) -> None:
        self.keys: dict[str, Any] = {
            "RS256": rsa.generate_private_key(65537, 2048),
            "ES256": ec.generate_private_key(ec.SECP256R1()),
        }
        self.asked = 0
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        """Listen; return the keys' URL."""
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/keys"

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    @property
    def jwks(self) -> bytes:
        """What it answers."""
        entries = [
            {
                **jwt.get_algorithm_by_name(name).to_jwk(key.public_key(), as_dict=True),
                "kid": name,
                "alg": name,
                "use": "sig",
            }
            for name, key in self.keys.items()
        ]
        return json.dumps({"keys": entries}).encode()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.asked += 1
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(self.jwks)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + self.jwks)
        await writer.drain()
        writer.close()

    def token(self, name: str = "RS256", number: int = 0, **changes: Any) -> str:
        """Return a good token, or one with other claims."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "bench",
            "email": "bench@example.com",
            "groups": ["sre"],
            "iat": now,
            "exp": now + 3600,
            "n": number,
            **changes,
        }
        return jwt.encode(claims, self.keys[name], algorithm=name, headers={"kid": name})

    def bad_tokens(self) -> list[str]:
        """Return what an attacker sends: nonsense, wrong signatures, unknown ids, other issuers, old ones."""
        good = self.token()
        head, body, _ = good.split(".")
        forged = [f"{head}.{body}.{'A' * 340}{number:02d}" for number in range(40)]
        unknown = [
            jwt.encode(
                {"iss": ISSUER, "aud": AUDIENCE, "exp": int(time.time()) + 60, "sub": "x"},
                self.keys["RS256"],
                algorithm="RS256",
                headers={"kid": f"unknown-{number}"},
            )
            for number in range(40)
        ]
        old = [self.token(number=number, exp=int(time.time()) - 3600) for number in range(10)]
        other = [self.token(number=number, iss="https://other.example.com") for number in range(10)]
        return ["nonsense", "a.b.c", "x" * 16000, *forged, *unknown, *old, *other]
