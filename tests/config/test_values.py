"""Durations, sizes, rates and addresses: what is printed is read back as the same value."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from muxboard.config.schema import Config
from muxboard.config.values import Bind, Duration, Rate, Secret, Size

numbers = st.integers(0, 10**12)
fractions = st.decimals(0, 10**9, places=6).map("{:f}".format)
durations = st.tuples(numbers.map(str) | fractions, st.sampled_from(["ms", "s", "m", "h", "d", " s"])).map(
    "".join
)
sizes = st.tuples(numbers.map(str), st.sampled_from(["", "B", "KiB", "MiB", "GiB", " MiB"])).map("".join)
rates = st.tuples(st.integers(1, 10**9), st.sampled_from(["/second", "/minute", " / hour", "/day"])).map(
    lambda made: f"{made[0]}{made[1]}"
)
ports = st.integers(0, 65535)
binds = (
    st.tuples(st.ip_addresses(v=4) | st.just("localhost"), ports).map(lambda at: f"{at[0]}:{at[1]}")
    | st.tuples(st.ip_addresses(v=6), ports).map(lambda at: f"[{at[0]}]:{at[1]}")
    | st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1).map("unix:/run/{}".format)
)
written = st.one_of(
    st.tuples(st.just(Duration), durations | st.just("")),
    st.tuples(st.just(Size), sizes),
    st.tuples(st.just(Rate), rates),
    st.tuples(st.just(Bind), binds),
)


def facts(value):
    match value:
        case Rate():
            return value.count, value.seconds
        case Bind():
            return value.host, value.port, value.path
    return value


@given(written)
@example((Duration, "0.00001ms"))
@example((Duration, "90061.5s"))
@example((Duration, "1.2345678s"))
@example((Bind, "unix:/run/muxboard/http.sock"))
def test_what_is_printed_is_read_back(kind_and_text):
    kind, text = kind_and_text
    value = kind.parse(text)
    assert facts(kind.parse(str(value))) == facts(value)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("250ms", 0.25), ("60s", 60), ("10m", 600), ("6h", 21600), ("1d", 86400), ("", math.inf)],
)
def test_durations_have_units(text, seconds):
    assert Duration.parse(text) == seconds
    assert str(Duration.parse(text)) == {"60s": "1m"}.get(text, text)


@pytest.mark.parametrize("kind", [Duration, Size, Rate, Bind])
@given(
    text=st.text() | st.tuples(durations | sizes | rates | binds, st.sampled_from("\n\t\0x-")).map("".join)
)
@example(text="9" * 5000 + "MiB")
@example(text="60s\n")
@example(text="0/minute")
@example(text="127.0.0.1:65536")
@example(text="[::1")
def test_anything_else_is_a_value_error(kind, text):
    try:
        value = kind.parse(text)
    except ValueError:
        return
    assert not text.endswith("\n") or (kind is Bind and value.path), "a trailing newline is a typing error"
    assert isinstance(str(value), str)


@pytest.mark.parametrize(
    ("text", "loopback", "url_host"),
    [
        ("127.0.0.1:1", True, "127.0.0.1"),
        ("127.9.9.9:1", True, "127.9.9.9"),
        ("localhost:1", True, "localhost"),
        ("[::1]:1", True, "[::1]"),
        ("0.0.0.0:1", False, "127.0.0.1"),
        ("[::]:1", False, "[::1]"),
        ("192.0.2.1:1", False, "192.0.2.1"),
    ],
)
def test_an_address_knows_whether_only_this_machine_reaches_it(text, loopback, url_host):
    """A wildcard is not loopback, but is reached by it."""
    bind = Bind.parse(text)
    assert (bind.loopback, bind.url_host) == (loopback, url_host)


def test_a_secret_is_stars_wherever_it_is_printed():
    secret = Secret("correct horse")
    assert "correct" not in f"{secret} {secret!r} {[secret]}"
    assert secret.reveal() == "correct horse"


@pytest.mark.parametrize("section", Config.__struct_fields__)
def test_the_same_section_twice_is_the_same(section):
    """A reload compares them to say what it does not apply."""
    assert getattr(Config(), section) == getattr(Config(), section)


def test_other_values_are_others():
    assert Rate.parse("1/minute") != Rate.parse("2/minute") != Rate.parse("2/hour")
    assert len({Rate.parse("1/minute"), Rate.parse("1/minute")}) == 1
    assert len({Bind.parse("[::1]:1"), Bind.parse("[::1]:1")}) == 1
    assert Bind.parse("127.0.0.1:1") != Bind.parse("127.0.0.1:2") != Bind.parse("unix:/a/b")
