"""Attacks with names: what somebody may choose for themselves is not somebody else's name."""

from __future__ import annotations

import pytest

from muxboard.access.gate import Denied
from muxboard.access.gates import HeaderGate
from muxboard.access.grants import Grants, Need
from muxboard.access.principal import shown
from muxboard.access.proxied import JwtGate
from muxboard.config.schema import Grant
from muxboard.config.schema_auth import HeaderGate as HeaderConfig
from tests.access.jwts import claims, signed
from tests.access.test_gates import asked, provider

pytestmark = pytest.mark.gen_test
OURS = Grants([Grant(role="operator", principals=["*@example.com"])])


async def says(**changes):
    text = signed("oauth2-proxy", claims(**changes))
    return await JwtGate([provider()]).identify(asked(("Authorization", f"Bearer {text}")))


async def test_an_address_that_was_not_verified_does_not_come_in_as_a_user_name():
    """Whoever registers as ``mallory@example.com``, unverified, may choose the same as a user name."""
    found = await says(email_verified=False, preferred_username="ada@example.com")
    assert found.name == "subject-1"
    assert not OURS.allows(found, Need.view, "web1", "deploy")
