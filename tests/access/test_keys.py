"""Where keys come from: asked seldom, kept while the source is down, believed never beyond what they are."""

from __future__ import annotations

import asyncio
import json

import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from muxboard.access.jwt import Refused, Rules, Verifier
from muxboard.access.keys import (
    FRESH_S,
    MAX_BYTES,
    UNKNOWN_S,
    AlbKeys,
    JwksKeys,
    KeysUnavailable,
    parse_jwks,
)
from muxboard.config.auth import allowed_url
from tests.access import jwts
from tests.access.jwts import AUDIENCE, ISSUER, KID
from tests.rig.soon import soon

pytestmark = pytest.mark.gen_test
ALGORITHMS = ("RS256", "ES256")


class Source:
    """A server of keys: what it answers, and what it was asked for."""

    def __init__(self) -> None:
        self.body, self.status, self.headers = jwts.jwks(jwts.jwk(jwts.RSA, "RS256")), 200, {}
        self.asked: list[str] = []
        self.hold: asyncio.Event | None = None
        source = self

        class Keys(RequestHandler):
            async def get(self) -> None:
                source.asked.append(self.request.path)
                if source.hold is not None:
                    await source.hold.wait()
                self.set_status(source.status)
                for name, value in source.headers.items():
                    self.set_header(name, value)
                self.write(source.body)

        self._server = HTTPServer(Application([(".*", Keys)], log_function=lambda _: None))
        [socket] = bind_sockets(0, "127.0.0.1")
        self._server.add_sockets([socket])
        self.url = f"http://127.0.0.1:{socket.getsockname()[1]}/keys"

    async def close(self) -> None:
        self._server.stop()
        await self._server.close_all_connections()


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def source(io_loop):
    async def start() -> Source:
        return Source()

    made = io_loop.run_sync(start)
    yield made
    io_loop.run_sync(made.close)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def keys(source, clock, io_loop):
    made = JwksKeys(source.url, ALGORITHMS, clock)
    yield made
    io_loop.run_sync(made.close)


def verifier(keys) -> Verifier:
    return Verifier(Rules(issuer=ISSUER, audience=AUDIENCE, algorithms=ALGORITHMS), keys)


async def test_a_flood_of_unknown_ids_asks_once_in_ten_seconds(source, keys, clock):
    made = verifier(keys)
    await made.verify(jwts.token("generic"))
    clock.now += UNKNOWN_S + 1
    for turn in range(3):
        flood = [made.verify(jwts.token("generic", kid=f"unknown-{n}-{turn}")) for n in range(300)]
        found = await asyncio.gather(*flood, return_exceptions=True)
        assert {type(each) for each in found} == {Refused}
        assert len(source.asked) == 2 + turn
        await made.verify(jwts.token("generic", jwts.claims(sub=f"good-{turn}")))
        clock.now += UNKNOWN_S + 1


async def test_a_cold_start_asks_once_however_many_come(source, keys):
    source.hold = asyncio.Event()
    waiting = [asyncio.ensure_future(keys.find(KID, "RS256")) for _ in range(50)]
    await soon(lambda: source.asked, "the question for keys")
    waiting.pop().cancel()  # whoever goes away takes nothing from the others
    source.hold.set()
    assert all(len(found) == 1 for found in await asyncio.gather(*waiting))
    assert len(source.asked) == 1


async def test_a_new_key_is_found_by_its_id(source, keys, clock):
    assert await keys.find(KID, "RS256")
    source.body = jwts.jwks(jwts.jwk(jwts.EC, "ES256", kid="next"))
    assert await keys.find("next", "ES256") == []  # asked a moment ago
    clock.now += UNKNOWN_S + 1
    assert len(await keys.find("next", "ES256")) == 1
    assert await keys.find(KID, "RS256") == []  # taken back


@pytest.mark.parametrize(
    "answer",
    [
        (500, b"", {}),
        (404, b"", {}),
        (200, b"not json", {}),
        (200, b'{"keys": {}}', {}),
        (200, b'{"keys": []}', {}),
        (200, b"[" * 100_000, {}),
        (200, b"{" + b" " * MAX_BYTES + b"}", {}),
        (302, b"", {"Location": "/elsewhere"}),
        (200, jwts.jwks({"kty": "oct", "k": "c2VjcmV0", "kid": "oct"}), {}),
    ],
    ids=["500", "404", "text", "no list", "empty", "deep", "large", "redirect", "secret"],
)
async def test_the_last_good_keys_are_kept_while_the_source_is_broken(source, keys, clock, answer):
    assert await keys.find(KID, "RS256")
    source.status, source.body, source.headers = answer
    for _ in range(3):
        clock.now += FRESH_S + 1
        assert await keys.find(KID, "RS256")
        assert await keys.find("unknown", "RS256") == []
    assert set(source.asked) == {"/keys"}


async def test_who_has_a_known_key_does_not_wait_for_a_slow_source(source, keys, clock):
    assert await keys.find(KID, "RS256")
    source.hold = asyncio.Event()
    clock.now += FRESH_S + 1
    assert await keys.find(KID, "RS256")
    await soon(lambda: len(source.asked) == 2, "the second question")
    assert await keys.find(KID, "RS256")
    source.hold.set()


async def test_closing_ends_an_asking_without_a_word(source, keys, caplog):
    source.hold = asyncio.Event()
    waiting = asyncio.ensure_future(keys.find(KID, "RS256"))
    await soon(lambda: source.asked, "the question for keys")
    await keys.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    source.hold.set()
    assert not caplog.records


async def test_without_any_key_nothing_can_be_judged(source, keys, clock):
    source.status = 503
    for _ in range(5):
        with pytest.raises(KeysUnavailable):
            await keys.find(KID, "RS256")
    assert len(source.asked) == 1
    source.status = 200
    clock.now += UNKNOWN_S + 1
    assert await keys.find(KID, "RS256")


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://idp.example.com/keys", True),
        ("http://127.0.0.1:9/keys", True),
        ("http://[::1]/keys", True),
        ("http://localhost/keys", True),
        ("http://idp.example.com/keys", False),
        ("http://127.0.0.1.example.com/", False),
        ("http://localhost.example.com/", False),
        ("http://0.0.0.0/", False),
        ("file:///etc/muxboard/jwks.json", False),
        ("FILE:///etc/passwd", False),
        ("data:application/json,{}", False),
        ("ftp://idp.example.com/keys", False),
        ("https://user:secret@idp.example.com/keys", False),
        ("https://", False),
        ("https://[::1", False),
        ("//idp.example.com/keys", False),
        ("/keys", False),
    ],
)
async def test_keys_are_asked_for_by_https_or_on_this_machine(url, allowed):
    assert allowed_url(url) is allowed


async def test_an_address_in_the_token_is_never_asked(source, keys):
    """jku, x5u and a key in the header decide nothing, whoever signed it."""
    other = jwts.jwk(jwts.STRANGER["RS256"], "RS256")
    made = verifier(keys)
    for head in ({"jku": source.url + "/evil"}, {"x5u": source.url + "/evil"}, {"jwk": other}):
        with pytest.raises(Refused, match="signature"):
            await made.verify(jwts.token("generic", key=jwts.STRANGER["RS256"], **head))
        await made.verify(jwts.token("generic", **head))
    assert source.asked == ["/keys"]


async def test_another_issuers_tokens_do_not_make_us_ask(source, keys):
    with pytest.raises(Refused, match="issuer"):
        await verifier(keys).verify(jwts.token("generic", jwts.claims(iss="https://other"), kid="theirs"))
    assert source.asked == []


def test_only_public_signature_keys_count():
    private = json.loads(jwts.jwks(jwts.jwk(jwts.RSA, "RS256")))["keys"][0]
    entries = [
        {**private, "use": "enc"},
        {**private, "alg": "HS256"},
        {**private, "kty": "oct", "k": "c2VjcmV0"},
        {**private, "n": "!"},
        {**private, "kid": 7},
        "text",
        None,
    ]
    assert parse_jwks(json.dumps({"keys": entries}).encode(), ALGORITHMS) == []
    [(kid, algorithm, _)] = parse_jwks(json.dumps({"keys": [*entries, private]}).encode(), ALGORITHMS)
    assert (kid, algorithm) == (KID, "RS256")


# --- AWS: one file for each id


@pytest.fixture
def alb(source, clock, io_loop):
    source.body = jwts.pem(jwts.EC)
    made = AlbKeys(source.url, ("ES256",), clock)
    yield made
    io_loop.run_sync(made.close)


async def test_a_load_balancers_key_is_asked_for_once(source, alb):
    for _ in range(3):
        assert len(await alb.find(KID, "ES256")) == 1
    assert source.asked == [f"/keys/{KID}"]


async def test_a_flood_of_unknown_ids_of_a_load_balancer_asks_once(source, alb, clock):
    assert await alb.find(KID, "ES256")
    source.status = 404
    clock.now += UNKNOWN_S + 1
    ids = [f"{n:08x}-0000-4000-8000-000000000000" for n in range(300)]
    found = await asyncio.gather(*(alb.find(kid, "ES256") for kid in ids))
    assert found == [[]] * 300
    assert len(source.asked) == 2
    assert await alb.find(KID, "ES256")


async def test_a_cold_start_of_a_load_balancers_keys_asks_once(source, alb):
    source.status = 404
    for n in range(50):
        with pytest.raises(KeysUnavailable):
            await alb.find(f"{n:08x}-0000-4000-8000-000000000000", "ES256")
    assert len(source.asked) == 1


@pytest.mark.parametrize("kid", ["", "..", "a/b", "../../etc/passwd", KID + "?x", KID.upper(), f" {KID}"])
async def test_an_id_is_no_path(source, alb, kid):
    assert await alb.find(kid, "ES256") == []
    assert source.asked == []


async def test_keys_are_asked_for_at_the_start(source, keys):
    await verifier(keys).ready()
    assert source.asked == ["/keys"]


async def test_a_source_that_is_down_at_the_start_is_said(source, keys, caplog):
    source.status = 500
    await verifier(keys).ready()
    assert f"keys could not be had from {source.url}: HTTP 500" in caplog.text
