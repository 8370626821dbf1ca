"""Who is attached where, and how a page looks to those who may do less, or whose login runs out."""

from __future__ import annotations

import json
import os
import pwd
import time

import pytest
from playwright.sync_api import expect

from tests.browser.board import Board, Terminal
from tests.rig.service import local_host
from tests.rig.waiting import until

ME = pwd.getpwuid(os.getuid()).pw_name
LINKS = {"links": {"secret_env": "LINK_SECRET"}}


@pytest.fixture
def config():
    """What stands in the file beside the host; a test may override it."""
    return {"auth": LINKS}


@pytest.fixture
def service(start_service, tmux, config):
    env = {"TMUX_TMPDIR": str(tmux.folder), "LINK_SECRET": "secret-of-links-in-the-tests-only"}
    return start_service({"hosts": [local_host()], **config}, env=env)


def as_role(role):
    return pytest.mark.parametrize(
        "config", [{"auth": LINKS, "grants": [{"principals": ["operator"], "role": role}]}], ids=[role]
    )


def test_an_admin_sees_who_is_attached_and_ends_it(board, browser, watch, service, tmux):
    watch.expect("401")
    tmux.new("api")
    wanted = {"host": "local", "user": ME, "session": "api", "mode": "view"}
    url = service.request("POST", "/api/v1/links", json=wanted).json()["url"]
    guest = browser.new_context()
    try:
        watch.attach(guest)
        page = guest.new_page()
        page.goto(url)
        page.get_by_test_id("open-go").click()
        terminal = Terminal(page).connected("view only")

        board.open()
        board.page.get_by_test_id("account").click()
        expect(board.page.get_by_test_id("menu-admin")).to_have_text("Everyone's terminals")
        board.page.get_by_test_id("menu-admin").click()
        row = board.page.locator("[data-testid=admin-row][data-principal=link]")
        for fact in ("api", f"{ME}@local", "view only", "connected", "127.0.0.1"):
            expect(row).to_contain_text(fact)
        row.get_by_test_id("admin-end").click()
        expect(board.dialog).to_contain_text("The session itself goes on")
        board.field("submit").click()
        expect(board.page.get_by_test_id("admin-empty")).to_contain_text("Nobody is attached")
        expect(terminal.ended).to_contain_text("an administrator ended it")
        until(lambda: tmux.clients("api") == [], "the end of the client in tmux")
        assert tmux.ls() == ["api"]
    finally:
        guest.close()


@as_role("operator")
def test_everybody_else_sees_their_own_terminals(board, service, context, tmux):
    tmux.new("api")
    board.open().attach("api")
    other = context.new_page()
    other.goto(f"{service.url}admin")
    expect(other.get_by_role("heading", name="Your terminals")).to_be_visible()
    expect(other.get_by_test_id("admin-row")).to_have_count(1)
    board.page.goto(service.url)
    expect(other.get_by_test_id("admin-empty")).to_be_visible()


@as_role("viewer")
def test_a_viewer_is_offered_nothing_but_to_look(board, service, tmux):
    tmux.new("api")
    board.open().row("api").get_by_test_id("more").click()
    page = board.page
    expect(page.get_by_test_id("menu-view")).to_be_visible()
    for hidden in ("rename", "kill", "menu-mint", "new-session", "attach"):
        expect(page.get_by_test_id(hidden)).to_have_count(0)
    page.goto(f"{service.url}h/local/{ME}/api")
    Terminal(page).connected("view only")


@pytest.mark.parametrize(
    "config", [{"auth": {"gate": "header"}, "server": {"trusted_proxies": ["127.0.0.1/32"]}}], ids=["header"]
)
def test_without_a_form_of_its_own_the_page_says_where_to_log_in(page, service, watch):
    watch.expect("401")
    address = f"{service.url}h/local/{ME}/api"
    page.goto(address)
    expect(page.get_by_test_id("login-hint")).to_contain_text("Come through the proxy")
    expect(page.get_by_test_id("login-token")).to_have_count(0)
    assert page.url == address


def test_a_login_that_runs_out_is_told_over_what_is_on_the_screen(board, service, watch, tmux):
    watch.expect("401")
    tmux.new("api")
    me = service.request("GET", "/api/v1/me").json()
    logins = [1]  # seconds that the proxy's login has left, None for none; the page asks as often as it likes

    def answer(route):
        left = logins[-1]
        if left is None:
            body = {"status": 401, "code": "unauthenticated", "detail": "Come through the proxy."}
            route.fulfill(status=401, content_type="application/problem+json", body=json.dumps(body))
        else:
            mine = {**me, "expires_at": time.time() + left, "principal": {**me["principal"], "gate": "jwt"}}
            route.fulfill(json=mine)

    board.open()
    board.page.route("**/api/v1/me", answer)
    board.page.reload()
    page = Board(board.page, service.url)
    expect(page.row("api")).to_be_visible()
    logins.append(None)
    over = board.page.get_by_test_id("login-over")
    expect(over).to_contain_text("Your login has expired", timeout=20_000)  # it asks each five seconds
    expect(page.row("api")).to_be_visible()
    logins.append(600)
    board.page.evaluate("dispatchEvent(new Event('online'))")
    expect(over).to_have_count(0)
