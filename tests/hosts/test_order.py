"""Sessions in the order in which people count."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muxboard.hosts import tmux
from muxboard.hosts.model import Session

names = st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("0123456789aAbB"), max_size=12)


def session(name: str) -> Session:
    return Session(id="$0", name=name, windows=1, created=0.0, activity=0.0, attached=0)


def ordered(words, first=()):
    return [one.name for one in tmux.order(map(session, words), first)]


@given(st.lists(names, max_size=8, unique=True), st.lists(names.filter(bool), max_size=3), st.randoms())
def test_the_order_is_total(words, first, random):
    """However tmux lists them, the same sessions come in the same order; none is lost."""
    once = ordered(words, first)
    assert sorted(once) == sorted(words)
    random.shuffle(words)
    assert ordered(words, first) == once


@given(st.text("ab-", max_size=4), st.integers(0, 10**30), st.integers(0, 10**30), st.text("ab-", max_size=4))
def test_digits_compare_as_numbers(before, one, other, after):
    pair = [f"{before}{number}{after}" for number in sorted({one, other})]
    assert ordered(reversed(pair)) == pair


@pytest.mark.parametrize(
    "expected",
    [
        ["a2", "a10"],
        ["API 9", "api 10"],
        ["7", "007a", "a"],
        ["web1", "web1b", "web2"],
        ["9" * 5000, "1" + "0" * 5000],
    ],
    ids=["numbers", "case", "zeros", "prefix", "longer than int() takes"],
)
def test_names_sort_as_people_count(expected):
    for shuffled in itertools.permutations(expected):
        assert ordered(shuffled) == expected


def test_session_order_comes_first_by_its_first_entry_that_fits():
    """An entry is a name or a prefix; a session goes where the first entry that fits it stands."""
    assert ordered(["z", "web-2", "db", "web-10", "a"], ["db", "web-10", "web"]) == [
        "db",
        "web-10",
        "web-2",
        "a",
        "z",
    ]
    assert ordered(["web-10", "web-2"], ["web", "web-10"]) == ["web-2", "web-10"]


@given(st.lists(names, max_size=8, unique=True), st.lists(names.filter(bool), min_size=1, max_size=3))
def test_what_session_order_names_never_comes_after_what_it_does_not(words, first):
    named = [name.startswith(tuple(first)) for name in ordered(words, first)]
    assert named == sorted(named, reverse=True)
