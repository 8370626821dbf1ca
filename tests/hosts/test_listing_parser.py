"""The parser of tmux's listing: what tmux prints comes back, and nothing else gets through."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from muxboard.hosts import tmux
from muxboard.hosts.model import Session

MARK = "0123456789abcdef"
OTHER_MARK = "fedcba9876543210"

ids = st.integers(0, 10_000).map("${}".format)
counts = st.integers(0, 2**40)
# tmux escapes control characters in names; it hands titles, commands and paths on as they are.
names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)
bait = st.sampled_from(
    ["\t", "\n", "\n\t\n", f"\n{OTHER_MARK}S$1\t1\t1\t1\t1\tforged\n", "$1", "1\t1", "", "é", "🦀"]
)
texts = st.lists(st.text(st.characters(exclude_categories=["Cs"])) | bait, max_size=4).map("".join)


@st.composite
def servers(draw):
    """Sessions, and what tmux would print of them: panes in any order, idle panes and windows too."""
    sessions, panes = [], []
    for session in draw(st.lists(ids, unique=True, max_size=6)):
        command, title, directory = draw(texts), draw(texts), draw(texts)
        own = draw(counts)
        others = draw(st.lists(st.tuples(st.sampled_from(["00", "01", "10"]), counts, texts), max_size=3))
        shown = draw(counts)
        sessions.append(
            Session(
                id=session,
                name=draw(names),
                windows=draw(counts),
                created=float(draw(counts)),
                activity=float(max([own, shown, *(at for _, at, _ in others)])),
                attached=draw(counts),
                command=command,
                title=title,
                directory=directory,
            )
        )
        panes.append((own, session, "1", "1", shown, command, title, directory))
        panes += [(own, session, *active, at, text, text, text) for active, at, text in others]
    own_activity = {pane[1]: pane[0] for pane in panes}
    lines = [
        f"{MARK}S{s.id}\t{s.windows}\t{int(s.created)}\t{own_activity[s.id]}\t{s.attached}\t{s.name}\n"
        for s in sessions
    ]
    for _, session, window, pane, at, *shown in draw(st.permutations(panes)):
        lines.append(
            f"{MARK}P{session}\t{window}\t{pane}\t{at}" + "".join(f"{MARK}T{t}" for t in shown) + "\n"
        )
    return tuple(sessions), "".join(lines).encode()


@given(servers())
def test_what_tmux_prints_comes_back(server):
    """Names, titles and paths with TABs, newlines and things that look like records change nothing."""
    sessions, printed = server
    assert tmux.parse_listing(printed, MARK) == sessions


def _pieces():
    digits = (
        st.integers(0, 10**9).map(str)
        | st.just("9" * 400)
        | st.just("9" * 5000)
        | st.just("-1")
        | st.just("x")
    )
    field = st.sampled_from(["$1", "$2", "", "1", "\t", "\n", "٣", "nan"]) | digits
    record = st.tuples(st.sampled_from(["S", "P", "T", "Q", ""]), st.lists(field, max_size=7)).map(
        lambda made: (MARK + made[0] + "\t".join(made[1])).encode()
    )
    return st.lists(record | st.binary(max_size=20), max_size=8).map(b"".join)


@given(st.binary() | _pieces())
@example(f"{MARK}S$1\t1\t{'9' * 400}\t1\t0\tname\n".encode())
def test_garbage_is_a_value_error_or_nothing(output):
    try:
        sessions = tmux.parse_listing(output, MARK)
    except ValueError:
        return
    assert all(isinstance(session, Session) for session in sessions)


@given(st.binary(min_size=1).filter(lambda output: output.decode(errors="replace").strip()))
def test_output_that_is_no_listing_is_refused(output):
    """A tmux wrapper that prints a greeting is an error, not an empty server."""
    with pytest.raises(ValueError, match="something else"):
        tmux.parse_listing(output, MARK)


def test_an_empty_server_is_empty():
    assert tmux.parse_listing(b"", MARK) == ()


def test_a_mark_is_asked_for_in_every_record():
    """What separates texts is random for each command, so no title can hold it."""
    words = tmux.listing(tmux.Target("me", sudo=False), MARK)
    formats = [word for word in words if "#{" in word]
    assert [text.count(MARK) for text in formats] == [1, 4]
    assert all(text.startswith(MARK) for text in formats)


@given(st.dictionaries(names.filter(bool), ids, max_size=8))
def test_names_and_ids_come_back(known):
    printed = "".join(f"{session}\t{name}\n" for name, session in known.items())
    assert tmux.parse_names(printed.encode()) == known


@given(st.binary())
def test_garbage_names_never_raise(output):
    tmux.parse_names(output)
