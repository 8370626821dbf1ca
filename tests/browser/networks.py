"""What stands in the way of a browser on its way to the service, and what gets through it."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, NamedTuple

from playwright.sync_api import expect

from tests.browser.board import Board, Terminal
from tests.rig.middlebox import Middlebox
from tests.rig.proxies import HAPROXY_NO_UPGRADES, NGINX_BUFFERING, haproxy, nginx

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.proxy import Proxy

WORDS = {"websocket": None, "sse": "slow path: events", "poll": "slow path: requests"}


class Net(NamedTuple):
    """One network.

    Attributes:
        transport: What gets through it.
        start: Starts what stands in the way of a port.
    """

    transport: str
    start: Callable[[int], Proxy | contextlib.closing]


def program(start: Callable[..., object], more: str = "") -> Callable[[int], contextlib.closing]:
    return lambda port: contextlib.closing(start(port, more))


NETS = {
    "haproxy": Net("websocket", program(haproxy)),
    "nginx without upgrades": Net("sse", program(nginx)),
    "nginx that buffers": Net("poll", program(nginx, NGINX_BUFFERING)),
    "haproxy without upgrades": Net("sse", program(haproxy, HAPROXY_NO_UPGRADES)),
    "a box that eats upgrades": Net("sse", lambda port: Middlebox(port, "eats")),
    "a box that opens sockets and is mute": Net("sse", lambda port: Middlebox(port, "mute")),
}
EACH = ["haproxy", "nginx without upgrades", "nginx that buffers"]


def carried_by(terminal: Terminal, transport: str) -> Terminal:
    """The terminal says that this carries it, and what that means."""
    words = WORDS[transport]
    shown = terminal.page.get_by_test_id("transport")
    if words is None:
        expect(shown).to_have_count(0, timeout=15_000)
    else:
        expect(shown).to_have_text(words)
        assert len(shown.get_attribute("title") or "") > 40
    return terminal


def attach(board: Board, name: str, transport: str) -> Terminal:
    """The first attach decides what gets through, within 10 s."""
    board.page.goto(board.url)  # where streams are held back the board is not live, and asks
    board.row(name).get_by_test_id("attach").click()
    terminal = Terminal(board.page)
    expect(terminal.state).to_have_text("connected", timeout=15_000)
    return carried_by(terminal, transport)
