"""Attacks with deep links: more than once, as a login, for somebody else."""

from __future__ import annotations

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
