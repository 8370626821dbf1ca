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
