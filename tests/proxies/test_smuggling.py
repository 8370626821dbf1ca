"""Whoever is logged in at a proxy stays who they are, whatever they send along; nobody else is anybody."""

from __future__ import annotations

import pytest

from tests.proxies.visitor import Visitor

REFUSED = {400, 401, 403, 421, 431}
TO_LOGIN = {302, 303}  # the proxy's own refusal of somebody without a cookie
OTHER = "ada@example.com"
OVERSIZED = 20_000  # characters; a token may have 16 KiB

# What is sent along: header lines, with {header} muxboard's own and {token} a good token of an admin's.
BEARER = ("Authorization", "Bearer {token}")
LINES = {
    "identity": [("{header}", "{value}")],
    "lower case": [("{lower}", "{value}")],
    "upper case": [("{upper}", "{value}")],
    "twice": [("{header}", "{value}"), ("{header}", "{value}")],
    "twice in two cases": [("{lower}", "{value}"), ("{upper}", "{value}")],
    "joined by a comma": [("{header}", "{value}, {value}")],
    "empty, then good": [("{header}", ""), ("{header}", "{value}")],
    "a space before the colon": [("{header} ", "{value}")],
    "a folded line": [("X-Other", "some\r\n {header}: {value}")],
    "a tab": [("{header}", "\t{value}")],
    "bearer": [BEARER],
    "bearer twice": [BEARER, BEARER],
    "another scheme": [("Authorization", "Basic YWRhOmFkYQ==")],
    "underscore twin": [("{twin}", "{value}")],
    "underscore twins": [("{twin}", "{value}"), ("{twin}", "{value}")],
    "other usual headers": [("X-Id-Token", "{token}"), ("X-Forwarded-Access-Token", "{token}")],
    "other usual headers, underscored": [("X_Id_Token", "{token}"), ("X_Forwarded_Access_Token", "{token}")],
    "environment": [
        ("OIDC_id_token", "{token}"),
        ("OIDC-id-token", "{token}"),
        ("HTTP_AUTHORIZATION", "{value}"),
    ],
    "products": [("Cf-Access-Jwt-Assertion", "{token}"), ("X-Amzn-Oidc-Data", "{token}")],
    "names": [("X-Auth-Request-Email", OTHER), ("X-Forwarded-User", OTHER), ("X-Forwarded-Email", OTHER)],
    "more names": [("X-Remote-User", OTHER), ("Remote-User", OTHER), ("X-Forwarded-Groups", "sre")],
    "hop by hop": [("Connection", "close, {header}"), ("{header}", "{value}")],
    "hop by hop alone": [("Connection", "{header}")],
    "hop by hop cookie": [("Connection", "close, Cookie"), ("{header}", "{value}")],
    "upgrade": [("Connection", "Upgrade"), ("Upgrade", "h2c"), ("{header}", "{value}")],
    "forwarded for": [("X-Forwarded-For", "127.0.0.1"), ("X-Real-IP", "127.0.0.1"), ("{header}", "{value}")],
    "forwarded host": [("X-Forwarded-Host", "evil.example.com"), ("X-Forwarded-Proto", "https")],
    "forwarded host, also ours": [
        ("X-Forwarded-Host", "evil.example.com"),
        ("X-Forwarded-Host", "127.0.0.1"),
    ],
    "rewritten": [
        ("X-Forwarded-Uri", "/oauth2/auth"),
        ("X-Original-URL", "/oauth2/auth"),
        ("{header}", "{value}"),
    ],
    "health check": [("User-Agent", "GoogleHC/1.0"), ("{header}", "{value}")],
    "oversized": [("{header}", "{value}" + "a" * OVERSIZED)],
    "link session": [("Authorization", "Bearer mbl.{token}")],
}
PATHS = [
    "api/v1/me",
    "api/v1/me?access_token={token}",
    "/api/v1/me",
    "oauth2/../api/v1/me",
    "oauth2/auth/../../api/v1/me",
    "oauth2/%2e%2e/api/v1/me",
    "oidc/../api/v1/me",
    "oidc/%2e%2e/api/v1/me",
    "callback/../api/v1/me",
    "callback",
    "api/v1/me%23/oauth2/auth",
    "api/v1/me;/oauth2/auth",
    "api%2fv1%2fme",
    "ping",
    "healthz",
]


@pytest.fixture
def told(site):
    """Call it with header lines for what they are at this proxy."""
    token, header = site.token("ada"), site.front.header
    value = f"Bearer {token}" if header == "Authorization" else token
    words = {"token": token, "header": header, "value": value, "twin": header.replace("-", "_")}
    words |= {"lower": header.lower(), "upper": header.upper()}
    return lambda lines: [(name.format(**words), text.format(**words)) for name, text in lines]


def who(answer):
    """Who the service says is asking, and what they may do."""
    me = answer.json()
    return me["principal"], me["role_by_target"]


def test_what_is_handed_in_would_be_believed_by_muxboard_itself(site, told):
    """Else the tests below would show nothing."""
    answer = Visitor().get(f"{site.direct}api/v1/me", told(LINES["identity"]))
    assert answer.status == 200
    assert answer.json()["principal"]["name"] == OTHER


@pytest.mark.parametrize("lines", LINES.values(), ids=LINES)
def test_one_stays_who_one_is_or_is_refused(site, told, lines):
    visitor = site.visitor("vic")
    honest = visitor.get(site.me)
    assert who(honest)[0]["name"] == "vic@example.com"
    answer = visitor.get(site.me, told(lines))
    assert answer.status in {200, *REFUSED}, answer.text
    if answer.status == 200:
        assert who(answer) == who(honest)
    assert OTHER not in answer.text
    assert who(visitor.get(site.me)) == who(honest), "and the next request is one's own too"


@pytest.mark.parametrize("lines", LINES.values(), ids=LINES)
def test_without_a_login_nobody_is_somebody(site, told, lines):
    answer = Visitor().get(site.me, told(lines))
    assert answer.status in REFUSED | TO_LOGIN, answer.text
    assert "principal" not in answer.text


@pytest.mark.parametrize("path", PATHS)
def test_no_path_leads_round_the_login(site, told, path):
    lines = told(LINES["identity"])
    answer = Visitor().get(site.url + path.format(token=site.token("ada")), lines)
    assert answer.status in REFUSED | TO_LOGIN | {404}, (answer.status, answer.text)
    assert "principal" not in answer.text


SECOND = "GET /api/v1/me HTTP/1.1\r\nHost: {host}\r\n{header}: {value}\r\nConnection: close\r\n\r\n"
FIRST = {
    "after a request": "GET /api/v1/me HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n",
    "behind the last chunk": (
        "POST /api/v1/refresh HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nOrigin: http://{host}\r\n"
        "Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "behind an unknown coding": (
        "POST /api/v1/refresh HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nOrigin: http://{host}\r\n"
        "Content-Length: {length}\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"
    ),
    "behind two lengths": (
        "POST /api/v1/refresh HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nOrigin: http://{host}\r\n"
        "Content-Length: 2\r\nContent-Length: {length}\r\n\r\n{{}}"
    ),
    "behind a body of a GET": (
        "GET /api/v1/me HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nContent-Length: 0\r\n"
        "Transfer-Encoding : chunked\r\n\r\n"
    ),
    "in a tunnel that is none": (
        "GET /api/v1/me HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 777\r\n"
        "Sec-WebSocket-Key: nf6dB8Pb/BLinZ7UexUXHg==\r\n\r\n"
    ),
}


@pytest.mark.parametrize("first", FIRST.values(), ids=FIRST)
def test_no_second_request_hides_in_the_first(site, told, first):
    """A request with the admin's token follows where proxy and service may differ about an end."""
    visitor = site.visitor("vic")
    [(header, value)] = told(LINES["identity"])
    host = site.url.removeprefix("http://").rstrip("/")
    second = SECOND.format(host=host, header=header, value=value)
    cookie = visitor.cookie_line(site.url)
    sent = first.format(host=host, cookie=cookie, length=len(second) + 5) + second
    assert OTHER.encode() not in visitor.raw(site.url, sent.encode())
    for _ in range(5):
        assert who(visitor.get(site.me))[0]["name"] == "vic@example.com"


@pytest.mark.parametrize(
    "lines", [[], LINES["names"], LINES["more names"]], ids=["nothing", "names", "more names"]
)
def test_muxboard_itself_lets_nobody_in_without_a_token(site, lines):
    """The tests come from the trusted proxy's address; even so a name without a signature counts nothing."""
    answer = Visitor().get(f"{site.direct}api/v1/me", lines)
    assert (answer.status, answer.json()["code"]) == (401, "unauthenticated")
