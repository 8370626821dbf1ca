"""Attacks on a board inside another application."""

from __future__ import annotations

import os

import pytest
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from muxboard import server
from muxboard.embed import Grant, Host, Muxboard, Principal
from tests.web.harness import stand_in

pytestmark = pytest.mark.gen_test


@pytest.fixture
def board(monkeypatch, tmp_path):
    page = stand_in(tmp_path)
    monkeypatch.setattr(server, "Assets", lambda: page)
    monkeypatch.setitem(os.environ, "TMUX_TMPDIR", str(tmp_path))
    return Muxboard(
        hosts=[Host(key="local", local=True)],
        authorize=lambda request: Principal("ann"),
        grants=[Grant(role="admin", principals=["ann"])],
    )


async def test_an_applications_xsrf_cookies_neither_replace_nor_break_the_boards_own_check(board):
    """With ``xsrf_cookies`` every change was an error inside; a page of another site stays refused."""
    site = HTTPServer(Application(board.handlers("/mux"), xsrf_cookies=True))
    [socket] = bind_sockets(0, "127.0.0.1")
    site.add_sockets([socket])
    here = f"http://127.0.0.1:{socket.getsockname()[1]}"

    async def refresh(**headers):
        client = AsyncHTTPClient(force_instance=True)
        answer = await client.fetch(
            f"{here}/mux/api/v1/refresh", method="POST", body="{}", headers=headers, raise_error=False
        )
        client.close()
        return answer.code

    try:
        assert await refresh(Origin=here) == 202
        forged = {"Cookie": "_xsrf=1", "X-Xsrftoken": "1"}
        assert await refresh(**forged) == 403
        assert await refresh(Origin="https://evil.example", **forged) == 403
    finally:
        await board.stop()
        site.stop()
        await site.close_all_connections()
