"""Attacks with deep links: more than once, as a login, for somebody else."""

from __future__ import annotations

import math
import time

import jwt
import pytest

from muxboard.access.links import AUDIENCE
from tests.access import jwts
from tests.web.harness import LOGIN

KEY = "a key of at least thirty-two characters"
TOML = '[auth.links]\nsecret_env = "LINK_KEY"\n'

pytestmark = pytest.mark.gen_test


def link(**changes):
    now = int(time.time())
    target = {"host": "local", "user": LOGIN, "session": "one", "mode": "view"}
    return {
        "iss": "muxboard",
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + 60,
        "jti": "one",
        **target,
        **changes,
    }


async def redeem(board, claims):
    token = jwt.encode(claims, KEY, "HS256")
    return await board.call("POST", "api/v1/links/redeem", {"token": token}, token=None)


async def test_a_link_is_not_replayed_while_clocks_are_given_leeway(boards):
    """Its id was forgotten at ``exp``, and it is believed for half a minute longer."""
    board = await boards(TOML, env={"LINK_KEY": KEY})
    ended = link(exp=int(time.time()) - 5)
    assert [(await redeem(board, ended)).status for _ in range(3)] == [200, 401, 401]


@pytest.mark.parametrize(
    "session", ["", "$0", "=one", "o*", "on", "one:0", "one.0", "one ", "ONE", "one\n", "{last}"]
)
async def test_a_link_to_a_name_that_means_more_to_tmux_opens_nothing(boards, session):
    board = await boards(TOML, env={"LINK_KEY": KEY})
    answer = await redeem(board, link(session=session, mode="control"))
    if answer.status == 200:
        bearer = answer.json["session_token"]
        assert (await board.ask("one", token=bearer)).code == "forbidden"
        assert (await board.ask(session, token=bearer)).status in {400, 404}
        hosts = (await board.call("GET", "api/v1/inventory", token=bearer)).json["hosts"]
        assert not [name for host in hosts for user in host["users"] for name in user["sessions"]]


@pytest.mark.parametrize(
    "changes",
    [
        {"user": ["x"]},
        {"mode": ["control"]},
        {"mode": "Control"},
        {"jti": ""},
        {"jti": "x" * 600},
        {"sub": " "},
        {"sub": "a\u202eb"},
        {"aud": ["x"]},
        {"exp": math.inf},
        {"exp": 10**400},
    ],
)
async def test_a_link_of_odd_claims_is_none(boards, changes):
    board = await boards(TOML, env={"LINK_KEY": KEY})
    assert (await redeem(board, link(**changes))).code == "unauthenticated"


async def test_a_link_is_no_bearer_and_no_login(boards):
    board = await boards(TOML, env={"LINK_KEY": KEY})
    token = jwt.encode(link(), KEY, "HS256")
    for bearer in (token, f"mbl.{token}"):
        assert (await board.call("GET", "api/v1/me", token=bearer)).status == 401
    assert (await board.call("POST", "api/v1/login", {"token": token}, token=None)).status == 401


@pytest.mark.parametrize("ttl", ["0s", "-5m", "inf", "nan", "1e9d", "", " ", "10", "1001d"])
async def test_no_link_outlives_the_longest(boards, ttl):
    board = await boards(TOML, env={"LINK_KEY": KEY})
    body = {"host": "local", "user": LOGIN, "session": "one", "mode": "view", "ttl": ttl}
    answer = await board.call("POST", "api/v1/links", body)
    assert answer.status == 400 or answer.json["expires_at"] <= time.time() + 86400


async def test_another_issuer_neither_uses_up_our_ids_nor_makes_our_links(boards, tmp_path):
    (tmp_path / "portal.pem").write_bytes(jwts.pem(jwts.EC))
    issuer = '[[auth.links.issuers]]\nissuer = "https://portal.example"\nhosts = ["web*"]\n'
    issuer += f'algorithms = ["ES256"]\npublic_key_file = "{tmp_path / "portal.pem"}"\n'
    hosts = "".join(f'[[hosts]]\nkey = "{key}"\nlocal = true\n' for key in ("local", "web1"))
    board = await boards(TOML + issuer + hosts, env={"LINK_KEY": KEY})

    async def by_portal(**changes):
        said = link(**{"iss": "https://portal.example", "aud": "muxboard", "host": "web1", **changes})
        token = jwt.encode(said, jwts.EC, "ES256")
        return (await board.call("POST", "api/v1/links/redeem", {"token": token}, token=None)).status

    assert [await by_portal(), await by_portal()] == [200, 401]
    assert (await redeem(board, link())).status == 200  # the same jti
    assert await by_portal(jti="2", host="local") == 404
    assert await by_portal(jti="3", iss="muxboard") == 401
    assert await by_portal(jti="4", iss="muxboard", aud=AUDIENCE) == 401
    assert await by_portal(jti="6", aud=AUDIENCE) == 401
    theirs = link(iss="https://portal.example", aud="muxboard", jti="7")
    assert (await redeem(board, theirs)).status == 401  # by our own key
