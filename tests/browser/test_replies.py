"""A terminal answers its programs' questions, but none that stood in output that comes again after a cut."""

from __future__ import annotations

import os
import shutil
import sys

import pytest

from tests.browser.networks import EACH, NETS, attach, carried_by
from tests.faults.proxy import Proxy
from tests.rig.waiting import until

# In place of tmux where it would attach: tmux answers its own programs, so it must be one that asks.
FAKE = """\
#!/bin/sh
for word; do
  [ "$word" = attach-session ] && exec '{python}' '{asker}' '{folder}'
done
exec '{tmux}' "$@"
"""
ASKER = """\
import os, sys, threading, tty

tty.setraw(0)
folder = sys.argv[1]

def hear():
    while data := os.read(0, 4096):
        with open(f"{folder}/typed", "ab") as typed:
            typed.write(data)

threading.Thread(target=hear, daemon=True).start()
os.write(1, b"ready")
with open(f"{folder}/say", "rb") as say:
    for line in say:
        parts, text = eval(line)
        data = parts * text.encode()
        while data:
            data = data[os.write(1, data):]
        with open(f"{folder}/said", "ab") as said:
            said.write(b"x")
"""
QUESTIONS = "\x1b[c\x1b[6n\x1b]11;?\x07"
ANSWER = b"\x1b[?1;2c"
LINE = "of a long day" + 66 * "." + "\r\n"
ASKING = 50 * (LINE + QUESTIONS)
# Frames end where the network likes.
IN_PIECES = """
() => {
  const { link } = document.querySelector("mux-terminal");
  const { listener } = link;
  const { output } = listener;
  const binary = link.binary.bind(link);
  link.binary = (frame) => {
    for (let at = 0; at < frame.length; at += 500) binary(frame.subarray(at, at + 500));
  };
  listener.output = (bytes, parsed, replayed) => {
    if (replayed) window.replayed += bytes.length;
    output(bytes, parsed, replayed);
  };
}
"""
COUNT_HELLOS = """
() => {
  const { listener } = document.querySelector("mux-terminal").link;
  const { hello } = listener;
  window.hellos = 0;
  listener.hello = (message, resumed) => {
    hello(message, resumed);
    window.hellos += 1;
  };
}
"""


class Asker:
    """The program on the terminal."""

    def __init__(self, folder):
        self._typed, self._said = folder / "typed", folder / "said"
        os.mkfifo(folder / "say")
        self._say = os.open(folder / "say", os.O_RDWR)
        self._count = 0
        self._typed.touch()
        self._said.touch()

    def says(self, parts: int, text: str, seconds: float = 30) -> None:
        """Let it say a text so many times; returns when the terminal has taken it."""
        self._count += 1
        os.write(self._say, f"{parts}, {text!r}\n".encode())
        until(lambda: self._said.stat().st_size == self._count, "what it says is taken", seconds=seconds)

    @property
    def heard(self) -> bytes:
        return self._typed.read_bytes()

    def forget(self) -> None:
        self._typed.write_bytes(b"")

    def close(self) -> None:
        os.close(self._say)


@pytest.fixture
def asker(tmp_path):
    tmp_path.chmod(0o755)
    asker = Asker(tmp_path)
    yield asker
    asker.close()


@pytest.fixture
def service(start_service, tmux, tmp_path):
    folder = tmp_path / "bin"
    folder.mkdir()
    (tmp_path / "asker.py").write_text(ASKER)
    fake = folder / "tmux"
    real = shutil.which("tmux")
    text = FAKE.format(python=sys.executable, asker=tmp_path / "asker.py", folder=tmp_path, tmux=real)
    fake.write_text(text)
    fake.chmod(0o755)
    path = f"{folder}:/usr/local/bin:/usr/bin:/bin"
    return start_service(env={"TMUX_TMPDIR": str(tmux.folder), "PATH": path})


@pytest.fixture(params=EACH)
def net(request):
    return NETS[request.param]


@pytest.fixture
def line(net, service):
    with net.start(service.port) as front, Proxy(front.port) as line:
        yield line


@pytest.fixture
def front(line):
    return line


@pytest.fixture
def complaints():
    return r"WebSocket connection to|net::ERR_"


def answers(asker) -> None:
    """What is asked now is answered, once."""
    asker.forget()
    asker.says(1, QUESTIONS)
    until(lambda: b"]11;rgb:" in asker.heard, lambda: f"the answers, heard {asker.heard!r}")
    assert asker.heard.count(ANSWER) == 1
    asker.forget()


def cut_while_it_asks(terminal, line, asker, mark: str) -> int:
    """Cut the line while the program asks; returns how much of it was sent again."""
    asker.says(2000, LINE)  # the window grows
    asker.says(1, f"before {mark}")
    terminal.wait_for(f"before {mark}")
    terminal.page.evaluate("window.replayed = 0")
    line.cut()
    asker.says(1, ASKING)
    asker.says(100, LINE)  # what the kernel holds back is no question
    line.mend()
    asker.says(1, f"after {mark}")
    terminal.wait_for(f"after {mark}")
    return terminal.page.evaluate("window.replayed")


def test_questions_that_come_again_are_not_answered(board, net, line, asker, tmux):
    tmux.new("api")
    terminal = attach(board, "api", net.transport).wait_for("ready")
    terminal.page.evaluate(IN_PIECES)
    answers(asker)
    # What has waited for a second is left out, and nothing comes again; but not twice in 10 s.
    again = any(cut_while_it_asks(terminal, line, asker, f"{turn}") >= len(ASKING) for turn in range(3))
    assert again
    terminal.page.keyboard.type("typed")
    until(lambda: asker.heard.endswith(b"typed"), lambda: f"what was typed, heard {asker.heard[:200]!r}")
    assert asker.heard == b"typed"
    answers(asker)
    carried_by(terminal, net.transport)


def test_the_first_question_after_a_cut_is_answered(board, net, line, asker, tmux):
    tmux.new("api")
    terminal = attach(board, "api", net.transport).wait_for("ready")
    answers(asker)
    terminal.page.evaluate(COUNT_HELLOS)
    count = line.connections
    line.drop()
    # One request of many is asked again, and needs no hello.
    until(lambda: line.connections > count, "another connection")
    if net.transport != "poll":
        until(lambda: terminal.page.evaluate("window.hellos") > 0, "another hello", seconds=30)
    answers(asker)
