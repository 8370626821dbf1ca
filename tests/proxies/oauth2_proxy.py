"""A stand-in for oauth2-proxy, of which there is no package to install. It is not oauth2-proxy.

It reads oauth2-proxy's own configuration file, of the keys in ``SETTINGS`` alone, logs people in by a real
code flow, and imitates what matters to a service behind it:

- the session is the server's, its cookie a ticket; older than ``cookie_refresh`` it is refreshed by the next
  request, and once the token has expired it is over;
- ``pass_authorization_header`` puts the ID token into ``Authorization``; ``X-Forwarded-User``, ``-Email`` and
  ``-Groups`` are set as well. Of what a client sends, only the headers that are injected are taken away: its
  ``X-Forwarded-Access-Token`` goes through. So do underscore twins, as before 7.13;
- what ``Connection`` lists is dropped after the injection, as Go's ReverseProxy does it;
- ``Host`` and ``X-Forwarded-*`` go through; the peer is appended to ``X-Forwarded-For``;
- ``/oauth2/auth`` answers 202 or 401, with ``Authorization`` where ``set_authorization_header`` says so;
- ``api_routes`` get 401, other paths the way to the login;
- a WebSocket is looked at when it is opened, and never again.

Usage: python oauth2_proxy.py FILE
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import secrets
import sys
import time
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from tornado.httpclient import AsyncHTTPClient
from tornado.iostream import IOStream, StreamClosedError
from tornado.tcpclient import TCPClient
from tornado.web import Application, RequestHandler

SETTINGS: dict[str, Any] = {
    "http_address": "127.0.0.1:4180",
    "upstreams": [],
    "redirect_url": "",
    "provider": "oidc",
    "oidc_issuer_url": "",
    "client_id": "",
    "client_secret_file": "",
    "scope": "openid email",
    "email_domains": ["*"],
    "skip_provider_button": True,
    "cookie_secret_file": "",
    "cookie_secure": True,
    "cookie_refresh": "0s",
    "pass_authorization_header": False,
    "set_authorization_header": False,
    "pass_access_token": False,
    "reverse_proxy": False,
    "api_routes": [],
}
COOKIE, CSRF = "_oauth2_proxy", "_oauth2_proxy_csrf"
PATH = "/oauth2"
UNITS = {"s": 1, "m": 60, "h": 3600}
SET = ("X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups")
HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}


class Session:
    """Somebody's tokens."""

    def __init__(self, tokens: dict[str, Any]) -> None:
        self.take(tokens)

    def take(self, tokens: dict[str, Any]) -> None:
        self.id_token = tokens["id_token"]
        self.refresh_token = tokens.get("refresh_token", getattr(self, "refresh_token", ""))
        self.made = time.time()
        self.ends = self.made + tokens["expires_in"]
        payload = self.id_token.split(".")[1]
        self.claims = json.loads(base64.urlsafe_b64decode(payload + "=="))


class Proxy:
    """The configuration, the sessions, and the way to the provider."""

    def __init__(self, file: Path) -> None:
        given = tomllib.loads(file.read_text())
        if unknown := given.keys() - SETTINGS.keys():
            raise SystemExit(f"{file}: unknown settings: {', '.join(sorted(unknown))}")
        self.settings = {**SETTINGS, **given}
        self.secret = Path(self.settings["client_secret_file"]).read_text().strip()
        self.cookie_secret = Path(self.settings["cookie_secret_file"]).read_text().strip()
        self.refresh_s = _seconds(self.settings["cookie_refresh"])
        self.sessions: dict[str, Session] = {}
        self.refreshing = asyncio.Lock()
        self._provider: dict[str, Any] = {}

    async def provider(self) -> dict[str, Any]:
        if not self._provider:
            url = f"{self.settings['oidc_issuer_url']}/.well-known/openid-configuration"
            self._provider = json.loads((await AsyncHTTPClient().fetch(url)).body)
        return self._provider

    async def tokens(self, **fields: str) -> dict[str, Any]:
        answer = await AsyncHTTPClient().fetch(
            (await self.provider())["token_endpoint"],
            method="POST",
            auth_username=self.settings["client_id"],
            auth_password=self.secret,
            body=urlencode(fields),
        )
        return json.loads(answer.body)  # type: ignore[no-any-return]

    async def session(self, ticket: str) -> Session | None:
        """The session of a cookie, refreshed if it is due; None when there is none, or it has ended."""
        found = self.sessions.get(ticket)
        if found is None:
            return None
        async with self.refreshing:
            if found.refresh_token and self.refresh_s and time.time() - found.made > self.refresh_s:
                found.take(await self.tokens(grant_type="refresh_token", refresh_token=found.refresh_token))
        if found.ends <= time.time():
            del self.sessions[ticket]
            return None
        return found


class Base(RequestHandler):
    def initialize(self, proxy: Proxy) -> None:
        self.proxy = proxy

    async def session(self) -> Session | None:
        ticket = self.get_signed_cookie(COOKIE)
        return await self.proxy.session(ticket.decode()) if ticket else None

    def cookie(self, name: str, value: str) -> None:
        secure = self.proxy.settings["cookie_secure"]
        self.set_signed_cookie(name, value, httponly=True, secure=secure, samesite="Lax", path="/")

    async def to_login(self, back: str) -> None:
        back = back if re.match(r"/(?![/\\])", back) else "/"
        state = secrets.token_urlsafe(16)
        self.cookie(CSRF, state)
        settings = self.proxy.settings
        query = {
            "client_id": settings["client_id"],
            "redirect_uri": settings["redirect_url"],
            "response_type": "code",
            "scope": settings["scope"],
            "state": f"{state}:{back}",
        }
        endpoint = (await self.proxy.provider())["authorization_endpoint"]
        self.redirect(f"{endpoint}?{urlencode(query)}")


class Start(Base):
    async def get(self) -> None:
        wanted = self.request.headers.get("X-Auth-Request-Redirect", "/")
        await self.to_login(self.get_query_argument("rd", wanted))


class Callback(Base):
    async def get(self) -> None:
        state, _, back = self.get_query_argument("state").partition(":")
        if (self.get_signed_cookie(CSRF) or b"").decode() != state:
            self.set_status(403)
            return
        code = self.get_query_argument("code")
        tokens = await self.proxy.tokens(
            grant_type="authorization_code", code=code, redirect_uri=self.proxy.settings["redirect_url"]
        )
        ticket = secrets.token_urlsafe(24)
        self.proxy.sessions[ticket] = Session(tokens)
        self.cookie(COOKIE, ticket)
        self.clear_cookie(CSRF)
        self.redirect(back)


class Auth(Base):
    """What nginx asks."""

    async def get(self) -> None:
        session = await self.session()
        self.set_status(202 if session else 401)
        if session and self.proxy.settings["set_authorization_header"]:
            self.set_header("Authorization", f"Bearer {session.id_token}")


class Everything(Base):
    """The upstream, for whoever is logged in."""

    async def get(self) -> None:
        session = await self.session()
        if session is None:
            if any(re.search(each, self.request.path) for each in self.proxy.settings["api_routes"]):
                self.send_error(401)
            else:
                await self.to_login(self.request.uri or "/")
            return
        if not self.proxy.settings["upstreams"]:
            self.send_error(404)
            return
        upstream = urlsplit(self.proxy.settings["upstreams"][0])
        there = await TCPClient().connect(upstream.hostname or "", upstream.port or 80)
        self._auto_finish = False
        here = self.detach()
        await there.write(self._head(session) + self.request.body)
        # A tunnel only where the service agrees to one: what else follows is a request that nobody looked at.
        head = await there.read_until(b"\r\n\r\n")
        await here.write(head)
        if self._upgrade and not head.startswith(b"HTTP/1.1 101 "):
            length = re.search(rb"(?i)\ncontent-length: *(\d+)", head)
            await here.write(await there.read_bytes(int(length[1]) if length else 0))
            there.close()
            here.close()
            return
        await asyncio.gather(_pump(there, here), _pump(here, there) if self._upgrade else _drop(here))

    head = post = put = patch = delete = options = get

    @property
    def _upgrade(self) -> bool:
        headers = self.request.headers
        return (
            headers.get("Connection", "").lower() == "upgrade"
            and headers.get("Upgrade", "").lower() == "websocket"
        )

    def _head(self, session: Session) -> bytes:
        claims = session.claims
        groups = ",".join(claims.get("groups", ()))
        injected = dict(zip(SET, (claims["sub"], claims.get("email", ""), groups), strict=True))
        if self.proxy.settings["pass_authorization_header"]:
            injected["Authorization"] = f"Bearer {session.id_token}"
        taken = {name.lower() for name in injected}
        sent = list(self.request.headers.get_all())
        headers = [(name, value) for name, value in sent if name.lower() not in taken]
        headers += injected.items()
        listed = {each.strip().lower() for each in self.request.headers.get("Connection", "").split(",")}
        dropped = HOP_BY_HOP | listed | {"x-forwarded-for", "content-length"}
        headers = [(name, value) for name, value in headers if name.lower() not in dropped]
        peers = [*self.request.headers.get_list("X-Forwarded-For"), self.request.remote_ip or ""]
        headers.append(("X-Forwarded-For", ", ".join(peers)))
        if self.request.method not in {"GET", "HEAD"} or self.request.body:
            headers.append(("Content-Length", str(len(self.request.body))))
        upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket")]
        headers += upgrade if self._upgrade else [("Connection", "close")]
        lines = [f"{self.request.method} {self.request.uri} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


async def _pump(source: IOStream, sink: IOStream) -> None:
    try:
        while True:
            await sink.write(await source.read_bytes(65536, partial=True))
    except StreamClosedError:
        sink.close()
        source.close()


async def _drop(source: IOStream) -> None:
    try:
        while True:
            await source.read_bytes(65536, partial=True)
    except StreamClosedError:
        pass


def _seconds(text: str) -> float:
    number, unit = text[:-1], text[-1]
    return float(number) * UNITS[unit]


async def main(file: Path) -> None:
    proxy = Proxy(file)
    options = {"proxy": proxy}
    routes: list[Any] = [
        (f"{PATH}/start", Start, options),
        (f"{PATH}/sign_in", Start, options),
        (f"{PATH}/callback", Callback, options),
        (f"{PATH}/auth", Auth, options),
        (".*", Everything, options),
    ]
    host, _, port = proxy.settings["http_address"].rpartition(":")
    application = Application(routes, cookie_secret=proxy.cookie_secret, log_function=lambda _handler: None)
    application.listen(int(port), host)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
