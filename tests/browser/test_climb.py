"""A terminal that came by events takes to a socket as soon as one gets through, and nobody sees it."""

from __future__ import annotations

import pytest

from tests.browser.networks import attach, carried_by
from tests.rig.middlebox import Middlebox
from tests.rig.waiting import until

ANOTHER_NETWORK = "dispatchEvent(new Event('online'))"
BACK_AGAIN = "dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true }))"
# What the page says of the connection, each time that it says something else.
WATCH_STATE = """
() => {
  const state = document.querySelector("[data-testid=term-state]");
  window.states = [];
  new MutationObserver(() => window.states.push(state.textContent.trim()))
    .observe(state, { subtree: true, childList: true, characterData: true });
}
"""


@pytest.fixture
def manner():
    return "eats"


@pytest.fixture
def front(service, manner):
    with Middlebox(service.port, manner) as front:
        yield front


@pytest.fixture
def complaints():
    return r"WebSocket connection to"


@pytest.fixture
def typed(tmp_path):
    return tmp_path / "typed"


def type_lines(page, typed, begin: int) -> None:
    """Type ten more lines; all arrive, in order."""
    for number in range(begin, begin + 10):
        page.keyboard.type(f"line {number}\n")
    wanted = [f"line {number}" for number in range(begin + 10)]
    until(lambda: typed.read_text().count("\n") >= len(wanted), "the lines", seconds=20)
    assert typed.read_text().splitlines() == wanted


def test_a_socket_takes_over_unseen(board, front, tmux, typed):
    tmux.new("sink", f"cat > {typed}")
    terminal = attach(board, "sink", "sse")
    page, tried = terminal.page, front.upgrades
    page.evaluate(WATCH_STATE)
    type_lines(page, typed, 0)
    front.clear = True
    page.evaluate(ANOTHER_NETWORK)
    until(lambda: front.upgrades > tried, "a try", seconds=20)
    type_lines(page, typed, 10)
    carried_by(terminal.connected(), "websocket")
    assert set(page.evaluate("window.states")) <= {"connected"}
    type_lines(page, typed, 20)
    page.reload()
    carried_by(terminal.connected(), "websocket").wait_for("line 29")


def test_one_that_is_eaten_is_not_seen_either(board, front, tmux, typed):
    tmux.new("sink", f"cat > {typed}")
    terminal = attach(board, "sink", "sse")
    page, tried = terminal.page, front.upgrades
    page.evaluate(WATCH_STATE)
    page.evaluate(ANOTHER_NETWORK)
    until(lambda: front.upgrades > tried, "a try", seconds=20)
    type_lines(page, typed, 0)
    terminal.wait_for("line 9")
    carried_by(terminal.connected(), "sse")
    assert set(page.evaluate("window.states")) <= {"connected"}


class TestMute:
    @pytest.fixture
    def manner(self):
        return "mute"

    def test_one_that_took_the_terminal_and_is_mute_gives_it_back(self, board, front, tmux, typed):
        tmux.new("sink", f"cat > {typed}")
        terminal = attach(board, "sink", "sse")
        page, tried = terminal.page, front.upgrades
        page.evaluate(ANOTHER_NETWORK)
        until(lambda: front.upgrades > tried, "a try", seconds=20)
        type_lines(page, typed, 0)
        terminal.wait_for("line 9")
        carried_by(terminal.connected(), "sse")


def test_a_page_that_comes_back_connects_anew(board, front, tmux, typed):
    """As from the browser's cache of pages, where its connections have died; the network may be another."""
    tmux.new("sink", f"cat > {typed}")
    terminal = attach(board, "sink", "sse")
    page = terminal.page
    with page.expect_request(lambda it: "/stream?" in it.url):
        page.evaluate(BACK_AGAIN)
    carried_by(terminal.connected(), "sse")
    front.clear = True
    carried_by(terminal, "websocket")
    type_lines(page, typed, 0)
