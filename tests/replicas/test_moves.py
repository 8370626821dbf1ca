"""A page whose replica goes comes back on another one: a fresh attach, drawn anew, without a word."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.board import Board, Terminal
from tests.faults.proxy import Proxy
from tests.rig.browser import Watch
from tests.rig.waiting import until


@pytest.fixture
def two(start_replicas):
    return start_replicas(2, limits={"attaches_per_principal": 1}, server={"bind": "127.0.0.1:0"})


@pytest.fixture
def balancer(two):
    """It sends everybody to one replica, and when that has gone to the other."""
    with Proxy(two[0].port) as balancer:
        yield balancer


@pytest.fixture
def watch(balancer):
    watch = Watch(f"http://127.0.0.1:{balancer.port}/")
    watch.expect(r"WebSocket connection to|net::ERR_|404")
    return watch


@pytest.fixture
def board(page, two, balancer):
    return Board(page, two[0].printed_url.replace(str(two[0].port), str(balancer.port), 1))


@pytest.mark.parametrize("how", ["killed", "stopped", "unreachable"])
def test_a_terminal_goes_on_from_another_replica(board, two, balancer, tmux, how):
    first, second = two
    tmux.new("sink", "cat")
    board.open().row("sink").get_by_test_id("attach").click()
    terminal = Terminal(board.page)
    expect(terminal.state).to_have_text("connected")
    terminal.type("before").wait_for("before")

    balancer.target = second.port
    if how == "killed":
        first.process.kill()
        first.process.wait()
    elif how == "stopped":
        first.stop()
    balancer.drop()

    until(lambda: second.request("GET", "/api/v1/terminals").json(), "the terminal on the other", seconds=20)
    expect(terminal.state).to_have_text("connected", timeout=20_000)
    terminal.wait_for("before")
    terminal.type("after").wait_for("after")
    until(
        lambda: tmux("capture-pane", "-p", "-t", "=sink:").split() == ["before"] * 2 + ["after"] * 2, "both"
    )
    until(lambda: len(tmux.clients("sink")) == 1, "one client", seconds=20)
    expect(board.page.get_by_test_id("term-ended")).to_have_count(0)
