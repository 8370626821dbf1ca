"""What a terminal does on each transport alike: pastes, guesses, streams that are cut, and giving way."""

from __future__ import annotations

import hashlib
import json
import random
import shlex
import sys

import pytest
from playwright.sync_api import expect

from tests.browser.networks import EACH, NETS, attach, carried_by
from tests.rig.middlebox import Middlebox
from tests.rig.slowline import SlowLine
from tests.rig.waiting import until

FAR_S = 0.3
PASTE = """
(text) => {
  const data = new DataTransfer();
  data.setData("text/plain", text);
  const event = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
  document.querySelector(".term-host textarea").dispatchEvent(event);
}
"""
# A program that asks for pastes in brackets, and tells what was in them.
READER = """\
import hashlib, json, os, sys, tty

BEGIN, END = b"\\x1b[200~", b"\\x1b[201~"
tty.setraw(0)
os.write(1, b"\\x1b[?2004hready")
data = bytearray()
while not data.endswith(END):
    data += os.read(0, 1 << 16)
whole = data.startswith(BEGIN)
inside = bytes(data[len(BEGIN) : -len(END)])
with open(sys.argv[1] + ".new", "w") as told:
    json.dump([whole, len(inside), hashlib.sha256(inside).hexdigest()], told)
os.rename(sys.argv[1] + ".new", sys.argv[1])
os.write(1, b"\\r\\ntold")
os.read(0, 1)
"""
# Another client of the same terminal; it waits for two seconds in which nobody may take it back.
DISPLACE = """
async () => {
  const { id } = document.querySelector("mux-terminal").link;
  const ask = async (wait) => {
    const path = `api/v1/terminals/${id}/output?offset=0&wait=${wait}&client=another`;
    const answer = await fetch(new URL(path, document.baseURI), { headers: { "Muxboard-Page": "1" } });
    await answer.arrayBuffer();
    return [answer.status, (JSON.parse(answer.headers.get("Muxboard-Control"))).map((each) => each.type)];
  };
  return [await ask(0), await ask(2)];
}
"""


@pytest.fixture
def net(request):
    return NETS[request.param]


@pytest.fixture
def line(net, service):
    with net.start(service.port) as front, SlowLine(front.port) as line:
        yield line


@pytest.fixture
def front(line):
    return line


@pytest.fixture
def complaints():
    return r"WebSocket connection to"


@pytest.mark.parametrize("net", EACH, indirect=True)
def test_a_megabyte_in_brackets_arrives_whole(board, net, tmux, tmp_path):
    told, reader = tmp_path / "told", tmp_path / "reader.py"
    reader.write_text(READER)
    tmux.new("reader", "exec " + shlex.join([sys.executable, str(reader), str(told)]))
    terminal = attach(board, "reader", net.transport).wait_for("ready")
    terminal.page.wait_for_function("document.querySelector('mux-terminal').term.modes.bracketedPasteMode")
    chance = random.Random(5)  # noqa: S311  the same again
    text = "".join(f"{chance.randrange(1 << 64):016x} äöü 🦀\n" for _ in range(40_000))
    assert len(text.encode()) > 1 << 20
    terminal.page.evaluate(PASTE, text)
    until(told.exists, "the end of the paste", seconds=60)
    wanted = text.replace("\n", "\r").encode()  # as Enter would be
    assert json.loads(told.read_text()) == [True, len(wanted), hashlib.sha256(wanted).hexdigest()]
    terminal.wait_for("told")
    expect(board.dialog).to_have_count(0)
    carried_by(terminal, net.transport)


@pytest.mark.parametrize("net", EACH, indirect=True)
def test_keys_are_guessed_on_a_slow_line(board, net, line, tmux):
    tmux.new("api", "PS1='$ ' exec bash --norc --noprofile")
    terminal = attach(board, "api", net.transport).wait_for("$")
    guesses = terminal.page.locator("[data-testid=predicted] .guess")
    line.delay = FAR_S
    for end, char in enumerate("ec", 1):  # until it is known that keys are echoed
        terminal.page.keyboard.type(char)
        terminal.wait_for("ec"[:end])
    line.hold()
    terminal.page.keyboard.type("ho")
    expect(guesses).to_have_text(["h", "o"])
    assert "echo" not in terminal.screen
    line.release()
    terminal.wait_for("echo")
    expect(guesses).to_have_count(0)
    carried_by(terminal, net.transport)


@pytest.mark.parametrize("net", EACH, indirect=True)
def test_a_tab_that_was_displaced_stays_so(board, net, watch, tmux):
    tmux.new("sink", "cat")
    terminal = attach(board, "sink", net.transport)
    taken, kept = terminal.page.evaluate(DISPLACE)
    assert taken[0] in {200, 204}
    assert "exit" not in taken[1] + kept[1], "nobody has taken it back"
    expect(terminal.ended).to_contain_text("opened in another window")
    before = len(watch.requests)
    for event in ("new Event('online')", "new PageTransitionEvent('pageshow', { persisted: true })"):
        terminal.page.evaluate(f"dispatchEvent({event})")
    terminal.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    assert terminal.page.evaluate(DISPLACE)[1][1].count("exit") == 0
    again = [url for url in watch.requests[before:] if "/terminals/" in url and "client=another" not in url]
    assert again == []
    expect(terminal.ended).to_be_visible()


class TestStreamsThatAreCut:
    @pytest.fixture
    def line(self, service):
        with Middlebox(service.port, streams="cuts", cut_s=0.5) as line:
            yield line

    @pytest.fixture
    def watch(self, watch):
        watch.expect("net::ERR_CONNECTION_RESET")
        return watch

    def test_what_is_typed_and_shown_survives(self, board, line, tmux, tmp_path):
        typed = tmp_path / "typed"
        tmux.new("sink", f"exec tee {typed}")
        terminal = attach(board, "sink", "sse")
        begun, lines = line.streams, []
        while line.streams < begun + 6:
            assert len(lines) < 600, "the stream is cut and comes back"
            lines.append(f"line {len(lines):04} of what is typed")
            terminal.type(lines[-1])
        until(lambda: typed.read_text().count("\n") >= len(lines), "all lines", seconds=30)
        assert typed.read_text().splitlines() == lines
        terminal.wait_for(lines[-1])
        height = terminal.page.evaluate("document.querySelector('mux-terminal').term.rows") - 1

        def same() -> bool:
            shown = [row.rstrip() for row in terminal.screen.split("\n")[:height]]
            return shown == [row.rstrip() for row in tmux.capture("sink").split("\n")[:height]]

        until(same, "the same text in the browser and in tmux")
        carried_by(terminal.connected(), "sse")
