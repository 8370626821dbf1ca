"""Attacks on the gates that believe another application: its cookie, its function, its header."""

from __future__ import annotations


import pytest
from itsdangerous import URLSafeTimedSerializer

from muxboard.access.gate import Denied
from muxboard.access.gates import CookieGate
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
