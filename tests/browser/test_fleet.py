"""The board of hundreds of hosts: what is on the page, what an update touches, and where the keyboard is."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.browser.fleet import Fleet
from tests.rig.waiting import until

MOST_ROWS = 110  # a window of 800 px shows 25; as many again on both sides, and some
TOP = "(key) => document.querySelector(`[data-at='${key}']`)?.getBoundingClientRect().top"
SCROLL = "document.documentElement.scrollTop"


@pytest.fixture
def fleet(page, context, service):
    Fleet.prepare(context)
    return Fleet(page, service.printed_url)


def test_only_what_is_in_sight_is_on_the_page(fleet):
    fleet.show(500, 10)
    expect(fleet.page.get_by_test_id("summary")).to_contain_text("5,000 sessions on 500 hosts")
    expect(fleet.session("web000", "api")).to_be_in_viewport()
    assert 20 < fleet.rows.count() < MOST_ROWS
    assert fleet.page.evaluate("document.querySelectorAll('*').length") < 4000
    # 5,000 rows of 30 px and 500 heads of 36 px or more: the scroll bar tells the truth.
    height = fleet.page.evaluate("document.documentElement.scrollHeight")
    assert 5000 * 30 + 500 * 36 < height < 5000 * 30 + 500 * 50 + 500
    for share in (0.2, 0.9, 0.5):
        fleet.page.evaluate(f"scrollTo(0, {share} * document.documentElement.scrollHeight)")
        expect(fleet.rows.first).to_be_attached()
        until(lambda: fleet.page.evaluate("""
            [...document.querySelectorAll("[data-testid=session-row]")].filter((row) => {
              const { top, bottom } = row.getBoundingClientRect();
              return bottom > 60 && top < innerHeight;
            }).length
        """) >= 17, "rows wherever one looks")  # fmt: skip
        assert fleet.rows.count() < MOST_ROWS


def test_a_small_board_is_whole_on_the_page(fleet):
    """So that the browser's own search works there."""
    fleet.show(10, 10)
    expect(fleet.rows).to_have_count(100)


def test_an_update_touches_what_changed_and_is_in_sight(fleet):
    fleet.show(500, 10)
    nothing = fleet.touched("hosts[400].users[0].sessions[0].command = 'changed'; news.push(hosts[400])")
    assert nothing["made"] == nothing["gone"] == 0
    assert nothing["changed"] <= 1

    one = fleet.touched("hosts[0].users[0].sessions[1].command = 'changed'; news.push(hosts[0])")
    expect(fleet.session("web000", "worker")).to_contain_text("changed")
    assert one["made"] == one["gone"] == 0
    assert one["changed"] <= 4

    swept = fleet.touched(
        "for (const host of hosts) { host.checked_at += 2; for (const each of host.users[0].sessions)"
        " each.activity += 2; news.push(host); }"
    )
    assert swept["made"] == swept["gone"] == 0
    assert swept["changed"] <= 4


def test_a_session_that_comes_or_goes_touches_few_elements(fleet):
    fleet.show(500, 10)
    came = fleet.touched(
        "hosts[0].users[0].sessions.unshift({ ...hosts[0].users[0].sessions[0], id: '$99', name: 'fresh' });"
        "news.push(hosts[0])"
    )
    expect(fleet.session("web000", "fresh")).to_be_visible()
    # One row is made; those below it change place and number.
    assert came["made"] <= 3
    assert came["changed"] < 3 * MOST_ROWS
    expect(fleet.page.get_by_test_id("summary")).to_contain_text("5,001 sessions")


def test_what_is_in_sight_stays_where_it_is(fleet):
    fleet.show(200, 10)
    fleet.page.evaluate("scrollTo(0, 20_000)")
    until(lambda: fleet.page.evaluate(SCROLL) == 20_000, "the place")
    expect(fleet.rows.nth(30)).to_be_attached()
    key = fleet.page.evaluate(
        "document.elementFromPoint(400, 400).closest('[data-at]').dataset.at.replaceAll(\"'\", '')"
    )
    before = fleet.page.evaluate(TOP, key)

    fleet.send(
        "hosts[1].users[0].sessions.push({ ...hosts[1].users[0].sessions[0], id: '$99', name: 'more' });"
        "hosts[3].users[0].sessions = []; hosts[5].state = 'unreachable';"
        "hosts[5].problem = 'It is gone. '.repeat(60); news.push(hosts[1], hosts[3], hosts[5])"
    )
    expect(fleet.tally("unreachable")).to_be_visible()
    assert abs(fleet.page.evaluate(TOP, key) - before) < 2
    assert fleet.page.evaluate(SCROLL) != 20_000

    # Heights that become known on the way up do not make it jump, either.
    while fleet.page.evaluate(SCROLL) > 0:
        fleet.page.mouse.wheel(0, -2000)
        fleet.page.wait_for_timeout(30)
    expect(fleet.session("web000", "api")).to_be_in_viewport()


def test_the_keyboard_goes_everywhere(fleet):
    page = fleet.show(100, 10).page
    page.keyboard.press("j")
    assert fleet.focused == "web000/api"
    page.keyboard.press("End")
    expect(fleet.session("edge099", "queue")).to_be_in_viewport(ratio=1)
    assert fleet.focused == "edge099/queue"
    page.keyboard.press("k")
    assert fleet.focused == "edge099/bench"
    page.keyboard.press("PageUp")
    expect(fleet.active).to_be_in_viewport(ratio=1)
    up = fleet.focused
    assert up not in {"edge099/bench", "/"}
    page.keyboard.press("PageDown")
    expect(fleet.active).to_be_in_viewport(ratio=1)
    assert fleet.focused != up
    page.keyboard.press("Home")
    expect(fleet.session("web000", "api")).to_be_in_viewport(ratio=1)
    for _ in range(60):
        page.keyboard.press("ArrowDown")
    until(lambda: fleet.focused == "gpu006/api", "sixty rows further on")
    expect(fleet.session("gpu006", "api")).to_be_in_viewport(ratio=1)
    assert fleet.rows.count() < MOST_ROWS


def test_the_focus_survives_scrolling_and_updates(fleet):
    page = fleet.show(100, 10).page
    page.keyboard.press("j")
    page.keyboard.press("j")
    assert fleet.focused == "web000/worker"
    page.evaluate("scrollTo(0, 15_000)")
    expect(fleet.session("web000", "api")).to_have_count(0)
    fleet.send("for (const each of hosts[0].users[0].sessions) each.activity += 1; news.push(hosts[0])")
    assert fleet.focused == "web000/worker", "out of sight, but still there"

    page.keyboard.press("k")
    expect(fleet.session("web000", "api")).to_be_in_viewport(ratio=1)
    assert fleet.focused == "web000/api"
    fleet.send("hosts[0].users[0].sessions.shift(); news.push(hosts[0])")
    until(lambda: fleet.focused == "web000/worker", "the neighbour takes over")


def test_the_filter_knows_fields_and_is_marked(fleet):
    page = fleet.show(500, 10).page
    page.keyboard.press("/")
    page.keyboard.type("host:web10 session:api")
    expect(fleet.rows).to_have_count(3)
    assert fleet.names == ["api"] * 3
    expect(fleet.head("web100").locator("mark")).to_have_text("web10")
    expect(page.get_by_test_id("summary")).to_contain_text("3 sessions on 3 hosts shown")
    page.keyboard.press("Enter")
    assert fleet.focused == "web100/api"
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("filter")).to_have_value("")
    expect(fleet.session("web100", "api")).to_be_in_viewport()
    assert fleet.focused == "web100/api", "what was found is still in sight"
    assert fleet.rows.count() < MOST_ROWS


STATES = {
    "host_key_changed": "host key changed",
    "host_key_unknown": "host key unknown",
    "auth_failed": "login refused",
    "error": "failed",
    "timeout": "too slow",
    "unreachable": "unreachable",
}


def test_every_state_is_counted_and_found(fleet):
    page = fleet.show(200, 10, mixed=True).page
    looks = set()
    for state, word in STATES.items():
        fleet.tally(state).click()
        expect(fleet.tally(state)).to_have_attribute("aria-pressed", "true")
        expect(fleet.heads.first).to_have_attribute("data-state", state)
        mark = fleet.heads.first.locator(".host-state .condition")
        expect(mark).to_have_text(word)
        looks.add(
            tuple(mark.evaluate("(m) => [getComputedStyle(m).color, m.querySelector('svg').innerHTML]"))
        )
        assert {head.get_attribute("data-state") for head in fleet.heads.all()} == {state}
        fleet.tally(state).click()
        expect(page.get_by_test_id("filter")).to_have_value("")
    assert len({colour for colour, _ in looks}) == len({shape for _, shape in looks}) == len(STATES)
    fleet.tally("sudo_refused").click()
    expect(fleet.heads).to_have_count(1)
    expect(page.locator("[data-testid=user][data-state=sudo_refused]")).to_contain_text("sudo refused")


def test_a_host_in_trouble_says_why_and_keeps_what_was_known(fleet):
    page = fleet.show(200, 10, mixed=True).page
    page.keyboard.press("/")
    page.keyboard.type("state:host_key_changed")
    head = fleet.heads.filter(has_text="Last known").first
    expect(head).to_contain_text("SHA256:0000")
    row = fleet.rows.first
    expect(row).to_have_class(re.compile(r"\bstale\b"))
    lines = head.get_by_test_id("remedy").locator("pre")
    expect(lines).to_be_hidden()
    head.get_by_test_id("remedy").locator("summary").click()
    expect(lines).to_contain_text("ssh-keyscan")
    assert lines.inner_text().count("\n") == 2
    key = head.get_attribute("data-host")
    fleet.send(
        f"const host = hosts.find((each) => each.key === '{key}'); host.checked_at += 1; news.push(host)"
    )
    expect(lines).to_be_visible()

    page.get_by_test_id("filter").fill("state:error")
    why = fleet.heads.first.locator(".why")
    expect(why).to_contain_text("<b>\ufffdgnp.exe</b>")
    expect(why.locator("b")).to_have_count(0)


def test_hosts_with_nothing_to_show_are_a_line(fleet):
    page = fleet.show(60, 2, mixed=True).page
    page.keyboard.press("End")
    idle = fleet.lot("idle")
    expect(idle).to_be_in_viewport(ratio=1)
    expect(idle).to_contain_text(re.compile(r"\d+ hosts without sessions · show"))
    number = int(re.search(r"\d+", idle.inner_text())[0])
    before = fleet.heads.count()
    page.keyboard.press("Enter")
    expect(idle).to_contain_text("hide")
    expect(fleet.heads).to_have_count(before + number)
    page.keyboard.press("j")
    expect(page.locator("[data-testid=host].active")).to_be_in_viewport()
    page.reload()
    fleet.show(60, 2, mixed=True)
    expect(idle).to_contain_text("hide")


def test_a_first_sweep_fills_the_board_as_hosts_answer(fleet):
    fleet.show(0, 0)
    fleet.page.evaluate("""
        const hosts = Array.from({ length: 50 }, (_, index) => fleet.host(index, 0, "pending"));
        fleet.show({ generation: 1, hosts });
    """)
    expect(fleet.tally("pending")).to_have_text("asking 50 hosts…")
    expect(fleet.lot("pending")).to_contain_text("50 hosts not heard from yet")
    expect(fleet.heads).to_have_count(0)
    fleet.send("news.push(fleet.host(7, 3))")
    expect(fleet.heads).to_have_count(1)
    expect(fleet.rows).to_have_count(3)
    expect(fleet.tally("pending")).to_have_text("asking 49 hosts…")


def test_hosts_fold_and_stay_folded(fleet):
    page = fleet.show(20, 3).page
    expect(fleet.rows).to_have_count(60)
    fleet.head("db001").get_by_test_id("fold").click()
    expect(fleet.rows).to_have_count(57)
    expect(fleet.head("db001")).to_contain_text("3 sessions")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowLeft")
    expect(fleet.rows).to_have_count(54)
    until(lambda: fleet.focused == "web000/", "the host stands for its sessions")
    page.reload()
    fleet.show(20, 3)
    expect(fleet.rows).to_have_count(54)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(fleet.rows).to_have_count(57)
    until(lambda: fleet.focused == "web000/api", "the first of them has the focus")
    page.keyboard.press("/")
    page.keyboard.type("db001")
    expect(fleet.rows).to_have_count(3)
    page.keyboard.press("Escape")
    page.get_by_test_id("fold-all").click()
    expect(fleet.rows).to_have_count(60)
    page.get_by_test_id("fold-all").click()
    expect(fleet.rows).to_have_count(0)
    expect(fleet.heads).to_have_count(20)


def test_a_host_has_an_address(fleet):
    page = fleet.show(500, 10).page
    fleet.show(500, 10, at="h/web100")
    expect(fleet.head("web100")).to_be_in_viewport()
    until(lambda: fleet.focused == "web100/api", "the keyboard is at the host")
    expect(page).to_have_title("web100 · muxboard")
    assert fleet.rows.count() < MOST_ROWS
    fleet.head("web100").get_by_test_id("fold").click()
    fleet.show(500, 10, at="h/web100")
    expect(fleet.session("web100", "api")).to_be_in_viewport()
    fleet.head("web100").locator("h2 a").click()
    expect(page).to_have_url(re.compile(r"/h/web100$"))


def test_a_host_without_sessions_has_an_address_as_well(fleet):
    fleet.show(60, 2, mixed=True)
    fleet.show(60, 2, mixed=True, at="h/db001")
    expect(fleet.head("db001")).to_be_in_viewport()
    until(lambda: fleet.focused == "db001/", "the keyboard is at the host")


def test_a_host_that_is_not_there_is_told(fleet):
    page = fleet.show(3, 2).page
    fleet.show(3, 2, at="h/nowhere")
    expect(page.get_by_test_id("unknown-host")).to_contain_text("nowhere")
    expect(fleet.rows).to_have_count(6)
    fleet.show(3, 2, at="h/%3Cimg%20src=x%20onerror=x%3E")
    expect(page.get_by_test_id("unknown-host")).to_contain_text("<img src=x onerror=x>")
    expect(page.get_by_test_id("unknown-host").locator("img")).to_have_count(0)


def test_lines_are_numbered_for_who_does_not_see_them(fleet):
    page = fleet.show(500, 10).page
    table = page.get_by_role("table")
    assert table.get_attribute("aria-rowcount") == "5501"
    page.keyboard.press("j")
    assert fleet.active.get_attribute("aria-rowindex") == "3"
    page.keyboard.press("End")
    expect(fleet.active).to_have_attribute("aria-rowindex", "5501")


def test_an_open_menu_outlives_an_update_above_it(fleet):
    page = fleet.show(100, 10).page
    page.evaluate("scrollTo(0, 9000)")
    expect(fleet.session("web000", "api")).to_have_count(0)
    row = next(row for y in range(300, 600, 15) if not (row := fleet.at(400, y)).endswith("/"))
    fleet.session(*row.split("/")).get_by_test_id("more").click()
    expect(page.get_by_test_id("menu-view")).to_be_visible()
    fleet.send("hosts[0].users[0].sessions.pop(); news.push(hosts[0])")
    expect(page.get_by_test_id("summary")).to_contain_text("999 sessions")
    expect(page.get_by_test_id("menu-view")).to_be_visible()
