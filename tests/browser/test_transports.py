"""Every network: whatever stands in the way, a terminal types, shows, and stops at ^C."""

from __future__ import annotations

import base64
import hashlib
import random
import shutil

import pytest
from playwright.sync_api import expect

from tests.browser.board import Terminal
from tests.browser.networks import EACH, NETS, attach, carried_by
from tests.faults.proxy import Proxy
from tests.rig.waiting import until

OUTPUT_BYTES = {"websocket": 1 << 20, "sse": 1 << 20, "poll": 1 << 18}
# In place of tmux where it would attach: what a terminal shows is then ours, byte for byte.
RAW = """\
#!/bin/sh
for word; do
  if [ "$word" = attach-session ]; then
    stty raw -echo
    printf ready
    head -c 1 >/dev/null
    cat '{file}'
    exec cat >/dev/null
  fi
done
exec '{tmux}' "$@"
"""
COLLECT = """
() => {
  const { listener } = document.querySelector("mux-terminal").link;
  const output = listener.output;
  window.collected = [];
  listener.output = (bytes, parsed) => {
    window.collected.push(bytes.slice());
    output(bytes, parsed);
  };
}
"""
COUNT = "() => window.collected.reduce((sum, part) => sum + part.length, 0)"
DIGEST = """
async () => {
  const digest = await crypto.subtle.digest("SHA-256", await new Blob(window.collected).arrayBuffer());
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
"""


@pytest.fixture
def net(request):
    return NETS[request.param]


@pytest.fixture
def front(net, service):
    """What stands in the way of the service."""
    with net.start(service.port) as front:
        yield front


@pytest.fixture
def complaints():
    return r"WebSocket connection to"


@pytest.fixture
def typed(tmp_path):
    return tmp_path / "typed"


@pytest.mark.parametrize("net", NETS, indirect=True)
def test_typing_and_interrupting(board, net, tmux):
    tmux.new("api")
    terminal = attach(board, "api", net.transport)
    terminal.type("echo $((40+2))-there")
    terminal.wait_for("42-there")
    terminal.type("yes")
    terminal.wait_for("y\ny\ny\ny")
    terminal.page.keyboard.press("Control+c")
    terminal.type("echo stopped-$((40+3))")
    terminal.wait_for("stopped-43")
    expect(terminal.state).to_have_text("connected")
    carried_by(terminal, net.transport)


@pytest.mark.parametrize("net", EACH, indirect=True)
def test_a_megabyte_is_pasted_whole(board, net, tmux, typed):
    tmux.new("sink", f"cat > {typed}")
    terminal = attach(board, "sink", net.transport)
    text = "".join(f"line {number:06} äöü 🦀 of a long paste\n" for number in range(29_000))
    assert len(text.encode()) > 1 << 20
    board.page.evaluate("text => document.querySelector('mux-terminal').term.paste(text)", text)
    until(lambda: typed.stat().st_size >= len(text.encode()), "the paste in the file", seconds=60)
    assert typed.read_text() == text
    carried_by(terminal, net.transport)


@pytest.fixture
def flood(net, tmp_path):
    """Bytes that only their hash can tell from others."""
    tmp_path.chmod(0o755)
    noise = random.Random(5).randbytes(OUTPUT_BYTES[net.transport])  # noqa: S311  it only has to be the same again
    lines = base64.encodebytes(noise).replace(b"\n", b"\r\n")
    (tmp_path / "flood").write_bytes(lines)
    return tmp_path / "flood"


class TestWhole:
    """A program of ours takes the place of tmux's client."""

    @pytest.fixture
    def service(self, start_service, tmux, tmp_path, flood):
        folder = tmp_path / "bin"
        folder.mkdir()
        fake = folder / "tmux"
        fake.write_text(RAW.format(file=flood, tmux=shutil.which("tmux")))
        fake.chmod(0o755)
        path = f"{folder}:/usr/local/bin:/usr/bin:/bin"
        return start_service(env={"TMUX_TMPDIR": str(tmux.folder), "PATH": path})

    @pytest.mark.parametrize("net", EACH, indirect=True)
    def test_output_arrives_whole(self, board, net, tmux, flood):
        tmux.new("api")
        terminal = attach(board, "api", net.transport).wait_for("ready")
        page = terminal.page
        page.evaluate(COLLECT)
        page.keyboard.press("Enter")
        sent = flood.read_bytes()
        until(
            lambda: page.evaluate(COUNT) >= len(sent),
            lambda: f"{len(sent)} bytes, has {page.evaluate(COUNT)}",
            seconds=90,
        )
        assert page.evaluate(DIGEST) == hashlib.sha256(sent).hexdigest()
        carried_by(terminal, net.transport)


@pytest.mark.parametrize("net", ["a box that eats upgrades"], indirect=True)
def test_what_worked_is_remembered(board, front, tmux):
    tmux.new("api")
    terminal = attach(board, "api", "sse")
    tried = front.upgrades
    terminal.page.reload()
    carried_by(Terminal(board.page).connected(), "sse")
    assert front.upgrades == tried


@pytest.mark.parametrize("net", ["a box that eats upgrades"], indirect=True)
def test_a_better_way_is_found_again(board, front, tmux):
    """As after the way home: the box is gone, and the last try is a while ago."""
    tmux.new("sink", "cat")
    terminal = attach(board, "sink", "sse").type("by events")
    terminal.wait_for("by events")
    terminal.page.evaluate("localStorage.setItem('muxboard.transport.tried', '1')")
    front.clear = True
    terminal.page.reload()
    carried_by(Terminal(board.page).connected(), "websocket").wait_for("by events")
    terminal.type("by socket").wait_for("by socket")


class TestCuts:
    """A way that has a name, with a proxy in front of it that can be cut."""

    @pytest.fixture
    def front(self, front):
        with Proxy(front.port) as cut:
            yield cut

    @pytest.fixture
    def complaints(self):
        return r"WebSocket connection to|net::ERR_"

    @pytest.mark.parametrize("net", EACH, indirect=True)
    def test_nothing_is_lost_or_doubled(self, board, net, front, tmux, typed):
        tmux.new("sink", f"cat > {typed}")
        terminal = attach(board, "sink", net.transport)
        lines = [f"line {number:03} of what is typed" for number in range(40)]
        for number, line in enumerate(lines):
            terminal.page.keyboard.insert_text(line)
            terminal.page.keyboard.press("Enter")
            if number % 10 == 4:
                front.drop()
        until(lambda: typed.read_text().count("\n") >= len(lines), "all lines", seconds=30)
        assert typed.read_text().splitlines() == lines
        carried_by(terminal.connected(), net.transport)

    @pytest.mark.parametrize("net", ["haproxy", "nginx without upgrades"], indirect=True)
    def test_a_network_that_is_gone_blocks_nothing(self, board, net, front, tmux, watch):
        tmux.new("sink", "cat")
        terminal = attach(board, "sink", net.transport)
        before = front.refused
        front.cut()
        until(lambda: front.refused >= before + 8, "several tries", seconds=30)
        front.mend()
        carried_by(terminal.connected(), net.transport)
        terminal.type("after").wait_for("after")
        slower = {"websocket": "/stream?", "sse": "/output?"}[net.transport]
        assert [url for url in watch.requests if slower in url] == []
