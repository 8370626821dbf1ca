"""Deep links: made on the board, looked at without harm, opened once, and good for one session."""

from __future__ import annotations

import base64
import json
import re
import time

import pytest
from playwright.sync_api import expect

from tests.browser.board import Terminal
from tests.rig.service import local_host

LINKS = {"auth": {"links": {"secret_env": "LINK_SECRET"}}}
UNSIGNED = {"host": "local", "user": "deploy", "mode": "view", "iss": "elsewhere"}


@pytest.fixture
def context_options():
    return {"permissions": ["clipboard-read", "clipboard-write"]}


@pytest.fixture
def service(start_service, tmux):
    """A service that makes links."""
    env = {"TMUX_TMPDIR": str(tmux.folder), "LINK_SECRET": "secret-of-links-in-the-tests-only"}
    return start_service({"hosts": [local_host()], **LINKS}, env=env)


@pytest.fixture
def stranger(browser, watch):
    """A page of somebody else's browser, who is not logged in."""
    watch.expect("401")
    context = browser.new_context()
    watch.attach(context)
    yield context.new_page()
    context.close()
    watch.check()


def minted(board, mode="view", whom=""):
    """Make a link to ``api`` on the open board."""
    board.choose("api", "menu-mint")
    board.field("mode").select_option(mode)
    board.field("sub").fill(whom)
    board.field("submit").click()
    expect(board.field("made")).to_contain_text("works once, until")
    url = board.field("url").inner_text().strip()
    board.field("copy").click()
    expect(board.dialog).to_contain_text("It is on the clipboard")
    board.field("done").click()
    expect(board.dialog).to_have_count(0)
    return url


def unsigned(**claims):
    """A token as anybody can write one."""
    whole = {**UNSIGNED, "exp": time.time() + 600, **claims}
    return f"e30.{base64.urlsafe_b64encode(json.dumps(whole).encode()).decode().rstrip('=')}.c2ln"


def test_a_link_is_made_looked_at_and_opens_its_session_once(board, service, stranger, tmux):
    tmux.new("api", "cat")
    tmux.new("other")
    url = minted(board.open())
    assert url.startswith(f"{service.url}open#")
    assert board.page.evaluate("navigator.clipboard.readText()") == url

    stranger.goto(url)
    assert stranger.url == f"{service.url}open"
    expect(stranger.get_by_test_id("open-session")).to_have_text("api")
    expect(stranger.get_by_test_id("open-mode")).to_have_text("look, not type")
    expect(stranger.get_by_test_id("open-sub")).to_have_text("whoever has the link")
    stranger.reload()
    expect(stranger.get_by_test_id("open-none")).to_contain_text("There is no link here")
    assert tmux.clients("api") == []

    stranger.goto(url)  # into the same page: only the fragment changes
    stranger.get_by_test_id("open-go").click()
    terminal = Terminal(stranger).connected("view only")
    expect(stranger.get_by_test_id("term-by")).to_have_text(re.compile(r"^by link: view only, until \S"))
    expect(stranger.get_by_test_id("back")).to_have_count(0)
    terminal.type("typed by a guest")
    assert "typed by a guest" not in tmux("capture-pane", "-p", "-t", "=api:")

    me = stranger.url.removeprefix(f"{service.url}h/local/").partition("/")[0]
    for path in ("", "admin", "h/local", f"h/local/{me}/other"):
        stranger.goto(f"{service.url}{path}")
        expect(stranger.get_by_test_id("linked")).to_be_visible()
    stranger.goto(f"{service.url}h/local/{me}/api")  # asks for control, which the link does not give
    Terminal(stranger).connected("view only")

    board.page.goto(url)
    expect(board.page.get_by_test_id("open-replaces")).to_contain_text("You are logged in as operator")
    board.page.get_by_test_id("open-go").click()
    expect(board.page.get_by_test_id("open-error")).to_contain_text("used already")
    expect(board.page.get_by_test_id("open-go")).to_have_count(0)


def test_a_link_to_type_lets_type(board, stranger, tmux):
    tmux.new("api", "cat")
    stranger.goto(minted(board.open(), "control"))
    stranger.get_by_test_id("open-go").click()
    Terminal(stranger).connected().type("by a guest")
    tmux.wait_for("api", "by a guest")


def test_a_link_for_somebody_else_is_refused_in_words(board, tmux, watch):
    watch.expect("403")
    tmux.new("api")
    board.page.goto(minted(board.open(), whom="ann"))
    expect(board.page.get_by_test_id("open-sub")).to_have_text("ann")
    board.page.get_by_test_id("open-go").click()
    expect(board.page.get_by_test_id("open-error")).to_have_text(
        "This link is for ann; you are logged in as operator."
    )


def test_what_a_stranger_wrote_into_a_link_is_text(stranger, service):
    hostile = "<img src=x onerror=alert(1)>\u202e\x1b[31m"
    stranger.goto(f"{service.url}open#{unsigned(session=hostile)}")
    shown = stranger.get_by_test_id("open-session")
    expect(shown).to_contain_text("<img src=x onerror=alert(1)>")
    assert not set(shown.inner_text()) & {"\u202e", "\x1b"}
    expect(stranger.get_by_test_id("open-facts")).to_contain_text("elsewhere")
    stranger.get_by_test_id("open-go").click()
    expect(stranger.get_by_test_id("open-error")).to_contain_text("does not know this link")


@pytest.mark.parametrize("token", ["x", "a.b.c", unsigned(session="s", mode="admin"), unsigned(session="")])
def test_a_damaged_link_says_so(stranger, service, token):
    stranger.goto(f"{service.url}open#{token}")
    expect(stranger.get_by_test_id("open-none")).to_contain_text("This link is damaged")
    assert stranger.url == f"{service.url}open"


def test_an_expired_link_says_so(stranger, service):
    stranger.goto(f"{service.url}open#{unsigned(session='s', exp=1e9)}")
    expect(stranger.get_by_test_id("open-facts")).to_contain_text("which is over")
    stranger.get_by_test_id("open-go").click()
    expect(stranger.get_by_test_id("open-error")).to_contain_text("has expired")
