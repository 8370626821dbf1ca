"""A client that keeps cookies and sends exactly the headers that it is told, duplicates and all."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urljoin, urlsplit

from tests.rig.service import Answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HOPS = 20
TIMEOUT_S = 20


class Visitor:
    """Somebody's browser without a screen. Cookies are kept for each host and port apart.

    Args:
        address: The loopback address to come from.
    """

    def __init__(self, address: str = "127.0.0.1") -> None:
        self._address = address
        self._jars: dict[str, dict[str, str]] = {}

    def cookies(self, url: str) -> dict[str, str]:
        return self._jars.setdefault(urlsplit(url).netloc, {})

    def cookie_line(self, url: str) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.cookies(url).items())

    def get(self, url: str, headers: Iterable[tuple[str, str]] = ()) -> Answer:
        """One request, redirects not followed."""
        return self._request("GET", url, b"", headers)

    def send(self, url: str, what: Any, headers: Iterable[tuple[str, str]] = ()) -> Answer:
        """Send JSON."""
        return self._request("POST", url, json.dumps(what).encode(), headers)

    def post(self, url: str, fields: Mapping[str, str]) -> Answer:
        """Send a form."""
        form = [("Content-Type", "application/x-www-form-urlencoded")]
        return self._request("POST", url, urlencode(fields).encode(), form)

    def raw(self, url: str, text: bytes) -> bytes:
        """Send bytes as they are on one connection; return all that is answered until it is closed."""
        parts, answer = urlsplit(url), b""
        with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=TIMEOUT_S) as wire:
            wire.sendall(text)
            with contextlib.suppress(ConnectionResetError):
                while got := wire.recv(65536):
                    answer += got
        return answer

    def follow(self, url: str, until: str = "\0") -> tuple[str, Answer | None]:
        """Follow redirects; return where they end, and the answer there. ``until`` is not asked any more."""
        for _ in range(HOPS):
            if url.startswith(until):
                return url, None
            answer = self.get(url, [("Accept", "text/html")])
            if answer.status not in {301, 302, 303, 307}:
                return url, answer
            url = urljoin(url, answer.headers["Location"])
        raise AssertionError(f"redirected without end, at last to {url}")

    def log_in(self, url: str, name: str, until: str = "\0") -> str:
        """Go to an address, log in where that leads to, and return where one is sent then."""
        form, answer = self.follow(url)
        assert "/interaction/" in form, f"no login: {form}: {answer and (answer.status, answer.text[:500])}"
        back = self.post(form, {"login": name})
        landed, answer = self.follow(urljoin(form, back.headers["Location"]), until)
        assert answer is None or answer.status < 400, f"{landed}: {answer.status} {answer.text[:500]}"
        return landed

    def _request(self, method: str, url: str, body: bytes, headers: Iterable[tuple[str, str]]) -> Answer:
        parts, jar = urlsplit(url), self.cookies(url)
        sent = list(headers)
        connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=TIMEOUT_S, source_address=(self._address, 0)
        )
        try:
            path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
            host = any(name.lower() == "host" for name, _ in sent)
            connection.putrequest(method, path, skip_host=host, skip_accept_encoding=True)
            if jar:
                connection.putheader("Cookie", self.cookie_line(url))
            if body:
                connection.putheader("Content-Length", str(len(body)))
            for name, value in sent:
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            found = Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()
        for line in found.headers.get_all("Set-Cookie", ()):
            for key, morsel in SimpleCookie(line).items():
                gone = not morsel.value or morsel["max-age"] == "0" or "1970" in morsel["expires"]
                jar.pop(key, None) if gone else jar.update({key: morsel.coded_value})
        return found
