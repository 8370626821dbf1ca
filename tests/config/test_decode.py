"""Untrusted trees into structs: never an exception, always every error, each with its path."""

from __future__ import annotations

import datetime as dt
import re
import typing

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from muxboard.config.decode import _bare, decode
from muxboard.config.schema import Config

PATH = re.compile(r'([A-Za-z0-9_-]+|"[^\n]*")(\[\d+\])*(\.([A-Za-z0-9_-]+|"[^\n]*")(\[\d+\])*)*')


def _tables(kind=Config):
    for field in msgspec.structs.fields(kind):
        yield field.name
        inner = typing.get_args(field.type)[0] if typing.get_origin(field.type) is list else field.type
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            yield from _tables(inner)


keys = st.sampled_from(sorted(set(_tables()))) | st.text(max_size=8)
plausible = st.sampled_from(
    ["", "60s", "4MiB", "20/minute", "127.0.0.1:1", "local", "token", "admin", "/a", "a\n", "\0"]
)
leaves = (
    st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | plausible
    | st.sampled_from([dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.date(2026, 1, 1), dt.time(1)])
)
trees = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(keys, trees, max_size=6))
def test_any_tree_is_a_configuration_or_a_list_of_errors_with_paths(tree):
    errors: list[tuple[str, str]] = []
    config = decode(Config, tree, "", errors)
    assert (config is None) == bool(errors)
    for path, reason in errors:
        assert PATH.fullmatch(path), path
        assert reason
        assert reason.isprintable()


def _strings(kind=Config, above=()):
    """The path of every field that takes text or a list of texts."""
    for field in msgspec.structs.fields(kind):
        here, inner = (*above, field.name), _bare(field.type)[0]
        if typing.get_origin(inner) is list:
            here, inner = (*here, 0), _bare(typing.get_args(inner)[0])[0]
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            yield from _strings(inner, here)
        elif inner not in {bool, int}:
            yield here


def _tree(path, value):
    for step in reversed(path):
        value = [value] if step == 0 else {step: value}
    return value


def _written(path):
    return "".join(f"[{step}]" if step == 0 else f".{step}" for step in path).removeprefix(".")


STRINGS = list(_strings())


@given(
    st.sampled_from(STRINGS),
    st.sampled_from(["\n", "\t", "\x1b", "\0", "\x7f", "\r"]),
    st.sampled_from(["{}x", "x{}", "60s{}", "web1{}", "/{}", "token{}"]),
)
def test_control_characters_are_refused_in_every_field(path, character, shape):
    """Also a trailing newline, which ``$`` in a pattern would let through."""
    errors: list[tuple[str, str]] = []
    assert decode(Config, _tree(path, shape.format(character)), "", errors) is None
    assert (_written(path), "must not contain control characters") in errors


def test_the_walk_over_the_fields_sees_them_all():
    assert {_written(path) for path in STRINGS} >= {
        "server.bind",
        "server.trusted_proxies[0]",
        "auth.token.name",
        "grants[0].create_users[0]",
        "hosts[0].session_order[0]",
        "limits.requests",
    }


def test_every_error_is_told_at_once():
    tree = {
        "server": {"bind": 1, "bnid": "", "base_path": "x"},
        "hosts": [{"key": "a b", "local": True}, {"local": 1, "port": 0, "tmux_users": ["root", "-x"]}],
        "limits": {"lifetime": 60, "output_queue": "4MB", "attaches_global": 0},
        "audit": [],
        "grants": {"role": "admin"},
    }
    errors: list[tuple[str, str]] = []
    assert decode(Config, tree, "", errors) is None
    assert sorted(errors) == [
        ("audit", "must be a table"),
        ("grants", "must be a list"),
        ("hosts[0].key", "must be 1 to 64 letters, digits, _ or -"),
        ("hosts[1].key", "is required"),
        ("hosts[1].local", "must be true or false"),
        ("hosts[1].port", "must be 1 to 65535"),
        ("hosts[1].tmux_users[1]", "must be the name of a Unix user, such as deploy"),
        ("limits.attaches_global", "must be 1 to 100000"),
        ("limits.lifetime", 'must be a duration with a unit, such as "250ms", "60s", "10m", "6h" or "1d"'),
        ("limits.output_queue", 'must be a size with a unit, such as "512KiB" or "4MiB"'),
        ("server.base_path", 'must begin and end with "/"'),
        ("server.bind", 'must be "ADDRESS:PORT", "[IPV6]:PORT" or "unix:/ABSOLUTE/PATH"'),
        ("server.bnid", "unknown key; did you mean bind?"),
    ]
