"""Plain http under a name: browsers say less of whose page asks, and keep more from the page itself."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from tests.browser.board import Board
from tests.browser.networks import EACH, NETS, attach
from tests.rig.browser import PLAIN_NAME, Watch
from tests.rig.service import local_host


@pytest.fixture
def service(start_service, tmux):
    config = {"hosts": [local_host()], "server": {"allowed_hosts": [PLAIN_NAME]}}
    return start_service(config, env={"TMUX_TMPDIR": str(tmux.folder)})


@pytest.fixture
def net(request):
    return NETS[request.param]


@pytest.fixture
def front(net, service):
    with net.start(service.port) as front:
        yield front


@pytest.fixture
def watch(front):
    watch = Watch(f"http://{PLAIN_NAME}:{front.port}/")
    watch.expect(r"WebSocket connection to|The Cross-Origin-Opener-Policy header has been ignored")
    return watch


@pytest.fixture
def board(page, service, front):
    here = urlsplit(service.printed_url).netloc
    return Board(page, service.printed_url.replace(here, f"{PLAIN_NAME}:{front.port}", 1))


@pytest.mark.parametrize("net", EACH, indirect=True)
def test_a_terminal_works_over_each_transport(board, net, tmux):
    tmux.new("api")
    terminal = attach(board, "api", net.transport)
    assert board.page.evaluate("isSecureContext") is False
    terminal.type("echo $((40+2))-there")
    terminal.wait_for("42-there")


@pytest.mark.parametrize("net", ["nginx without upgrades"], indirect=True)
def test_the_board_is_live_and_its_stream_says_whose_it_is(board, tmux):
    tmux.new("first")
    with board.page.expect_request("**/api/v1/events?changes=1") as asked:
        board.open()
    sent = asked.value.all_headers()
    assert "cookie" in sent
    assert {"origin", "sec-fetch-site"} & sent.keys() == set(), "this browser says it otherwise"
    tmux.new("second")
    expect(board.row("second")).to_be_visible()
