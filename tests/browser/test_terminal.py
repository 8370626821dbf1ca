"""One terminal in the browser: what is typed, shown, copied, and how it ends."""

from __future__ import annotations

import base64

import pytest
from playwright.sync_api import expect

from tests.browser.board import Board, Terminal
from tests.rig.browser import FLAGS
from tests.rig.waiting import until


@pytest.fixture(scope="module")
def browser_flags():
    """With WebGL, which most people have."""
    return FLAGS


@pytest.fixture
def context_options():
    return {"viewport": {"width": 1000, "height": 640}, "permissions": ["clipboard-read", "clipboard-write"]}


@pytest.fixture
def typed(tmp_path):
    """A file that gets what a session is typed, and nothing else."""
    tmp_path.chmod(0o755)
    return tmp_path / "typed"


def test_unicode_and_colours_arrive(board, tmux):
    tmux.new("api")
    terminal = board.open().attach("api")
    terminal.type("printf '\\033[31mrot\\033[0m \\360\\237\\246\\200 gr\\303\\274n\\n'")
    terminal.wait_for("rot 🦀 grün")


def test_it_is_drawn_by_webgl_where_there_is_one(board, tmux):
    tmux.new("api")
    terminal = board.open().attach("api").connected()
    expect(terminal.page.locator(".xterm-screen canvas:not(.xterm-link-layer)")).to_be_visible()
    expect(terminal.page.locator(".xterm-rows")).to_have_count(0)


def test_the_window_fills_the_page_and_follows_it(board, tmux):
    tmux.new("api")
    terminal = board.open().attach("api")
    cells = "() => { const t = document.querySelector('mux-terminal').term; return [t.cols, t.rows]; }"

    def sizes():
        seen = tmux("list-clients", "-F", "#{client_width} #{client_height}").split()
        return board.page.evaluate(cells), [int(number) for number in seen]

    def agreed():
        shown, seen = sizes()
        return shown == seen and shown

    before = until(agreed, lambda: f"tmux's client at the size of the page, {sizes()}")
    board.page.set_viewport_size({"width": 1300, "height": 800})
    after = until(lambda: (now := agreed()) and now != before and now, lambda: f"a larger client, {sizes()}")
    assert after[0] > before[0]
    assert after[1] > before[1]
    expect(terminal.state).to_have_text("connected")


def test_a_paste_arrives_whole(board, tmux, typed):
    tmux.new("sink", f"cat > {typed}")
    terminal = board.open().attach("sink")
    text = "".join(f"line {number:05} äöü 🦀\n" for number in range(2000))
    board.page.evaluate("text => document.querySelector('mux-terminal').term.paste(text)", text)
    until(lambda: typed.read_text().count("\n") >= 2000, "the paste in the file", seconds=20)
    received = typed.read_text()
    assert received == text
    expect(terminal.state).to_have_text("connected")


def test_view_mode_types_nothing(board, tmux, typed):
    tmux.new("sink", f"cat > {typed}")
    terminal = board.open().view("sink")
    terminal.type("must not arrive")
    board.page.evaluate(
        "document.querySelector('mux-terminal').link.type(new TextEncoder().encode('nor this\\r'))"
    )
    tmux.type("sink", "typed by another")
    until(lambda: typed.read_text() == "typed by another\n", "what another person typed")
    terminal.wait_for("typed by another")


def test_the_end_of_the_session_is_told(board, tmux):
    tmux.new("api")
    tmux.new("other")
    terminal = board.open().attach("api")
    tmux("kill-session", "-t", "=api")
    expect(terminal.ended).to_be_visible()
    expect(terminal.ended).to_contain_text("session")
    assert tmux.clients() == [], "nobody is moved to another session"
    tmux.new("api")
    terminal.page.get_by_test_id("term-again").click()
    terminal.connected()
    until(lambda: len(tmux.clients("api")) == 1, "the new client in tmux")


def test_attaching_again_takes_the_keyboard(board, tmux):
    tmux.new("api")
    terminal = board.open().attach("api")
    tmux("kill-session", "-t", "=api")
    expect(terminal.ended).to_be_visible()
    tmux.new("api")
    terminal.page.get_by_test_id("term-again").click()
    terminal.connected().type("echo $((40+2))")
    tmux.wait_for("api", "42")


def test_a_shell_that_exits_is_told_and_leads_back(board, tmux):
    tmux.new("api")
    tmux.new("other")
    terminal = board.open().attach("api")
    terminal.type("exit")
    expect(terminal.ended).to_be_visible()
    expect(terminal.ended).to_contain_text("ended")
    board.page.get_by_test_id("term-board").click()
    expect(board.row("other")).to_be_visible()
    expect(board.row("api")).to_have_count(0)


def test_a_detach_is_told_apart(board, tmux):
    tmux.new("api")
    terminal = board.open().attach("api")
    until(lambda: tmux.clients("api"), "the client")
    tmux("detach-client", "-s", "=api")
    expect(terminal.ended).to_contain_text("detached")


def test_a_session_that_is_not_there_is_told(board, service, tmux, watch):
    watch.expect("404")
    tmux.new("api")
    board.open()
    me = board.row("api").get_attribute("data-user")
    board.page.goto(f"{service.url}h/local/{me}/nothing-here")
    terminal = Terminal(board.page)
    expect(terminal.ended).to_be_visible()
    expect(terminal.ended).to_contain_text("no such session")


def test_a_program_copies_through_tmux(board, tmux):
    tmux.new("api")
    tmux("set-option", "-s", "set-clipboard", "on")
    terminal = board.open().attach("api")
    secret = base64.b64encode("kopiert: ü 🦀".encode()).decode()
    terminal.type(f"printf '\\033]52;c;{secret}\\a'")
    until(lambda: board.page.evaluate("navigator.clipboard.readText()") == "kopiert: ü 🦀", "what it copied")


def test_several_people_on_one_session(board, tmux, context):
    tmux.new("api")
    mine = board.open().attach("api")
    other = context.new_page()
    try:
        theirs = Board(other, board.url).open().attach("api")
        until(lambda: len(tmux.clients("api")) == 2, "two clients")
        theirs.type("echo from-$((1+1))-them")
        mine.page.bring_to_front()
        mine.wait_for("from-2-them")
        mine.type("echo from-$((2+2))-me")
        tmux.wait_for("api", "from-4-me")
    finally:
        other.close()
    until(lambda: len(tmux.clients("api")) == 1, "the other's client gone")


def test_search_finds_what_is_on_the_page(board, tmux):
    tmux.new("api")
    terminal = board.open().attach("api")
    terminal.type("echo need''le")
    terminal.wait_for("needle")
    board.page.keyboard.press("Control+Shift+F")
    field = board.page.get_by_test_id("term-search")
    expect(field).to_be_focused()
    field.fill("needle")
    field.press("Enter")
    selected = "document.querySelector('mux-terminal').term.getSelection()"
    board.page.wait_for_function(f"() => {selected} === 'needle'")
    board.page.keyboard.press("Escape")
    expect(field).to_have_count(0)


def test_the_service_stops_and_the_page_says_so(board, tmux, service, watch):
    watch.expect("ERR_CONNECTION_REFUSED|WebSocket|ERR_")
    tmux.new("api")
    terminal = board.open().attach("api")
    service.stop()
    expect(terminal.state).to_contain_text("reconnecting")
    assert tmux.ls() == ["api"]
    until(lambda: tmux.clients() == [], "no client of a stopped service")
