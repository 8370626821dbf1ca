"""The login form: what a browser without a token sees."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.board import Board


@pytest.fixture
def login(page, service, watch):
    watch.expect("401")
    page.goto(service.url)
    expect(page.get_by_test_id("login-token")).to_be_visible()
    return page


def test_a_wrong_token_is_refused_and_the_right_one_opens(login, service, tmux):
    tmux.new("api")
    login.get_by_test_id("login-token").fill("not the token at all")
    login.get_by_test_id("login-submit").click()
    expect(login.get_by_test_id("login-error")).to_be_visible()
    expect(login.get_by_test_id("login-token")).to_have_attribute("aria-invalid", "true")
    login.get_by_test_id("login-token").fill(service.token)
    login.get_by_test_id("login-submit").click()
    expect(Board(login, service.url).row("api")).to_be_visible()
    assert login.url == service.url


def test_the_session_cookie_is_out_of_reach_of_scripts(login, service, context):
    login.get_by_test_id("login-token").fill(service.token)
    login.keyboard.press("Enter")
    expect(Board(login, service.url).live).to_have_text("live")
    assert login.evaluate("document.cookie") == ""
    (cookie,) = context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Strict", "/")
    assert service.token not in cookie["value"]
    stored = "JSON.stringify([{...localStorage}, {...sessionStorage}])"
    assert service.token not in login.evaluate(stored)


def test_a_link_to_a_terminal_asks_for_the_token_and_goes_on(page, service, watch, tmux):
    watch.expect("401")
    tmux.new("api")
    me = service.request("GET", "/api/v1/inventory").json()["hosts"][0]["users"][0]["name"]
    page.goto(f"{service.url}h/local/{me}/api")
    page.get_by_test_id("login-token").fill(service.token)
    page.get_by_test_id("login-submit").click()
    expect(page.get_by_test_id("term-state")).to_have_text("connected")


def test_logging_out_shuts_the_board(login, service, context):
    login.get_by_test_id("login-token").fill(service.token)
    login.keyboard.press("Enter")
    expect(Board(login, service.url).live).to_have_text("live")
    login.get_by_test_id("account").click()
    login.get_by_test_id("logout").click()
    expect(login.get_by_test_id("login-token")).to_be_visible()
    login.goto(service.url)
    expect(login.get_by_test_id("login-token")).to_be_visible()
