"""Attacks with the tokens of proxies, truly signed and not meant like that."""

from __future__ import annotations

import pytest

from muxboard.access.gate import Denied
from muxboard.access.proxied import JwtGate
from tests.access.jwts import claims, token
from tests.access.test_gates import asked, provider

pytestmark = pytest.mark.gen_test


def login(**changes):
    return asked(("Authorization", "Bearer " + token("oauth2-proxy", claims(**changes))))


async def test_a_link_to_one_session_is_no_login_of_whom_it_is_for():
    """A portal that logs people in may make links as well, with the same issuer, audience and key."""
    target = {"host": "web1", "user": "deploy", "session": "api", "mode": "view"}
    with pytest.raises(Denied, match="link"):
        await JwtGate([provider()]).identify(login(jti="1", **target))
