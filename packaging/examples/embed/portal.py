"""A page of another site with live terminals: for each session a link that opens once, made on the spot.

Run it as `python portal.py https://ops.example.com/console/ portal.pem build/deploy/api`, behind your site's
own https and login. It needs PyJWT with cryptography. docs/embedding.md tells the rest.
"""

# ruff: noqa: INP001
from __future__ import annotations

import argparse
import html
import secrets
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from string import Template
from urllib.parse import urlsplit

import jwt

PAGE = Template((Path(__file__).parent / "page.html").read_text())


def link(key: bytes, target: str, who: str) -> str:
    """Return a token that opens one session once, within a minute."""
    host, user, session = target.split("/", 2)
    now = int(time.time())
    claims = {
        "iss": "https://portal.example.com",  # as [[auth.links.issuers]] names us
        "aud": "muxboard",
        "sub": who,  # stands in muxboard's audit lines
        "host": host,
        "user": user,
        "session": session,
        "mode": "control",
        "iat": now,
        "exp": now + 60,
        "jti": secrets.token_urlsafe(16),
    }
    return jwt.encode(claims, key, algorithm="ES256")


class Portal(BaseHTTPRequestHandler):
    """One page."""

    options: argparse.Namespace

    def do_GET(self) -> None:
        options = self.options
        who = "ann"  # whoever your own login says it is
        terminals = "\n".join(
            f'<muxboard-terminal title="{html.escape(target)}" token="{link(options.key, target, who)}">'
            "</muxboard-terminal>"
            for target in options.target
        )
        nonce = secrets.token_urlsafe(16)
        page = PAGE.substitute(muxboard=html.escape(options.muxboard), nonce=nonce, terminals=terminals)
        base = urlsplit(options.muxboard)
        service = f"{base.scheme}://{base.netloc}"
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Cache-Control", "no-store")  # each view needs links of its own
        self.send_header(
            "Content-Security-Policy",
            f"default-src 'none'; script-src {service} 'nonce-{nonce}'; style-src 'nonce-{nonce}'; "
            f"frame-src {service}",
        )
        self.end_headers()
        self.wfile.write(page.encode())


def main() -> None:
    """Serve it on loopback."""
    parser = argparse.ArgumentParser()
    parser.add_argument("muxboard", help="the service's public_url")
    parser.add_argument("key", type=lambda path: Path(path).read_bytes(), help="our private key, as PEM")
    parser.add_argument("target", nargs="+", help="HOST/USER/SESSION")
    parser.add_argument("--port", type=int, default=8000)
    Portal.options = parser.parse_args()
    HTTPServer(("127.0.0.1", Portal.options.port), Portal).serve_forever()


if __name__ == "__main__":
    main()
