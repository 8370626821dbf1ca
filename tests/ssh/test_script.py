"""Commands as a shell's text, and what it printed: in whatever pieces, whatever it holds."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from muxboard.hosts.ssh.script import OPENING, SHELL, Reader, script
from muxboard.hosts.way import Completed, Missing

MARK = "0123456789abcdef" * 2
BEGIN, END = f"{MARK}b".encode(), f"{MARK}e".encode()


def printed(results):
    """What a shell would print for results: standard output and error."""
    out = b"".join(BEGIN + each.stdout + END + b"%d." % each.exit for each in results)
    err = b"".join(each.stderr + END + b"." for each in results if each.exit)
    return out, err


def read(count, pieces, argv=("cmd",)):
    reader = Reader([argv] * count, MARK)
    ended = [reader.feed(out, err) for out, err in pieces]
    assert ended == sorted(ended), "once ended, always ended"
    return reader


near_marks = st.sampled_from(
    [BEGIN, END[:-1], END[1:], END + b"x", END, MARK.encode(), b".", b"0", b"127.", b"\0", b"\n", b"\xff"]
)
# All but the end mark itself, which a command cannot know.
outputs = (
    st.lists(near_marks | st.binary(max_size=20), max_size=6)
    .map(b"".join)
    .filter(lambda text: END not in text and BEGIN not in text)
)
completed = st.builds(
    Completed, st.integers(0, 255).filter(lambda code: code not in {124, 127}), outputs, outputs
)


def whole(result):
    """What is told of a result: nobody reads the standard error of what succeeds."""
    return result if result.exit else result._replace(stderr=b"")


@settings(max_examples=200, deadline=None)
@given(st.lists(completed, min_size=1, max_size=5), st.data())
def test_results_do_not_depend_on_the_pieces(results, data):
    results = [whole(each) for each in results]
    out, err = printed(results)
    pieces = []
    while out or err:
        taken = [data.draw(st.integers(0, min(len(each), 50))) for each in (out, err)]
        if not any(taken):
            taken = [len(out), len(err)]
        pieces.append((out[: taken[0]], err[: taken[1]]))
        out, err = out[taken[0] :], err[taken[1] :]
    reader = Reader([("cmd",)] * len(results), MARK)
    for index, piece in enumerate(pieces):
        assert reader.feed(*piece) is (index + 1 == len(pieces)) or all(
            not rest for each in pieces[index + 1 :] for rest in each
        )
    assert reader.results() == results
    assert reader.ended == len(results)


@given(st.lists(completed, min_size=1, max_size=4), st.integers(0, 500), st.integers(0, 500))
def test_what_is_cut_off_has_not_ended(results, cut_out, cut_err):
    """Each result is whole, or TimeoutError; and after one of those there are no others."""
    results = [whole(each) for each in results]
    out, err = printed(results)
    reader = read(len(results), [(out[:cut_out], err[:cut_err])])
    found = reader.results()
    assert len(found) == len(results)
    assert found[: reader.ended] == results[: reader.ended]
    assert all(type(each) is TimeoutError for each in found[reader.ended :])
    assert (reader.ended == len(results)) == (cut_out >= len(out) and cut_err >= len(err))


def test_the_end_of_a_failed_command_waits_for_what_it_says_on_standard_error():
    reader = Reader([["a"], ["b"], ["c"]], MARK)
    assert not reader.begun
    out, err = printed([Completed(0, b"1", b""), Completed(1, b"", b"no"), Completed(0, b"3", b"")])
    assert not reader.feed(out, b"")
    assert reader.begun
    assert reader.ended == 1
    assert [type(each) for each in reader.results()] == [Completed, TimeoutError, TimeoutError]
    assert not reader.feed(b"", err[:-1])
    assert reader.feed(b"", err[-1:])
    assert reader.results()[1] == Completed(1, b"", b"no")


def test_what_a_host_prints_before_a_command_is_not_its_output():
    noise = b"Welcome!\r\n" + MARK[:-1].encode()
    for before in (noise, noise + BEGIN, BEGIN + noise):
        reader = read(1, [(before + BEGIN + b"yes" + END + b"0.", b"motd")])
        assert reader.results() == [Completed(0, b"yes", b"")]


@pytest.mark.parametrize(
    ("code", "err", "kind"),
    [
        (127, b"sh: 1: tmux: not found\n", Missing),
        (127, b"timeout: failed to run command 'tmux': No such file or directory\n", Missing),
        (127, b"sudo: unable to\n", Completed),
        (126, b"sh: 1: tmux: Permission denied\n", Completed),
        (124, b"", TimeoutError),
        (124, b"it says so itself\n", Completed),
        (1, b"tmux: not found\n", Completed),
    ],
)
def test_exit_codes_with_a_meaning(code, err, kind):
    (result,) = read(1, [printed([Completed(code, b"", err)])], ["tmux"]).results()
    assert type(result) is kind
    if kind is Missing:
        assert result.args == ("tmux",)


@given(st.lists(near_marks | st.binary(max_size=10), max_size=30), st.lists(near_marks, max_size=30))
@example([END + b"0."] * 10, [])
@example([END + b"7."] * 10, [END + b"."] * 10)
def test_a_host_that_prints_marks_itself_ends_no_more_than_there_are(out, err):
    reader = Reader([("cmd",)] * 3, MARK)
    for piece in out:
        reader.feed(piece, b"")
    for piece in err:
        reader.feed(b"", piece)
    assert 0 <= reader.ended <= 3
    results = reader.results()
    assert len(results) == 3
    for each in results:
        assert isinstance(each, (Completed, Missing, TimeoutError))
        assert not isinstance(each, Completed) or 0 <= each.exit <= 999


def seconds_for(size, piece):
    """Processor time for one command that prints so much in such pieces."""
    data = BEGIN + b"x" * size + END + b"0."
    pieces = [data[at : at + piece] for at in range(0, len(data), piece)]
    best = []
    for _ in range(3):
        reader = Reader([("cmd",)], MARK)
        began = time.process_time()
        for each in pieces:
            reader.feed(each, b"")
        best.append(time.process_time() - began)
        assert len(reader.results()[0].stdout) == size
    return min(best)


def test_small_pieces_cost_no_more_when_there_is_much_already():
    """Eight times as many take about eight times as long; looked through from the start it would be 64."""
    assert seconds_for(4 << 20, 64) < 24 * seconds_for(4 << 17, 64) + 0.05


# --- real shells

SHELLS = ["sh", "bash", "dash"]
HOSTILE = [
    "",
    " ",
    "'",
    "''",
    '"',
    "\\",
    "\\'",
    "$HOME",
    "$(touch /tmp/x)",
    "`id`",
    "!!",
    "!x",
    "*",
    "~",
    "a;b",
    "a&b",
    "|",
    ">x",
    "-n",
    "-e",
    "--",
    "\n",
    "a\nb",
    "\t",
    "\r\n",
    "é",
    "\x1b[31m",
    "\x7f",
    "#",
    "{a,b}",
    "[a]",
    "%s%n",
    "x" * 100_000,
]
SHOW = (sys.executable, "-I", "-S", "-c", "import sys; sys.stdout.buffer.write(repr(sys.argv[1:]).encode())")


def by_shell(shell, commands, timeout_s=10.0, opening=OPENING):
    done = subprocess.run(
        [shell, "-s"],
        input=opening + script(commands, MARK, timeout_s),
        capture_output=True,
        check=True,
        timeout=60,
    )
    reader = Reader(commands, MARK)
    assert reader.feed(done.stdout, done.stderr)
    return reader.results()


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_gives_each_word_as_it_is(shell):
    (result,) = by_shell(shell, [[*SHOW, *HOSTILE]])
    assert result == Completed(0, repr(HOSTILE).encode(), b"")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=12), max_size=4),
        min_size=1,
        max_size=4,
    )
)
def test_all_shells_give_the_same(commands):
    wanted = [Completed(0, b"".join(b"<%s>" % word.encode() for word in words), b"") for words in commands]
    argvs = [["printf", "<%s>" * len(words), *words] if words else ["true"] for words in commands]
    for shell in SHELLS:
        assert by_shell(shell, argvs) == wanted


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize("opening", [OPENING, OPENING + b't() { shift; "$@"; }\n'], ids=["", "no timeout"])
def test_how_commands_end(shell, opening):
    commands = [
        ["true"],
        ["sh", "-c", "echo out; echo err >&2; exit 3"],
        ["no-such-program"],
        ["sh", "-c", "kill -TERM $$"],
        ["cat"],
        ["sh", "-c", f"printf %s {MARK}"],
        ["sh", "-c", "exit 255"],
        ["pwd"],
    ]
    true, says, missing, killed, cat, mark, last, pwd = by_shell(shell, commands, opening=opening)
    assert true == Completed(0, b"", b"")
    assert says == Completed(3, b"out\n", b"err\n")
    assert type(missing) is Missing
    assert killed.exit == 143
    assert cat == Completed(0, b"", b""), "it gets no input: that is the script"
    assert mark == Completed(0, MARK.encode(), b"")
    assert last.exit == 255
    assert pwd.stdout == b"/\n"


def test_what_takes_too_long_is_ended_there_and_the_next_one_runs():
    began = time.monotonic()
    slow, fast = by_shell("sh", [["sleep", "30"], ["echo", "x"]], timeout_s=1)
    assert type(slow) is TimeoutError
    assert fast == Completed(0, b"x\n", b"")
    assert time.monotonic() - began < 15


def test_messages_are_english_and_letters_stay():
    environ = {"PATH": "/usr/bin:/bin", "LC_ALL": "de_DE.UTF-8", "LANGUAGE": "de", "LC_CTYPE": "C.UTF-8"}
    commands = [["sh", "-c", 'echo "$LC_ALL|$LANGUAGE|$LC_MESSAGES|$LC_CTYPE"']]
    done = subprocess.run(
        ["sh", "-c", SHELL],
        input=OPENING + script(commands, MARK, 5),
        capture_output=True,
        check=True,
        env=environ,
        timeout=20,
    )
    reader = Reader(commands, MARK)
    assert reader.feed(done.stdout, done.stderr)
    assert reader.results() == [Completed(0, b"||C|C.UTF-8\n", b"")]
