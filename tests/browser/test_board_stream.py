"""The board where its stream is held back or cut: it asks, says so, and finds the way back."""

from __future__ import annotations

import contextlib

import pytest
from playwright.sync_api import expect

from tests.rig.middlebox import Middlebox
from tests.rig.proxies import NGINX_BUFFERING, nginx
from tests.rig.waiting import until

NOTES = """
() => {
  const shown = document.querySelector("[data-testid=live-state]");
  window.states = [shown.dataset.state];
  new MutationObserver(() => window.states.push(shown.dataset.state))
    .observe(shown, { attributes: true, attributeFilter: ["data-state"] });
}
"""


def asks(board):
    """Wait until it says that it asks."""
    expect(board.live).to_have_attribute("data-state", "asking")
    expect(board.live).to_contain_text("checked")
    expect(board.live).to_contain_text("ago")
    return board


class TestBuffered:
    @pytest.fixture
    def front(self, service):
        with contextlib.closing(nginx(service.port, NGINX_BUFFERING)) as front:
            yield front

    def test_the_board_goes_on_by_asking(self, board, tmux):
        tmux.new("first")
        board.page.goto(board.url)
        expect(board.row("first")).to_be_visible()
        asks(board)
        for name in ("second", "third"):  # it was not asked just once
            tmux.new(name)
            expect(board.row(name)).to_be_visible(timeout=15_000)
        asks(board)


class TestHeld:
    @pytest.fixture
    def front(self, service):
        with Middlebox(service.port, streams="holds") as front:
            yield front

    def test_the_stream_is_tried_again_and_asking_ends(self, board, front, tmux, watch):
        page = board.page
        page.clock.install()
        tmux.new("first")
        page.goto(board.url)
        page.clock.fast_forward(3_000)
        asks(board)
        page.clock.fast_forward(8_000)  # the stream is given up
        tried = front.streams
        front.clear = True
        page.clock.fast_forward(70_000)
        expect(board.live).to_have_text("live")
        assert tried == 1
        asked = len([url for url in watch.requests if "once=1" in url])
        page.clock.fast_forward(30_000)
        tmux.new("second")
        expect(board.row("second")).to_be_visible()
        assert len([url for url in watch.requests if "once=1" in url]) == asked


class TestCutAgainAndAgain:
    @pytest.fixture
    def front(self, service):
        with Middlebox(service.port, streams="cuts") as front:
            yield front

    @pytest.fixture
    def complaints(self):
        return r"net::ERR_"

    def test_nothing_of_it_is_seen(self, board, front, tmux):
        board.open()
        board.page.evaluate(NOTES)
        until(lambda: front.streams >= 4, "several cuts", seconds=30)
        tmux.new("later")
        expect(board.row("later")).to_be_visible()
        assert set(board.page.evaluate("window.states")) == {"live"}
