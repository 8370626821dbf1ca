"""Attacks with requests: smuggled headers, foreign names, pages of others."""

from __future__ import annotations

import pytest

from tests.web.harness import LOGIN, raw

HEADER = """
[auth]
gate = "header"
[[grants]]
principals = ["root"]
role = "admin"
[[grants]]
principals = ["ada"]
role = "viewer"
[server]
trusted_proxies = ["127.0.0.1/32"]
public_url = "https://ops.example.com/"
"""

pytestmark = pytest.mark.gen_test


async def ask(board, *lines, path="api/v1/me", method="GET", host="127.0.0.1") -> tuple[int, bytes]:
    """Ask byte for byte; return status and all of the answer."""
    head = "".join(f"{line}\r\n" for line in (f"Host: {host}", "Connection: close", *lines))
    answer = await raw(board.port, f"{method} /{path} HTTP/1.1\r\n{head}\r\n".encode("latin1"))
    return int(answer.split(b" ", 2)[1]), answer


@pytest.mark.parametrize("path", ["api/v1/me", f"api/v1/hosts/local/users/{LOGIN}/sessions/one/scrollback"])
async def test_a_rebound_page_beside_the_proxy_does_not_forward_itself_a_name(boards, path):
    """A browser on the proxy's machine is a trusted peer, and a page may send any header but Host."""
    board = await boards(HEADER)
    forged = ("X-Remote-User: root", "X-Forwarded-Host: ops.example.com")
    assert (await ask(board, *forged, path=path))[0] == 200
    assert (await ask(board, *forged, path=path, host="rebound.example:8765"))[0] == 421
    assert (await ask(board, forged[0], path=path, host="rebound.example:8765"))[0] == 421


@pytest.mark.parametrize(
    "lines",
    [
        ("X-Remote-User: ada", " root"),
        ("X-Remote-User : root",),
        ("X-Remote-User\t: root",),
        ("X-Remote-User: ada", "\0X-Remote-User: root"),
        ("X-Remote-User: ada", "X_Remote_User: root"),
        ("X-Remote-User: ada", "x-remote-user: root"),
        ("X-Remote-User:", "X-Remote-User: root"),
        ("X-Remote-User: ada, root",),
        ("X-Remote-User: ada;root",),
        ("X-Remote-User: root\x0b",),
        ("X-Remote-User: root\xa0",),
        ("X_Remote_User: root",),
        ("X-Forwarded-User: root",),
        ("Connection: X-Remote-User",),
    ],
)
async def test_a_smuggled_name_is_nobodys(boards, lines):
    board = await boards(HEADER)
    status, answer = await ask(board, *lines, path="api/v1/terminals?all=1")
    assert status in {400, 401, 403}, answer


@pytest.mark.parametrize("peer", ["127.0.0.2/32", "::1/128", "::ffff:127.0.0.1/128", "10.0.0.0/8"])
async def test_who_is_not_the_proxy_says_nothing_whatever_is_forwarded(boards, peer):
    board = await boards(HEADER.replace("127.0.0.1/32", peer))
    for forwarded in ("127.0.0.2", "::1", "10.0.0.1", "127.0.0.2, 10.0.0.1"):
        lines = ("X-Remote-User: root", f"X-Forwarded-For: {forwarded}", f"X-Real-Ip: {forwarded}")
        assert (await ask(board, *lines))[0] == 401
        assert (await ask(board, *lines, host="ops.example.com"))[0] == 401


@pytest.mark.parametrize(
    "lines",
    [
        ("Origin: http://rebound.example",),
        ("Origin: null",),
        ("Origin: https://ops.example.com.evil.example",),
        ("Origin: http://ops.example.com",),
        ("Origin: https://ops.example.com:8443",),
        ("Origin: https://ops.example.com", "Origin: https://evil.example"),
        ("Sec-Fetch-Site: same-site",),
        ("Sec-Fetch-Site: none",),
        ("Referer: https://ops.example.com/",),
        (),
    ],
)
async def test_another_page_neither_changes_nor_listens(boards, lines):
    """The proxy's header comes along with whatever page a browser has open."""
    board = await boards(HEADER)
    lines = ("X-Remote-User: root", *lines)
    for method, path in (
        ("POST", "api/v1/refresh"),
        ("POST", "api/v1/logout"),
        ("GET", "api/v1/events"),
        ("GET", "api/v1/terminals/x/socket"),
    ):
        status, answer = await ask(board, *lines, method=method, path=path, host="ops.example.com")
        assert (status, b"origin_refused" in answer) == (403, True), (method, path)
