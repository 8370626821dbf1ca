"""The whole path of a person: from the printed URL to a session that is gone again."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.rig.waiting import until


def test_from_the_printed_url_to_a_killed_session(board, service, tmux):
    tmux.new("api")
    board.open()
    expect(board.row("api")).to_be_visible()

    terminal = board.attach("api")
    until(lambda: len(tmux.clients("api")) == 1, "the client in tmux")
    terminal.type("echo $((6*7))")
    tmux.wait_for("api", "42")
    terminal.wait_for("42")

    terminal.back()
    expect(board.row("api")).to_be_visible()
    until(lambda: tmux.clients("api") == [], "the end of the client in tmux")

    board.choose("api", "rename")
    board.field("name").fill("api two")
    board.field("submit").click()
    expect(board.row("api two")).to_be_visible()
    assert tmux.ls() == ["api two"]

    board.page.get_by_test_id("new-session").first.click()
    board.field("name").fill("made here")
    board.field("command").fill("cat")
    board.field("directory").fill("/tmp")
    board.field("submit").click()
    expect(board.row("made here")).to_be_in_viewport()
    expect(board.row("made here")).to_contain_text("new")
    assert sorted(tmux.ls()) == ["api two", "made here"]
    shown = tmux("display-message", "-p", "-t", "=made here:", "#{pane_start_command} #{pane_current_path}")
    assert shown.replace('"', "").strip() == "cat /tmp"

    board.choose("made here", "kill")
    expect(board.field("confirm")).to_be_focused()
    expect(board.field("confirm")).to_have_value("")
    expect(board.field("submit")).to_be_disabled()
    for wrong in ("made", "Made here", "made here ", "api two"):
        board.field("confirm").fill(wrong)
        expect(board.field("submit")).to_be_disabled()
        board.field("confirm").press("Enter")
    assert sorted(tmux.ls()) == ["api two", "made here"]
    board.field("confirm").fill("made here")
    expect(board.field("submit")).to_be_enabled()
    board.field("submit").click()
    expect(board.row("made here")).to_have_count(0)
    expect(board.dialog).to_have_count(0)
    assert tmux.ls() == ["api two"]


def test_the_token_leaves_the_address_bar_at_once(board, service):
    assert service.token in board.url
    board.open()
    assert board.page.url == service.url
    assert board.page.evaluate("location.hash") == ""
    board.page.reload()
    expect(board.live).to_have_text("live")


def test_no_session_yet_teaches_and_makes_the_first(board, tmux):
    board.open()
    board.page.get_by_test_id("new-session").first.click()
    expect(board.field("name")).not_to_have_value("")
    name = board.field("name").input_value()
    board.field("submit").click()
    expect(board.row(name)).to_be_visible()
    assert tmux.ls() == [name]


def test_a_name_that_is_taken_is_told_at_the_field(board, tmux, watch):
    watch.expect("409")
    tmux.new("api")
    board.open()
    board.page.get_by_test_id("new-session").first.click()
    board.field("name").fill("api")
    board.field("submit").click()
    expect(board.field("error")).to_be_visible()
    expect(board.field("name")).to_have_attribute("aria-invalid", "true")
    board.page.keyboard.press("Escape")
    expect(board.dialog).to_have_count(0)


def test_what_happens_in_a_plain_shell_appears_within_three_seconds(board, tmux):
    tmux.new("first")
    board.open()
    expect(board.row("first")).to_be_visible()
    tmux.new("from a shell")
    expect(board.row("from a shell")).to_be_visible(timeout=3000)
    tmux("rename-session", "-t", "=from a shell", "renamed")
    expect(board.row("renamed")).to_be_visible(timeout=3000)
    expect(board.row("from a shell")).to_have_count(0)
    tmux("kill-session", "-t", "=renamed")
    expect(board.row("renamed")).to_have_count(0, timeout=3000)


HOSTILE = [
    "with space",
    "=equals",
    "-dash",
    "%1",
    "#(touch pwned)",
    "'\"",
    "🦀 ü",
    "n" * 300,
    "$(id)",
    "<b>x</b>",
]


def test_hostile_names_show_and_work(board, tmux, service):
    for name in HOSTILE:
        tmux.new(name.replace("#", "##"))
    board.open()
    expect(board.rows).to_have_count(len(HOSTILE))
    assert sorted(board.names) == sorted(HOSTILE)
    for name in HOSTILE:
        terminal = board.attach(name)
        until(lambda name=name: len(tmux("list-clients", "-F", "#{session_name}").splitlines()) == 1, "it")
        assert tmux("list-clients", "-F", "#{session_name}").strip() == name
        terminal.back()
        until(lambda: tmux.clients() == [], "the end of the client")
    assert not (service.folder / "pwned").exists()


def test_filter_and_keyboard(board, tmux):
    for name in ("alpha", "beta", "gamma"):
        tmux.new(name)
    board.open()
    page = board.page
    expect(board.rows).to_have_count(3)

    page.keyboard.press("/")
    expect(page.get_by_test_id("filter")).to_be_focused()
    page.keyboard.type("am")
    expect(board.rows).to_have_count(1)
    expect(board.row("gamma").locator("mark").first).to_have_text("am")
    page.keyboard.press("Escape")
    expect(board.rows).to_have_count(3)
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("filter")).not_to_be_focused()

    order = board.names
    page.keyboard.press("j")
    page.keyboard.press("Home")
    expect(board.active).to_have_attribute("data-name", order[0])
    page.keyboard.press("j")
    expect(board.active).to_have_attribute("data-name", order[1])
    page.keyboard.press("k")
    expect(board.active).to_have_attribute("data-name", order[0])

    page.keyboard.press("?")
    expect(board.dialog).to_be_visible()
    expect(board.dialog).to_contain_text("filter")
    page.keyboard.press("Escape")
    expect(board.dialog).to_have_count(0)

    page.keyboard.press("n")
    expect(board.field("name")).to_be_visible()
    page.keyboard.press("Escape")
    expect(board.dialog).to_have_count(0)

    page.keyboard.press("x")
    expect(board.dialog).to_contain_text(order[0])
    page.keyboard.press("Escape")
    expect(board.dialog).to_have_count(0)

    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(rf"/{order[0]}$"))


def test_focus_survives_a_live_update(board, tmux):
    for name in ("alpha", "beta"):
        tmux.new(name)
    board.open()
    expect(board.rows).to_have_count(2)
    board.page.keyboard.press("j")
    board.page.keyboard.press("End")
    expect(board.active).to_have_attribute("data-name", "beta")
    tmux.new("aaa-first")
    expect(board.row("aaa-first")).to_be_visible()
    expect(board.active).to_have_attribute("data-name", "beta")
    focused = "document.activeElement.closest('[data-testid=session-row]')?.dataset.name"
    assert board.page.evaluate(focused) == "beta"


def test_people_who_are_attached_are_counted(board, tmux, context):
    tmux.new("api")
    board.open()
    other = context.new_page()
    try:
        from tests.browser.board import Board

        Board(other, board.url).open().attach("api")
        expect(board.row("api")).not_to_contain_text("2 attached")
    finally:
        other.close()
