"""The token gate, and sessions of ours: only as good as their end, their signature and what was revoked."""

from __future__ import annotations

import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from muxboard.access.gate import Asked, Denied
from muxboard.access.principal import LINK_GATE, Link
from muxboard.access.session import Sessions
from muxboard.access.token import TokenGate
from muxboard.config.values import Secret
from muxboard.registry.memory import MemoryRegistry

TOKEN = "a token of sixteen characters"
LINK = Link("web1", "deploy", "api", "view")

pytestmark = pytest.mark.gen_test


@pytest.fixture
def gate():
    return TokenGate(Secret(TOKEN), "operator")


@pytest.fixture
def sessions(io_loop):
    sessions = Sessions(MemoryRegistry(), 3600)
    io_loop.run_sync(sessions.ready)
    return sessions


def asked(*values: str, name: str = "Authorization") -> Asked:
    return Asked([(name, value) for value in values], {}, from_proxy=False, request=None)


async def test_the_token_is_a_bearer(gate):
    bearer = await gate.identify(asked(f"Bearer {TOKEN}"))
    assert (bearer.name, bearer.ambient, bearer.login, bearer.gate) == ("operator", False, "", "token")
    assert await gate.identify(asked()) is None


@pytest.mark.parametrize("wrong", ["", TOKEN[:-1], TOKEN + " x", TOKEN.upper(), "é", "\ud800", "x" * 100_000])
async def test_anything_else_is_refused(gate, wrong):
    assert not gate.matches(wrong)
    with pytest.raises(Denied):
        await gate.identify(asked(f"Bearer {wrong}"))


@pytest.mark.parametrize("value", [TOKEN, f"Basic {TOKEN}", f"Token {TOKEN}"])
async def test_another_scheme_is_refused(gate, value):
    with pytest.raises(Denied):
        await gate.identify(asked(value))


async def test_a_header_that_comes_twice_or_beside_its_twin_is_refused(gate):
    with pytest.raises(Denied, match="doubled"):
        await gate.identify(asked(f"Bearer {TOKEN}", f"Bearer {TOKEN}"))
    twin = Asked([("X_Name", "a")], {}, from_proxy=False, request=None)
    with pytest.raises(Denied, match="twin"):
        twin.header("X-Name")


async def test_the_beginning_of_a_long_token_is_not_the_token():
    long = "x" * 5000
    gate = TokenGate(Secret(long), "operator")
    assert [gate.matches(text) for text in (long, long + "y", long[:-1])] == [True, False, False]


@given(st.text(max_size=60))
def test_no_text_is_a_token(text):
    """Whatever is sent, the answer is no, never an exception."""
    assert not TokenGate(Secret(TOKEN), "operator").matches(text)


@pytest.mark.parametrize("link", [None, LINK])
async def test_a_session_says_who_it_is(sessions, link):
    said, principal = sessions.make("ada", LINK_GATE if link else "token", 60, link)
    assert await sessions.resume(said.encode()) == principal
    assert (principal.name, principal.ambient) == ("ada", True)
    assert [opened.link for opened in principal.links] == ([link] if link else [])
    assert 59 < principal.expires_at - time.time() <= 60
    assert sessions.make("ada", "token", 60)[1].login not in {"", principal.login}


async def test_people_who_came_by_links_are_not_each_other(sessions):
    keys = {sessions.make("link", LINK_GATE, 60, LINK)[1].key for _ in range(3)}
    assert len(keys) == 3


async def test_a_revoked_session_is_refused_and_others_are_not(sessions):
    said, principal = sessions.make("ada", "token", 60)
    other, _ = sessions.make("ada", "token", 60)
    await sessions.revoke(principal)
    assert await sessions.resume(said.encode()) is None
    assert await sessions.resume(other.encode())


async def test_who_guesses_tokens_learns_nothing_from_cookies(sessions):
    """The key has nothing to do with the token: no cookie can be made, or tried, from a guess."""
    others = Sessions(MemoryRegistry(), 3600)
    await others.ready()
    assert len(sessions.key) == 32
    assert others.key != sessions.key


@pytest.mark.parametrize(
    "said",
    [
        "",
        "null",
        "[]",
        '{"id":"x"}',
        '{"id":1,"exp":9e9,"name":"a","gate":"token"}',
        '{"id":"x","exp":1,"name":"a","gate":"token"}',
        '{"id":"x","exp":null,"name":"a","gate":"token"}',
        '{"id":"x","exp":9e9,"name":"a","gate":"link","link":{"host":"h"}}',
        "\0",
    ],
)
async def test_what_we_signed_for_something_else_or_long_ago_is_refused(sessions, said):
    assert await sessions.resume(said.encode()) is None


async def test_a_session_that_has_not_ended_is_taken(sessions):
    said = msgspec.json.encode({"id": "x", "exp": time.time() + 60, "name": "ada", "gate": "token"})
    assert (await sessions.resume(said)).login == "x"


@pytest.mark.gen_test
async def test_a_session_is_not_believed_when_the_key_changes_while_it_is_looked_at():
    """As when Redis has lost what it knew: the signature was judged by a key that is void by now."""
    registry = MemoryRegistry()
    sessions = Sessions(registry, 3600)
    await sessions.ready()
    said, _ = sessions.make("ada", "token", 60)
    assert await sessions.resume(said.encode()) is not None

    async def used(_name):
        registry._secrets.clear()
        return False

    registry.used = used
    assert await sessions.resume(said.encode()) is None
