"""A slow line: typed keys are seen at once where that is right, pastes are asked about, cuts are told."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.faults.proxy import Proxy
from tests.rig.slowline import SlowLine
from tests.rig.waiting import until

FAR = 0.3


@pytest.fixture
def context_options():
    return {"viewport": {"width": 1000, "height": 640}}


@pytest.fixture
def line(service):
    with SlowLine(service.port) as line:
        yield line


@pytest.fixture
def front(line):
    return line


@pytest.fixture
def far(board, tmux, line):
    """A shell behind a line with 300 ms, at its prompt, and proven to echo."""
    tmux.new("api", "PS1='$ ' exec bash --norc --noprofile")
    terminal = board.open().attach("api")
    terminal.wait_for("$")
    line.delay = FAR
    prove(terminal)
    return terminal


@pytest.fixture
def guesses(page):
    return page.locator("[data-testid=predicted] .guess")


def prove(terminal, text="ec"):
    """Type, and wait until every key is confirmed."""
    for end, char in enumerate(text, 1):
        terminal.page.keyboard.type(char)
        terminal.wait_for(text[:end])


def guessed(guesses):
    return "".join(guesses.all_text_contents())


def test_typed_keys_are_seen_before_the_host_can_answer(far, line, guesses, tmux):
    line.hold()
    far.page.keyboard.type("ho")
    expect(guesses).to_have_text(["h", "o"])
    assert "echo" not in far.screen, "nothing of it is in the terminal itself"
    style = "(node) => getComputedStyle(node).textDecorationLine"
    assert guesses.first.evaluate(style) == "underline"
    cell = far.page.evaluate("""() => {
        const term = document.querySelector('mux-terminal').term;
        const screen = term.element.querySelector('.xterm-screen').getBoundingClientRect();
        const guess = document.querySelector('[data-testid=predicted] .guess').getBoundingClientRect();
        return [(guess.left - screen.left) / (screen.width / term.cols), term.buffer.active.cursorX];
    }""")
    assert cell[0] == pytest.approx(cell[1], abs=0.1), "at the cursor"
    tmux.wait_for("api", "echo")
    line.release()
    far.wait_for("echo")
    expect(guesses).to_have_count(0)


def test_a_correction_is_seen_at_once(far, line, guesses):
    line.hold()
    far.page.keyboard.type("hx")
    far.page.keyboard.press("Backspace")
    far.page.keyboard.type("o")
    far.page.keyboard.press("ArrowLeft")
    far.page.keyboard.type("l")
    expect(guesses).to_have_text(["h", "l", "o"])
    line.release()
    far.wait_for("echlo")
    expect(guesses).to_have_count(0)


def test_a_password_is_never_seen(far, guesses, line, tmux):
    far.page.keyboard.press("Control+u")
    far.type("read -sp 'Pass''word: ' p; echo got-$p").wait_for("Password: ")
    far.page.evaluate("""() => {
        window.seen = "";
        const look = () => {
          for (const at of document.querySelectorAll("[data-testid=predicted]"))
            window.seen += at.textContent;
        };
        new MutationObserver(look).observe(document.body, { subtree: true, childList: true });
    }""")
    far.page.keyboard.type("secret", delay=90)
    line.hold()
    far.page.keyboard.type("-word")
    line.release()
    far.page.keyboard.press("Enter")
    far.wait_for("got-secret-word")
    assert far.page.evaluate("window.seen") == ""
    prove(far, "qu")
    line.hold()
    far.page.keyboard.type("h")
    expect(guesses).to_have_text(["h"])
    assert far.page.evaluate("window.seen") != "", "the test does look"
    line.release()


def test_a_wrong_guess_goes_away(far, line, guesses):
    far.page.keyboard.press("Control+u")
    far.type("""bind '"z": "wrong"'""")
    prove(far, "qu")
    line.hold()
    far.page.keyboard.type("z")
    expect(guesses).to_have_text(["z"])
    line.release()
    far.wait_for("quwrong")
    expect(guesses).to_have_count(0)
    line.hold()
    far.page.keyboard.type("a")
    far.page.evaluate("() => new Promise(requestAnimationFrame)")
    assert guessed(guesses) == "", "not before the next proof"
    line.release()


def test_only_a_slow_line_guesses_by_itself_and_the_menu_decides(board, tmux, line, guesses):
    page = board.page
    tmux.new("api", "PS1='$ ' exec bash --norc --noprofile")
    terminal = board.open().attach("api")
    terminal.wait_for("$")

    def choose(now: str) -> None:
        page.get_by_test_id("term-more").click()
        expect(page.get_by_test_id("menu-echo")).to_contain_text(f"at once: {now}")
        page.get_by_test_id("menu-echo").click()

    prove(terminal, "abcd")
    line.hold()
    page.keyboard.type("e")
    page.evaluate("() => new Promise(requestAnimationFrame)")
    assert guessed(guesses) == "", "a fast line does not need it"
    line.release()
    terminal.wait_for("abcde")
    choose("automatically")
    page.keyboard.type("f")
    terminal.wait_for("abcdef")
    line.hold()
    page.keyboard.type("g")
    expect(guesses).to_have_text(["g"])
    line.release()
    choose("always")
    line.delay = FAR
    page.keyboard.type("hi")
    terminal.wait_for("abcdefghi")
    line.hold()
    page.keyboard.type("j")
    page.evaluate("() => new Promise(requestAnimationFrame)")
    assert guessed(guesses) == ""
    line.release()
    page.reload()
    terminal.connected()
    page.get_by_test_id("term-more").click()
    expect(page.get_by_test_id("menu-echo")).to_contain_text("at once: never")


def paste(page, text: str) -> None:
    page.evaluate(
        """(text) => {
        const data = new DataTransfer();
        data.setData("text/plain", text);
        const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
        document.querySelector(".term-host textarea").dispatchEvent(event);
    }""",
        text,
    )


@pytest.fixture
def typed(tmp_path):
    return tmp_path / "typed"


def test_lines_that_would_run_are_shown_before(board, tmux, typed):
    page = board.page
    tmux.new("sink", f"cat > {typed}")
    board.open().attach("sink")
    paste(page, "cd /tmp\n<b>bold</b>\nthird\n")
    expect(board.dialog).to_contain_text("Paste 3 lines?")
    expect(page.get_by_test_id("paste-preview")).to_have_text("cd /tmp\n<b>bold</b>\nthird")
    expect(page.get_by_test_id("dialog-submit")).to_be_focused()
    page.keyboard.press("Escape")
    expect(board.dialog).to_have_count(0)
    page.keyboard.type("kept ")

    paste(page, "one\n  two\n")
    page.get_by_test_id("paste-one-line").click()
    expect(board.dialog).to_have_count(0)
    page.keyboard.press("Enter")
    until(lambda: typed.read_text() == "kept one two\n", typed.read_text)

    paste(page, "three\nfour\n")
    page.get_by_test_id("paste-never").check()
    page.get_by_test_id("dialog-submit").click()
    paste(page, "five\nsix\n")
    until(lambda: typed.read_text().endswith("three\nfour\nfive\nsix\n"), typed.read_text)
    expect(board.dialog).to_have_count(0)


def test_a_program_that_asks_for_pastes_gets_them_unasked(board, tmux):
    tmux.new("api", "PS1='$ ' exec bash --norc --noprofile")
    terminal = board.open().attach("api")
    board.page.wait_for_function("document.querySelector('mux-terminal').term.modes.bracketedPasteMode")
    paste(board.page, "echo a\necho b")
    terminal.wait_for("echo a\necho b")
    expect(board.dialog).to_have_count(0)
    paste(board.page, "x" * (5 * 1024 * 1024 + 1))
    expect(board.dialog).to_contain_text("Paste 5.0 MiB?")
    expect(board.page.get_by_test_id("paste-one-line")).to_have_count(0)
    board.page.keyboard.press("Escape")


class TestCut:
    @pytest.fixture
    def line(self, service):
        with Proxy(service.port) as proxy:
            yield proxy

    @pytest.fixture
    def complaints(self):
        return r"WebSocket connection to|net::ERR_|401|403|404"

    def test_a_long_cut_offers_what_can_be_done(self, board, line, tmux):
        page = board.page
        page.clock.install()
        tmux.new("sink", "cat")
        terminal = board.open().attach("sink")
        line.cut()
        expect(terminal.state).to_contain_text("reconnecting")
        page.keyboard.type("ab")
        expect(terminal.state).to_contain_text("2 keys wait")
        expect(page.get_by_test_id("term-cut")).to_have_count(0)
        page.clock.fast_forward(11_000)
        expect(page.get_by_test_id("term-since")).to_contain_text(" s")
        expect(page.get_by_test_id("term-cut")).to_contain_text("tried again by itself")
        expect(page.get_by_test_id("term-login")).to_be_visible()
        line.mend()
        page.get_by_test_id("term-retry").dispatch_event("click")  # it may go by itself any moment
        terminal.connected()
        expect(page.get_by_test_id("term-cut")).to_have_count(0)
        tmux.wait_for("sink", "ab")

    def test_a_refused_probe_is_not_a_lost_network(self, board, line, tmux):
        tmux.new("sink", "cat")
        terminal = board.open().attach("sink")
        board.page.route("**/api/v1/terminals", lambda route: route.fulfill(status=403, body="{}"))
        board.page.route_web_socket("**/socket*", lambda socket: socket.close())
        line.drop()
        expect(terminal.ended).to_contain_text("you may not use this terminal")
        expect(board.page.get_by_test_id("term-login")).to_have_count(0)
