"""People come to each proxy with Chromium, log in at the identity provider, and work."""

from __future__ import annotations

import os
import pwd

import pytest
from playwright.sync_api import expect

from tests.browser.board import Board, Terminal
from tests.rig.waiting import until

TMUX_USER = pwd.getpwuid(os.getuid()).pw_name
PAST_END_S = 45  # tokens live a quarter of that


@pytest.fixture
def log_in(page, site):
    """Call it with a name for the board after the login."""

    def go(name):
        page.goto(site.url)
        page.locator("input[name=login]").fill(name)
        page.keyboard.press("Enter")
        board = Board(page, site.url)
        expect(board.live).to_have_text("live")
        return board

    return go


@pytest.fixture
def session(site, request):
    """A tmux session of the test's own, in which cat answers."""
    name = request.node.originalname
    site.tmux.new(name, "cat")
    yield name
    site.tmux("kill-session", "-t", f"={name}")


def test_one_logs_in_sees_the_board_and_types(log_in, page, site, session):
    board = log_in("ann")
    assert page.url == site.url
    expect(board.row(session)).to_be_visible()
    sockets = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    board.attach(session).type("typed through the proxy").wait_for("typed through the proxy")
    site.tmux.wait_for(session, "typed through the proxy")
    assert [url.partition("/api")[0] for url in sockets] == [site.url.rstrip("/").replace("http", "ws", 1)]


def test_somebody_without_a_grant_is_let_in_and_sees_nothing(log_in, page, site, session):
    board = log_in("sam")
    expect(board.rows).to_have_count(0)
    answer = page.request.post(
        f"{site.url}api/v1/terminals",
        data={
            "host": "local",
            "user": TMUX_USER,
            "session": session,
            "mode": "view",
            "cols": 80,
            "rows": 24,
        },
        headers={"Origin": site.url.rstrip("/")},
    )
    assert (answer.status, answer.json()["code"]) == (403, "forbidden")


def test_a_terminal_ends_with_a_login_that_nobody_renews(log_in, page, site, session, watch):
    watch.expect("401|302|Failed to load|ERR_|CORS|blocked")
    log_in("eve").attach(session)
    terminal = Terminal(page)
    expect(terminal.ended).to_contain_text("login has expired", timeout=PAST_END_S * 1000)
    until(lambda: site.tmux.clients(session) == [], "the end of the terminal's client")


def test_a_terminal_lives_on_while_the_proxy_renews_the_login(log_in, page, site, session, watch):
    board = log_in("kim")
    first = page.evaluate("fetch('api/v1/me').then((answer) => answer.json()).then((me) => me.expires_at)")
    terminal = board.attach(session)
    page.wait_for_function("(end) => Date.now() / 1000 > end + 3", arg=first, timeout=PAST_END_S * 1000)
    terminal.type("after the first end").wait_for("after the first end")
    expect(terminal.state).to_have_text("connected")
    expect(terminal.ended).to_have_count(0)
