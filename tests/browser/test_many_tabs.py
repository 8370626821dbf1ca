"""More tabs than a browser opens connections: each loads, types and shows where only requests get through."""

from __future__ import annotations

import contextlib

import pytest
from playwright.sync_api import expect

from tests.browser.board import Board, Terminal
from tests.rig.middlebox import Middlebox
from tests.rig.proxies import NGINX_BUFFERING, nginx
from tests.rig.service import local_host

TABS = 7
PLACES = 3
WAIT_MS = 20_000


@pytest.fixture
def service(start_service, tmux):
    config = {"hosts": [local_host()], "limits": {"attaches_per_principal": 2 * TABS}}
    return start_service(config, env={"TMUX_TMPDIR": str(tmux.folder)})


@pytest.fixture
def front(service):
    with Middlebox(service.port, "eats") as front:
        yield front


@pytest.fixture
def complaints():
    return r"WebSocket connection to"


def ways(tabs: list[Terminal]) -> list[str]:
    return sorted(tab.page.get_by_test_id("transport").inner_text() for tab in tabs)


def open_tabs(board, context, tmux, count: int) -> list[Terminal]:
    """Terminals of as many sessions, each in a tab of its own, all of them seen."""
    for number in range(count):
        tmux.new(f"tab-{number}", "cat")
    board.page.goto(board.url)
    home = board.row("tab-0")
    expect(home).to_be_visible(timeout=WAIT_MS)
    me = home.get_attribute("data-user")
    tabs = []
    for number in range(count):
        page = board.page if number == 0 else context.new_page()
        page.goto(f"{board.url.partition('#')[0]}h/local/{me}/tab-{number}", timeout=WAIT_MS)
        tab = Terminal(page)
        expect(tab.state).to_have_text("connected", timeout=WAIT_MS)
        tabs.append(tab)
    return tabs


def type_in_each(tabs: list[Terminal], tmux, text: str) -> None:
    for number, tab in enumerate(tabs):
        tab.type(f"{text} {number}")
        tmux.wait_for(f"tab-{number}", f"{text} {number}")
        tab.wait_for(f"{text} {number}")


def test_every_tab_loads_and_types(board, context, tmux):
    tabs = open_tabs(board, context, tmux, TABS)
    assert ways(tabs) == PLACES * ["slow path: events"] + (TABS - PLACES) * ["slow path: requests"]
    type_in_each(tabs, tmux, "first")

    one_more = context.new_page()
    one_more.goto(board.url, timeout=WAIT_MS)
    expect(Board(one_more, board.url).live).to_contain_text("checked", timeout=WAIT_MS)

    streaming = [tab for tab in tabs if "events" in ways([tab])[0]]
    waiting = [tab for tab in tabs if tab not in streaming]
    streaming[0].page.close()
    waiting[0].page.reload()
    expect(waiting[0].state).to_have_text("connected", timeout=WAIT_MS)
    assert ways(waiting[:1]) == ["slow path: events"], "a place that is free is taken"


class TestRequestsOnly:
    @pytest.fixture
    def front(self, service):
        with contextlib.closing(nginx(service.port, NGINX_BUFFERING)) as front:
            yield front

    def test_every_tab_loads_and_types(self, board, context, tmux):
        tabs = open_tabs(board, context, tmux, TABS)
        assert ways(tabs) == TABS * ["slow path: requests"]
        type_in_each(tabs, tmux, "first")
