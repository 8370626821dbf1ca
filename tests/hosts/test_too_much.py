"""What a host or a tmux server prints to keep the service busy: it is refused before it is worked through."""

from __future__ import annotations

import time

import pytest

from muxboard.hosts import tmux
from muxboard.hosts.ssh.script import Reader

MARK = "0123456789abcdef"
DEPLOY = tmux.Target("deploy", sudo=True)
AT_ONCE_S = 1.0  # of this process, however busy the machine is


@pytest.fixture(autouse=True)
def quick():
    began = time.process_time()
    yield
    assert time.process_time() - began < AT_ONCE_S


def test_an_endless_line_of_what_tmux_says_of_a_missing_socket():
    said = "error connecting to " * (1 << 18)
    assert tmux.classify(DEPLOY, "ops", said).state == "error"
    assert tmux.failed(DEPLOY, "ops", said).code.name == "host_error"


def test_the_last_words_of_many_still_count():
    said = "noise\n" * 10_000 + "sudo: a password is required\n"
    assert tmux.classify(DEPLOY, "ops", said).state == "sudo_refused"


def test_more_sessions_than_anybody_has():
    def listing(count):
        return "".join(f"{MARK}S${n}\t1\t1\t1\t0\tn{n}\n" for n in range(count)).encode()

    assert len(tmux.parse_listing(listing(tmux.MAX_SESSIONS), MARK)) == tmux.MAX_SESSIONS
    with pytest.raises(ValueError, match="more than 5000 sessions"):
        tmux.parse_listing(listing(tmux.MAX_SESSIONS + 1), MARK)
    with pytest.raises(ValueError, match="too long"):
        tmux.parse_listing(f"{MARK}P$1\t1\t1\t1".encode() * 400_000, MARK)
    with pytest.raises(ValueError, match="too long"):
        tmux.parse_listing(b"x" * (16 << 20), MARK)


def test_names_in_endless_number():
    assert len(tmux.parse_names(b"".join(b"$%d\t%d\n" % (n, n) for n in range(500_000)))) == 5000


@pytest.mark.parametrize("session", ["", "1", "$", "$1'", "-t", "$1;", "$" + "1" * 21, "=x"])
def test_an_id_that_is_none_is_nobodys(session):
    assert tmux.parse_names(f"{session}\tapi\n$2\tweb\n".encode()) == {"web": "$2"}


@pytest.mark.parametrize("stream", ["out", "err"])
def test_more_ends_than_commands(stream):
    """The host has read the mark, and prints the end of a command again and again, byte by byte at last."""
    reader = Reader([["tmux"], ["tmux"]], MARK)
    many = f"{MARK}e1.".encode() * 200_000
    for data in (many, *[b"x"] * 1000):
        reader.feed(*((data, b"") if stream == "out" else (b"", data)))
    assert reader.ended <= 2
    assert len(reader.results()) == 2
