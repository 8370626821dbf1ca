"""A person at the page below a path, through one of the plain recipes: nginx to a Unix socket, with TLS."""

import pytest
from playwright.sync_api import expect

from tests.browser.board import Board
from tests.proxies.consoles import NginxUnix, running
from tests.rig.browser import TIMEOUT_MS, Watch
from tests.rig.service import TOKEN
from tests.rig.waiting import until


@pytest.fixture(scope="module")
def place():
    with running(NginxUnix()) as site:
        yield site


def test_a_person_logs_in_types_and_comes_back_to_the_board(browser, place):
    origin = f"https://127.0.0.1:{place.console.port}"  # nobody looks up mux.example.com here
    watch = Watch(origin)
    context = browser.new_context(ignore_https_errors=True)
    try:
        context.set_default_timeout(TIMEOUT_MS)
        watch.attach(context)
        board = Board(context.new_page(), f"{origin}/console/#token={TOKEN}").open()
        expect(board.row("api")).to_be_visible()
        terminal = board.attach("api")
        until(lambda: len(place.tmux.clients("api")) == 1, "the client in tmux")
        terminal.type("typed below a path")
        place.tmux.wait_for("api", "typed below a path")
        terminal.wait_for("typed below a path")
        terminal.back()
        expect(board.row("api")).to_be_visible()
        assert any(url.startswith("wss://") and "/console/api/v1/terminals/" in url for url in watch.requests)
    finally:
        context.close()
    watch.check()
