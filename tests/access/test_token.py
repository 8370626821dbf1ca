"""The token gate: who shows the token gets in; a login is only as good as its end and what was revoked."""

from __future__ import annotations

import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muxboard.access.token import TokenGate
from muxboard.config.values import Secret
from muxboard.registry.memory import MemoryRegistry

TOKEN = "a token of sixteen characters"

pytestmark = pytest.mark.gen_test


@pytest.fixture
def gate():
    return TokenGate(Secret(TOKEN), "operator", 3600, MemoryRegistry())


async def test_the_token_is_a_bearer_and_a_login(gate):
    bearer = gate.bearer(TOKEN)
    assert (bearer.name, bearer.ambient, bearer.login) == ("operator", False, "")
    said, principal = gate.login(TOKEN)
    assert principal.ambient
    assert principal == await gate.resume(said.encode())
    assert TOKEN not in said
    assert principal.login not in {"", gate.login(TOKEN)[1].login}


@pytest.mark.parametrize("wrong", ["", TOKEN[:-1], TOKEN + " ", TOKEN.upper(), "é", "\ud800", "x" * 100_000])
async def test_anything_else_is_refused(gate, wrong):
    assert gate.bearer(wrong) is None
    assert gate.login(wrong) is None


async def test_the_beginning_of_a_long_token_is_not_the_token():
    long = "x" * 5000
    gate = TokenGate(Secret(long), "operator", 3600, MemoryRegistry())
    assert gate.bearer(long)
    assert gate.bearer(long + "y") is None
    assert gate.bearer(long[:-1]) is None


async def test_a_logged_out_login_is_refused_and_others_are_not(gate):
    said, principal = gate.login(TOKEN)
    other, _ = gate.login(TOKEN)
    await gate.logout(principal)
    assert await gate.resume(said.encode()) is None
    assert await gate.resume(other.encode())


def test_who_guesses_tokens_learns_nothing_from_cookies(gate):
    """The cookie's key has nothing to do with the token: no cookie can be made, or tried, from a guess."""
    assert TokenGate(Secret(TOKEN), "operator", 3600, MemoryRegistry()).cookie_key != gate.cookie_key


@pytest.mark.parametrize(
    "said",
    [
        "",
        "null",
        "[]",
        '{"id":"x"}',
        '{"id":1,"exp":9e9}',
        '{"id":"x","exp":1}',
        '{"id":"x","exp":null}',
        "\0",
    ],
)
async def test_what_we_signed_for_something_else_or_long_ago_is_refused(gate, said):
    assert await gate.resume(said.encode()) is None


async def test_a_login_that_has_not_ended_is_taken(gate):
    said = msgspec.json.encode({"id": "x", "exp": time.time() + 60})
    assert (await gate.resume(said)).login == "x"


@given(st.text(max_size=60))
def test_no_text_is_a_token(text):
    """Whatever is sent, the answer is no, never an exception."""
    assert TokenGate(Secret(TOKEN), "operator", 3600, MemoryRegistry()).bearer(text) is None
