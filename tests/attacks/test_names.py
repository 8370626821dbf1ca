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


@pytest.mark.parametrize("name", ["boss\u00a0", "\u2003boss", "boss ", "boss\n", "\tboss", "boss\u0085"])
async def test_a_space_at_its_end_does_not_make_a_name_another(name):
    assert shown(name) == ""
    found = await says(email=name)
    assert found.name == "subject-1"
    assert (await says(groups=[name, "dev"])).groups == ("dev",)
    if name[0] > "\x7f" or name[-1] > "\x7f":
        with pytest.raises(Denied, match="no name"):
            await HeaderGate(HeaderConfig()).identify(asked(("X-Remote-User", name), from_proxy=True))


@pytest.mark.parametrize(
    "name",
    ["a\u202eb", "a\u200bb", "\ufeffboss", "a\0b", "a\u2028b", "boss\u00ad", "\ud800", "", " ", "x" * 257],
)
async def test_what_cannot_be_seen_is_in_no_name(name):
    assert shown(name) == ""


@pytest.mark.parametrize("name", ["ADA@EXAMPLE.COM", "ada@example.com.evil.org", "ada", "*@example.com x"])
async def test_a_name_that_only_looks_like_one_of_ours_has_nothing(name):
    assert not OURS.allows(await says(email=name), Need.list, "web1", "deploy")


async def test_a_pattern_as_a_name_is_a_text():
    found = await says(email="*")
    only = Grants([Grant(role="admin", principals=["ada", "[a-z]da"])])
    assert found.name == "*"
    assert not only.oversees(found)
