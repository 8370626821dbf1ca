"""The gates: who is let in, as whom, and everything that is not."""

from __future__ import annotations

import asyncio
import time

import pytest
from itsdangerous import URLSafeTimedSerializer

from muxboard.access.gate import Asked, Denied, Unavailable
from muxboard.access.gates import CallableGate, CookieGate, HeaderGate, NoGate, load_callable
from muxboard.access.jwt import Refused, Rules, Verifier
from muxboard.access.keys import FixedKeys, KeysUnavailable, parse_jwks
from muxboard.access.principal import Principal, shown
from muxboard.access.profiles import PROFILES
from muxboard.access.proxied import JwtGate, Provider, groups, principal
from muxboard.config.schema_auth import CookieGate as CookieConfig
from muxboard.config.schema_auth import HeaderGate as HeaderConfig
from muxboard.config.values import Duration, Secret
from tests.access import jwts
from tests.access.jwts import AUDIENCE, ISSUER, claims, token

pytestmark = pytest.mark.gen_test
KEY = "the key of another application"


def asked(*headers: tuple[str, str], cookies=None, from_proxy: bool = False) -> Asked:
    return Asked(list(headers), cookies or {}, from_proxy, request="the request")


def provider(profile: str = "oauth2-proxy", keys=None, **changes) -> Provider:
    usual = PROFILES[profile]._replace(**changes)
    fixed = FixedKeys(
        parse_jwks(jwts.jwks(jwts.jwk(jwts.RSA, "RS256"), jwts.jwk(jwts.EC, "ES256")), usual.algorithms)
    )
    return Provider(usual, Verifier(Rules(ISSUER, AUDIENCE, usual.algorithms), keys or fixed))


async def test_a_proxys_token_becomes_a_principal():
    gate = JwtGate([provider()])
    found = await gate.identify(asked(("Authorization", "Bearer " + token("oauth2-proxy"))))
    assert (found.name, found.groups, found.gate, found.ambient) == (
        "ada@example.com", ("sre", "dev"), "jwt", True,
    )  # fmt: skip
    assert abs(found.expires_at - time.time() - 300) < 5
    assert found.key == f"jwt:{ISSUER}\nsubject-1"


async def test_namesakes_are_not_each_other():
    gate = JwtGate([provider()])
    keys = set()
    for subject in ("one", "two"):
        text = token("oauth2-proxy", claims(sub=subject))
        keys.add((await gate.identify(asked(("authorization", f"bearer {text}")))).key)
    assert len(keys) == 2


@pytest.mark.parametrize("verified", [False, "false", "True", 0, 1, None, [], {}])
async def test_an_address_that_was_not_verified_is_no_name(verified):
    # Nor is one that somebody may have chosen for themselves.
    said = claims(email_verified=verified, preferred_username="boss@example.com")
    if verified is None:
        said["email_verified"] = None
    found = await JwtGate([provider()]).identify(
        asked(("Authorization", "Bearer " + jwts.signed("oauth2-proxy", said)))
    )
    assert found.name == "subject-1"


@pytest.mark.parametrize("verified", [True, "true"])
async def test_an_address_that_was_verified_is_a_name(verified):
    text = token("oauth2-proxy", claims(email_verified=verified))
    assert (await JwtGate([provider()]).identify(asked(("Authorization", f"Bearer {text}")))).name == (
        "ada@example.com"
    )


async def test_of_two_proxies_the_one_that_vouches_counts():
    gate = JwtGate([provider("pomerium"), provider("cloudflare-access")])
    good = ("Cf-Access-Jwt-Assertion", token("cloudflare-access"))
    assert (await gate.identify(asked(good))).name == "ada@example.com"
    assert (await gate.identify(asked(("X-Pomerium-Jwt-Assertion", "nonsense"), good))).name
    with pytest.raises(Denied, match="malformed"):
        await gate.identify(asked(("X-Pomerium-Jwt-Assertion", "nonsense")))


@pytest.mark.parametrize(
    "headers",
    [
        [("X-Forwarded-Access-Token", "T")],
        [("X-Auth-Request-Email", "admin@example.com")],
        [("X-Forwarded-User", "admin")],
        [("X-Pomerium-Claim-Email", "admin@example.com")],
        [("Cookie", "_oauth2_proxy=T")],
    ],
)
async def test_no_other_header_says_anything(headers):
    headers = [(name, value.replace("T", token("oauth2-proxy"))) for name, value in headers]
    assert await JwtGate([provider()]).identify(asked(*headers)) is None


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ([("Authorization", "Bearer T"), ("Authorization", "Bearer T")], "doubled header"),
        ([("Authorization", "Bearer T"), ("authorization", "Bearer x")], "doubled header"),
        ([("Authorization", "Bearer T, Bearer T")], "malformed"),
        ([("Authorization", "Basic T")], "not a bearer"),
        ([("Authorization", "")], "not a bearer"),
    ],
)
async def test_what_is_smuggled_is_refused(headers, why):
    headers = [(name, value.replace("T", token("oauth2-proxy"))) for name, value in headers]
    with pytest.raises(Denied, match=why):
        await JwtGate([provider()]).identify(asked(*headers))


@pytest.mark.parametrize("twin", ["Cf_Access_Jwt_Assertion", "CF_ACCESS-JWT_ASSERTION"])
async def test_an_underscore_twin_is_refused_beside_the_header_and_alone(twin):
    gate = JwtGate([provider("cloudflare-access")])
    good = ("Cf-Access-Jwt-Assertion", token("cloudflare-access"))
    for headers in ([(twin, "x"), good], [good, (twin, "x")], [(twin, good[1])]):
        with pytest.raises(Denied):
            await gate.identify(asked(*headers))


async def test_without_keys_nobody_is_let_in_and_nobody_is_blamed():
    class NoKeys:
        async def find(self, kid, algorithm):
            raise KeysUnavailable

    with pytest.raises(Unavailable):
        await JwtGate([provider(keys=NoKeys())]).identify(
            asked(("Authorization", "Bearer " + token("oauth2-proxy")))
        )


@pytest.mark.parametrize(
    ("value", "separator", "expected"),
    [
        (["a", "b", "a"], "", ("a", "b")),
        ("a|b", "|", ("a", "b")),
        ("a|b", "", ("a|b",)),
        (["a", 1, None, {"b": 1}, "x" * 300, "a\nb", ""], "", ("a",)),
        (None, "", ()),
        ({"a": 1}, "", ()),
        (7, "", ()),
    ],
)
def test_groups_are_texts(value, separator, expected):
    assert groups(value, separator) == expected


async def test_a_header_is_believed_from_a_trusted_proxy_alone():
    gate = HeaderGate(HeaderConfig(groups_header="X-Groups"))
    lines = ("X-Remote-User", "ada"), ("X-Groups", "sre, dev")
    found = await gate.identify(asked(*lines, from_proxy=True))
    assert (found.name, found.groups, found.ambient) == ("ada", ("sre", "dev"), True)
    for wrong in (
        asked(*lines),
        asked(("X-Remote-User", ""), from_proxy=True),
        asked(("X-Remote-User", "a\tb"), from_proxy=True),
        asked(("X-Remote-User", "ada, root"), from_proxy=True),
        asked(("X-Groups", "sre"), from_proxy=True),
        asked(("X-Remote-User", "ada"), ("X_Remote_User", "root"), from_proxy=True),
        asked(("X-Remote-User", "ada"), ("X-Remote-User", "root"), from_proxy=True),
    ):
        with pytest.raises(Denied):
            await gate.identify(wrong)
    assert await gate.identify(asked(from_proxy=True)) is None


@pytest.mark.parametrize("name", [" root", "root ", "\u00a0root", "root\u2003", "\x0broot", "root\u0085"])
async def test_space_around_a_name_does_not_make_it_another_ones(name):
    """Who may choose a name elsewhere must not become somebody else here."""
    assert shown(name) == ""
    with pytest.raises(Refused, match="no name"):
        principal(claims(email=name, sub=name), provider())
    assert groups([name, "dev"]) == ("dev",)
    if name != name.strip(" "):
        return  # a header's own space is HTTP's
    with pytest.raises(Denied):
        await HeaderGate(HeaderConfig()).identify(asked(("X-Remote-User", name), from_proxy=True))


@pytest.mark.parametrize("said", ["ada", {"name": "ada", "groups": ["sre"]}, {"user": "ada"}, {"sub": "ada"}])
async def test_another_applications_cookie_is_believed(said):
    gate = CookieGate(CookieConfig(name="login", salt="s"), Secret(KEY))
    value = URLSafeTimedSerializer(KEY, salt="s").dumps(said)
    found = await gate.identify(asked(cookies={"login": value}))
    assert (found.name, found.gate) == ("ada", "cookie")
    assert abs(found.expires_at - time.time() - 43200) < 5
    assert await gate.identify(asked(cookies={"other": value})) is None


async def test_a_cookie_of_somebody_else_or_of_long_ago_is_not(monkeypatch):
    good = URLSafeTimedSerializer(KEY, salt="s").dumps("ada")
    old = CookieGate(CookieConfig(name="login", salt="s", max_age=Duration(1.0)), Secret(KEY))
    for value in (
        URLSafeTimedSerializer("another key", salt="s").dumps("ada"),
        URLSafeTimedSerializer(KEY, salt="another").dumps("ada"),
        URLSafeTimedSerializer(KEY, salt="s").dumps(["ada"]),
        URLSafeTimedSerializer(KEY, salt="s").dumps({"groups": ["sre"]}),
        good[:-1],
        good + "x",
        "",
    ):
        with pytest.raises(Denied):
            await old.identify(asked(cookies={"login": value}))
    with monkeypatch.context() as patch:
        later = time.time() + 3
        patch.setattr(time, "time", lambda: later)
        with pytest.raises(Denied, match="expired"):
            await old.identify(asked(cookies={"login": good}))


async def test_nobody_has_to_log_in_where_that_is_what_is_wanted():
    assert (await NoGate().identify(asked())).name == "anybody"


async def hangs(request):
    await asyncio.sleep(60)


def raises(request):
    raise RuntimeError(request)


@pytest.mark.parametrize("authorize", [raises, lambda request: "ada", lambda request: True, hangs])
async def test_a_callable_that_fails_lets_nobody_in(authorize, monkeypatch):
    monkeypatch.setattr("muxboard.access.gates.CALL_S", 0.05)
    with pytest.raises(Denied):
        await CallableGate(authorize).identify(asked())


async def test_a_callable_says_who_it_is():
    ada = Principal("ada", "callable", expires_at=time.time() + 60)

    async def later(request):
        assert request == "the request"
        return ada

    assert await CallableGate(lambda request: ada).identify(asked()) == ada
    assert await CallableGate(later).identify(asked()) == ada
    assert await CallableGate(lambda request: None).identify(asked()) is None


@pytest.mark.parametrize("name", ["no.such:thing", "os:nothing", "os:sep"])
def test_a_callable_that_is_not_there_is_said(name):
    with pytest.raises(ValueError, match=r"cannot be imported|is not callable"):
        load_callable(name)


async def test_what_says_nothing_of_its_end_holds_for_a_quarter_of_an_hour():
    header = asked(("X-Remote-User", "ada"), from_proxy=True)
    for gate, told in (
        (HeaderGate(HeaderConfig()), header),
        (CallableGate(lambda request: Principal("ada")), asked()),
    ):
        found = await gate.identify(told)
        assert 890 < found.expires_at - time.time() <= 900
        later = await gate.identify(told)
        assert later.fresher_than(found)
