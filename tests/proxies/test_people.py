"""People come to each proxy with Chromium, log in at the identity provider, and work."""

from __future__ import annotations

import os
import pwd

import pytest
from playwright.sync_api import expect

from tests.browser.board import Board, Terminal
from tests.rig.waiting import until

TMUX_USER = pwd.getpwuid(os.getuid()).pw_name
PAST_END_S = 40  # far beyond the end of the tokens that live shortly
# What a page asks for whose login is over, and how that is refused.
REFUSED = "401|Failed to load"


@pytest.fixture
def log_in(page, site):
    """Call it with a name for the board after the login."""

    def go(name, page=page):
        page.goto(site.url)
        page.locator("input[name=login]").fill(name)
        page.keyboard.press("Enter")
        board = Board(page, site.url)
        expect(board.live).to_have_text("live")
        return board

    return go


@pytest.fixture
def other(browser, watch):
    """A page of another person's browser. Both ask for what a login that is over no longer gives."""
    watch.expect(REFUSED)
    context = browser.new_context()
    watch.attach(context)
    yield context.new_page()
    context.close()


def ends(site, name):
    """How somebody's terminals have ended."""
    lines = [line for line in site.audit if line["event"] == "terminal.end"]
    return [line["result"] for line in lines if line["principal"] == name]


def connected_or_loaded_again(page):
    """Whether the terminal is connected. A page from a moment before the proxy's own login ended is loaded
    again, as it asks for itself."""
    terminal, again = Terminal(page).state, page.get_by_role("button", name="Load again")
    expect(terminal.or_(again)).to_be_visible()
    if again.is_visible():
        again.click()
        return False
    return terminal.inner_text() == "connected"


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


def test_a_terminal_lives_as_long_as_the_login_is_renewed(log_in, page, other, site, session):
    """Of two people whose tokens live shortly, the proxy can renew one's."""
    renewed = log_in("kim")
    first = page.evaluate("fetch('api/v1/me').then((answer) => answer.json()).then((me) => me.expires_at)")
    terminal = renewed.attach(session)
    log_in("eve", other).attach(session)
    expect(Terminal(other).ended).to_contain_text("login expired", timeout=PAST_END_S * 1000)
    until(lambda: len(site.tmux.clients(session)) == 1, "the end of the terminal's client")
    until(lambda: ends(site, "eve@example.com"), "the line about it")
    assert ends(site, "eve@example.com") == ["expired"]

    # The provider still knows her, and lets her in again without a question.
    other.get_by_test_id("term-login").click()
    until(lambda: connected_or_loaded_again(other), "her terminal")

    past = "(end) => Date.now() / 1000 > end + 1"
    page.wait_for_function(past, arg=first, polling=200, timeout=PAST_END_S * 1000)
    terminal.type("after the first end").wait_for("after the first end")
    expect(terminal.state).to_have_text("connected")
    expect(terminal.ended).to_have_count(0)
    assert page.request.get(site.me, max_redirects=0).status == 200, "the proxy goes on with it too"
    mine = [line["event"] for line in site.audit if line.get("principal") == "kim@example.com"]
    assert mine == ["terminal.start"], "it is still the first one"
