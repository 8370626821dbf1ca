"""For everybody: no serious finding of axe-core, and nothing wider than a phone."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.board import Terminal
from tests.browser.fleet import Fleet
from tests.rig.browser import FLAGS

AXE = Path(__file__).parents[2] / "frontend/node_modules/axe-core/axe.min.js"
SERIOUS = """
async () => {
  const found = await axe.run(document, { resultTypes: ["violations"] });
  return found.violations.filter((rule) => ["serious", "critical"].includes(rule.impact))
    .map((rule) => [rule.id, rule.help, ...rule.nodes.map((node) => node.html.slice(0, 160))].join(": "));
}
"""
SCHEMES = ("dark", "light")
WIDE = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def browser_flags():
    """With WebGL: what a program prints in which colours is not the page's."""
    return FLAGS


@pytest.fixture(params=[("dark", WIDE), ("light", WIDE), ("dark", PHONE)], ids=["dark", "light", "phone"])
def context_options(request):
    scheme, size = request.param
    # axe brings styles of its own, which the page's policy would refuse.
    return {"viewport": size, "color_scheme": scheme, "bypass_csp": True, "reduced_motion": "reduce"}


def check(page):
    """No serious finding, and nothing that overflows the window's width."""
    page.evaluate(AXE.read_text())
    assert page.evaluate(SERIOUS) == []
    widths = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] <= widths[1]


def test_the_board_and_its_dialogs(board, tmux):
    for name in ("api", "worker", "a-rather-long-name-of-a-session-that-somebody-gave-it"):
        tmux.new(name)
    board.open()
    expect(board.rows).to_have_count(3)
    check(board.page)
    for key in ("n", "r", "x", "?"):
        board.page.keyboard.press(key)
        expect(board.dialog).to_be_visible()
        check(board.page)
        board.page.keyboard.press("Escape")
        expect(board.dialog).to_have_count(0)
    board.row("api").get_by_test_id("more").click()
    check(board.page)


def test_a_fleet_in_every_state(page, context, service):
    Fleet.prepare(context)
    fleet = Fleet(page, service.printed_url).show(60, 3, mixed=True)
    expect(fleet.rows.first).to_be_visible()
    check(page)
    fleet.page.get_by_test_id("filter").fill("state:trouble")
    fleet.heads.nth(3).get_by_test_id("remedy").locator("summary").click()
    check(page)
    page.get_by_test_id("filter").fill("")
    page.keyboard.press("Escape")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    check(page)


def test_the_empty_board(board, watch):
    board.open()
    expect(board.page.get_by_test_id("new-session").first).to_be_visible()
    check(board.page)
    expect(board.page.locator(".host-state")).to_contain_text("s ago", timeout=10_000)  # wider than "now"
    check(board.page)
    watch.expect("ERR_FAILED")
    board.page.route("**/api/v1/events*", lambda route: route.abort())
    board.page.reload()
    expect(board.page.get_by_test_id("live-state")).to_have_attribute("data-state", "reconnecting")
    check(board.page)


def test_the_terminal_and_its_end(board, tmux):
    tmux.new("api")
    board.open()
    board.row("api").locator("[data-name-link]").click()
    terminal = Terminal(board.page).connected()
    check(board.page)
    tmux("kill-session", "-t", "=api")
    expect(terminal.ended).to_be_visible()
    check(board.page)


def test_the_login_form(page, service, watch):
    watch.expect("401")
    page.goto(service.url)
    expect(page.get_by_test_id("login-token")).to_be_visible()
    check(page)
    page.get_by_test_id("login-token").fill("not the token at all")
    page.get_by_test_id("login-submit").click()
    expect(page.get_by_test_id("login-error")).to_be_visible()
    check(page)
