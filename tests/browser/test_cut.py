"""The network is cut: the page says so, comes back by itself, and nothing is lost or typed twice."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.faults.proxy import Proxy
from tests.rig.waiting import until


@pytest.fixture
def proxy(service):
    with Proxy(service.port) as proxy:
        yield proxy


@pytest.fixture
def front(proxy):
    return proxy


@pytest.fixture
def complaints():
    return r"WebSocket connection to|net::ERR_"


@pytest.fixture
def typed(tmp_path):
    return tmp_path / "typed"


def lines(first: int, last: int) -> list[str]:
    return [f"line {number:03} of what is typed" for number in range(first, last)]


def agree(terminal, tmux, name):
    """The browser shows what tmux holds, line by line; the last row is tmux's status line."""
    rows = "() => document.querySelector('mux-terminal').term.rows"
    height = terminal.page.evaluate(rows) - 1

    def same():
        shown = [line.rstrip() for line in terminal.screen.split("\n")[:height]]
        held = [line.rstrip() for line in tmux.capture(name).split("\n")[:height]]
        return shown == held

    until(same, "the same text in the browser and in tmux")


def test_nothing_is_lost_or_doubled_over_many_cuts(board, proxy, tmux, typed):
    tmux.new("sink", f"cat > {typed}")
    terminal = board.open().attach("sink")
    for turn in range(6):
        for line in lines(turn * 10, turn * 10 + 10):
            terminal.page.keyboard.insert_text(line)
            terminal.page.keyboard.press("Enter")
            if line.endswith(f"{turn * 10 + 4:03} of what is typed"):
                proxy.drop()
    until(lambda: typed.read_text().count("\n") >= 60, "all lines", seconds=30)
    assert typed.read_text().splitlines() == lines(0, 60)
    terminal.connected()
    agree(terminal, tmux, "sink")


def test_a_longer_cut_is_told_and_what_was_typed_waits(board, proxy, tmux, typed):
    tmux.new("sink", f"cat > {typed}")
    terminal = board.open().attach("sink")
    terminal.type("before")
    until(lambda: typed.read_text() == "before\n", "what was typed before")
    proxy.cut()
    # Before the page has noticed, keys are sent and sent again, not waiting: so it is asked first.
    expect(terminal.state).to_contain_text("reconnecting")
    terminal.type("meanwhile")
    expect(terminal.state).to_contain_text("keys wait")
    tmux("set-option", "-g", "status-right", "")
    assert typed.read_text() == "before\n"
    proxy.mend()
    terminal.connected()
    terminal.type("after")
    until(lambda: "after" in typed.read_text(), "what was typed after")
    assert typed.read_text().splitlines() == ["before", "meanwhile", "after"]
    agree(terminal, tmux, "sink")


def test_output_goes_on_where_it_was_cut(board, proxy, tmux):
    tmux.new("flow", "i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo line-$i; done; exec cat")
    terminal = board.open().attach("flow")
    for _ in range(4):
        proxy.drop()
        terminal.page.wait_for_timeout(50)
    terminal.wait_for("line-3000")
    terminal.connected()
    agree(terminal, tmux, "flow")


def test_the_board_comes_back_as_well(board, proxy, tmux):
    tmux.new("first")
    board.open()
    proxy.cut()
    expect(board.live).to_contain_text("reconnecting")
    tmux.new("meanwhile")
    proxy.mend()
    expect(board.live).to_have_text("live")
    expect(board.row("meanwhile")).to_be_visible()
