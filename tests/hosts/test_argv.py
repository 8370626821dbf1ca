"""Command lines: whatever a caller says is exactly one argument, and never a format, option or command."""

from __future__ import annotations

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from muxboard.hosts import tmux
from muxboard.problems import Code, Problem

HOSTILE = [
    "-dash",
    "--",
    ";",
    "a;",
    r"a\;",
    "#(touch x)",
    "#{pid}",
    "##",
    "$(id)",
    "`id`",
    "a b",
    "'\"",
    "",
    "-t",
]
texts = st.text(st.characters(exclude_characters="\0")) | st.sampled_from(HOSTILE)
targets = st.builds(
    tmux.Target, st.sampled_from(["deploy", "ops"]), st.booleans(), st.sampled_from(["", "/run/x/tmux.sock"])
)
OWN = tmux.Target("me", sudo=False)


def as_tmux_reads(word: str) -> tuple[str, bool]:
    """An argument as tmux takes it from its command line, and whether it ends the command."""
    if word.endswith("\\;"):
        return word[:-2] + ";", False
    return word, word.endswith(";")


def expanded(text: str) -> str:
    """A format as tmux expands it, if every ``#`` is a doubled one."""
    assert "#" not in text.replace("##", "")
    return text.replace("##", "#")


@given(targets, texts, texts, texts)
@example(OWN, "a;", "b;", "c;")
@example(OWN, "#(touch x)", "", "#(touch x)")
def test_create_hands_on_name_directory_and_command_as_they_are(target, name, command, directory):
    words = tmux.create(target, name, command, directory)
    assert not any(ends for _, ends in map(as_tmux_reads, words))
    read = [word for word, _ in map(as_tmux_reads, words)]
    assert expanded(read[read.index("-s") + 1]) == name
    rest = read[read.index("-s") + 2 :]
    if directory:
        assert rest.pop(0) == "-c"
        assert expanded(rest.pop(0)) == directory
    assert rest == (["--", command] if command else [])


@given(targets, st.integers(0).map("${}".format), texts)
def test_rename_hands_on_the_name_after_the_end_of_options(target, session, name):
    words = [as_tmux_reads(word) for word in tmux.rename(target, session, name)]
    assert not any(ends for _, ends in words)
    *_, flag, addressed, end, read = [word for word, _ in words]
    assert (flag, addressed, end, expanded(read)) == ("-t", session, "--", name)


@given(targets, st.integers(0).map("${}".format))
def test_every_command_says_utf8_and_addresses_by_id(target, session):
    """Names are matched as prefixes and globs; without ``-u`` every TAB is an underscore."""
    commands = [
        tmux.kill(target, session),
        tmux.screen(target, session),
        tmux.scrollback(target, session),
        tmux.attach(target, session, view=False),
        tmux.attach(target, session, view=True),
    ]
    for words in commands:
        assert words[words.index("-t") + 1] == session
    for words in [*commands, tmux.names(target), tmux.listing(target, "00")]:
        start = words.index("tmux")
        assert words[:start] == (["sudo", "-n", "-u", target.user, "--"] if target.sudo else [])
        assert words[start + 1] == "-u"
        if target.socket:
            assert words[words.index("-S") + 1] == target.socket


def test_only_a_viewer_attaches_read_only():
    assert "-r" in tmux.attach(OWN, "$1", view=True)
    assert "-r" not in tmux.attach(OWN, "$1", view=False)


@given(st.text() | st.sampled_from(HOSTILE))
def test_a_checked_name_is_printable_short_and_can_stand_in_tmux(name):
    try:
        checked = tmux.check_name(name)
    except Problem as problem:
        assert problem.code is Code.invalid  # noqa: PT017  most texts are taken
        assert [error.path for error in problem.errors] == ["name"]  # noqa: PT017
        return
    assert checked == name
    assert name.strip()
    assert name.isprintable()
    assert len(name) <= 300
    assert not set(name) & {":", ".", "\n", "\t", "\0"}
    name.encode()


@given(st.text(st.characters(categories=["L", "N", "S"]), min_size=2, max_size=300))
@example("-dash")
@example("%1")
@example("#(touch x)")
@example("x" * 300)
def test_ordinary_and_odd_names_are_taken(name):
    assume(not set(name) & {":", "."})
    assert tmux.check_name(name) == name


@pytest.mark.parametrize(
    "name", ["", " ", "x" * 301, "a\n", "a\tb", "\x1b[31m", "a:b", "a.b", "\u202e", "~", "\ud800"]
)
def test_names_that_tmux_would_change_are_refused(name):
    with pytest.raises(Problem) as told:
        tmux.check_name(name)
    assert told.value.code is Code.invalid


@given(st.text())
def test_a_checked_command_or_directory_can_be_an_argument(text):
    for check in (tmux.check_command, tmux.check_directory):
        try:
            check(text)
        except Problem as problem:
            assert problem.code is Code.invalid  # noqa: PT017  most texts are refused
        else:
            assert b"\0" not in text.encode()


@pytest.mark.parametrize("directory", ["relative", "../up", "-", "~root", "/a\nb", "/" + "x" * 4096])
def test_directories_that_are_no_absolute_path_are_refused(directory):
    with pytest.raises(Problem):
        tmux.check_directory(directory)


@given(st.text())
def test_printable_leaves_nothing_that_moves_a_cursor_or_turns_text_round(text):
    assert tmux.printable(text).isprintable()


@given(
    st.text()
    | st.lists(st.sampled_from(["sudo: ", "tmux: ", "no server running on ", "\n", "unknown user "])).map(
        "".join
    )
)
def test_whatever_tmux_says_is_a_state_and_a_problem(stderr):
    for target in (OWN, tmux.Target("deploy", sudo=True)):
        report = tmux.classify(target, "me", stderr)
        assert report.state == "no_server" or report.problem
        assert (report.problem or "").isprintable()
        assert isinstance(tmux.failed(target, "me", stderr), Problem)
