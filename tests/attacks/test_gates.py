"""Attacks on the gates that believe another application: its cookie, its function, its header."""

from __future__ import annotations

import math
import time

import pytest
from itsdangerous import URLSafeTimedSerializer

from muxboard.access.gate import Denied
from muxboard.access.gates import CallableGate, CookieGate
from muxboard.access.principal import Link, Opened, Principal
from muxboard.config.schema_auth import CookieGate as CookieConfig
from muxboard.config.values import Secret
from tests.access.test_gates import asked

pytestmark = pytest.mark.gen_test
KEY = "the key of another application"


def cookie_gate() -> CookieGate:
    return CookieGate(CookieConfig(name="login", salt="s"), Secret(KEY))


def signed_text(text: str) -> str:
    return URLSafeTimedSerializer(KEY, salt="s").make_signer("s").sign(text).decode()


@pytest.mark.parametrize("text", ["not JSON", ".eJx", "W1tb", "", "Ilx1ZDgwMCI", "TmFO", "e30", "bnVsbA"])
async def test_a_cookie_that_was_signed_over_anything_else_is_refused(text):
    """The application may sign other things by the same key and salt: each is a refusal, not an accident."""
    with pytest.raises(Denied):
        await cookie_gate().identify(asked(cookies={"login": signed_text(text)}))


@pytest.mark.parametrize("name", ["", " ", None, 7, "boss ", "a\nb", "a\u202eb", "x" * 257])
async def test_a_function_that_hands_on_a_header_unseen_lets_no_odd_name_in(name):
    """``Principal(request.headers.get("X-User", ""))`` without that header is nobody, also for ``*``."""
    with pytest.raises(Denied, match="no name"):
        await CallableGate(lambda request: Principal(name)).identify(asked())


@pytest.mark.parametrize(
    "ended",
    [lambda: 0.0, lambda: -math.inf, lambda: math.nan, lambda: time.time() - 1],
    ids=["1970", "never", "nan", "a second ago"],
)
async def test_a_function_that_knows_when_a_login_ended_lets_it_in_no_more(ended):
    expires_at = ended()
    with pytest.raises(Denied, match="expired"):
        await CallableGate(lambda request: Principal("ada", expires_at=expires_at)).identify(asked())


async def test_a_function_gives_no_links_and_no_other_gates_rights():
    opened = Opened("id", Link("h", "u", "s", "control"), time.time() + 60)
    for gate in ("token", "none", "cookie", "local", "link"):
        claimed = Principal("ada", gate=gate, login="somebody's", links=(opened,), via="id")
        found = await CallableGate(lambda request, claimed=claimed: claimed).identify(asked())
        assert (found.gate, found.login, found.links, found.via) == ("callable", "", (), "")
