"""A proxy that waits only a few seconds for an answer, where only requests get through."""

from __future__ import annotations

import contextlib

import pytest

from tests.browser.board import Terminal
from tests.browser.networks import attach, carried_by
from tests.rig.middlebox import Middlebox
from tests.rig.proxies import nginx

IMPATIENT = "proxy_read_timeout 4s;"
WATCH_STATE = """
() => {
  const { link } = document.querySelector("mux-terminal");
  const { listener } = link;
  const { changed } = listener;
  window.cuts = 0;
  listener.changed = () => {
    window.cuts += link.connected ? 0 : 1;
    changed();
  };
}
"""


@pytest.fixture
def front(service):
    with (
        contextlib.closing(nginx(service.port, IMPATIENT)) as proxy,
        Middlebox(proxy.port, streams="holds") as box,
    ):
        yield box


@pytest.fixture
def complaints():
    return r"WebSocket connection to|504"


@pytest.fixture
def answered(page):
    """The status of each request that waited for output, in their order."""
    answered = []
    page.on("response", lambda it: answered.append(it.status) if "/output?" in it.url else None)
    return answered


def test_a_terminal_stays_connected(board, tmux, answered):
    tmux.new("sink", "cat")
    terminal = attach(board, "sink", "poll")
    page = terminal.page
    page.evaluate(WATCH_STATE)

    def quiet(count: int) -> None:
        """So many answers in a row say that there is nothing; none of them was given up."""
        for _ in range(20):
            if answered[-count:] == count * [204]:
                return
            with page.expect_response(lambda it: "/output?" in it.url):
                pass
        raise AssertionError(answered)

    quiet(3)
    assert 504 in answered, "the proxy is impatient"
    assert page.evaluate("window.cuts") == 0
    terminal.type("typed").wait_for("typed")
    tmux.wait_for("sink", "typed")
    carried_by(terminal, "poll")

    page.reload()
    carried_by(Terminal(page).connected(), "poll")
    page.evaluate(WATCH_STATE)
    answered.clear()
    quiet(2)
    assert 504 not in answered, "what it allows is remembered"
    terminal.type("again").wait_for("again")
    assert page.evaluate("window.cuts") == 0
