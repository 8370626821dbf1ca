"""Rebound names: a page elsewhere that has its own name point here is its own origin, so only the Host tells
it apart, on every route."""

from __future__ import annotations

import pytest
from tornado.testing import bind_unused_port

from tests.web import bare
from tests.web.everyroute import ENTRIES, MAIN, METRICS_ENTRIES, UPGRADE, Place
from tests.web.harness import LOGIN
from tests.web.world import World, bearer, cookies, login_cookie

pytestmark = pytest.mark.gen_test(timeout=60)

EVIL = "evil.example"


def rebound(port: int) -> list[list[tuple[str, str]]]:
    """What stands where ``Host`` should."""
    good = f"127.0.0.1:{port}"
    hosts = [
        EVIL, f"{EVIL}:{port}", "EVIL.EXAMPLE", f"127.0.0.1.{EVIL}", f"localhost.{EVIL}:{port}",
        "127.0.0.1.", f"127.0.0.1.:{port}", "localhost.", f"LOCALHOST.:{port}", f"x.localhost:{port}",
        f"127.0.0.1@{EVIL}", f"{good}@{EVIL}", f"user@{good}", f"user:pass@{good}", f"{good}#@{EVIL}",
        f"{EVIL}#{good}", f"{good}/", f"http://{good}", f"{good}, {EVIL}", f"{good} {EVIL}", f"{good}:80",
        "127.0.0.2", "127.1", "0", "0.0.0.0", "2130706433", "0x7f000001", "0177.0.0.1", "[::]", "[::1",  # noqa: S104
        "::1", "[::ffff:127.0.0.1]", "[::1]x", "[::1%25lo]", f"{good}x", "127.0.0.1:", ":80", "-", "*", "",
        "ops.example.com.", "x.ops.example.com", "ops.example.comx", f"\u00a0{good}", f"{good}\x0b",
    ]  # fmt: skip
    return [
        [],
        *([("Host", host)] for host in hosts),
        [("Host", good), ("Host", EVIL)],
        [("Host", EVIL), ("Host", good)],
        [("Host", good), ("host", good)],
        [("X-Forwarded-Host", good)],
        [("Host", EVIL), ("X-Forwarded-Host", good)],
        [("Host", EVIL), ("X-Forwarded-Host", "ops.example.com"), ("X-Forwarded-For", "127.0.0.1")],
        [("Host", EVIL), ("Forwarded", f'host="{good}"'), ("X-Host", good), ("X-Original-Host", good)],
        [("Host", EVIL), ("Origin", f"http://{good}"), ("Sec-Fetch-Site", "same-origin")],
        [("Host", EVIL), ("Origin", f"http://{EVIL}")],
    ]


NAMED = '[server]\npublic_url = "https://ops.example.com/"\n'


async def test_no_route_answers_to_a_name_that_is_not_ours(boards):
    world = await World.start(boards, NAMED)
    world.fresh()
    port = world.board.port
    place = Place(terminal=await world.terminal(bearer("boss")), link=await world.link())
    before = await world.state()
    shown = [*bearer("boss"), *(await login_cookie(world))]
    told = [word.encode() for word in (LOGIN, "local", place.terminal, "operator", "boss", "base href", "ok")]
    for entry in MAIN:
        for lines in rebound(port):
            for known in (shown, []) if lines == [("Host", EVIL)] else (shown,):
                sent = [*lines, *known, *(UPGRADE if entry.socket else ())]
                path, body = f"/{entry.at(place)}", entry.said(place)
                answer = await bare.send(port, entry.method, path, sent, body)
                # Tornado itself refuses what is no Host at all.
                assert answer.status in {400, 421}, (entry.name, lines)
                if answer.status == 421 and entry.method != "HEAD":
                    assert answer.code == "host_refused", (entry.name, lines)
                problem = answer.body.replace(b"server.allowed_hosts", b"")
                assert not [word for word in told if word in problem], (entry.name, lines)
                assert "Set-Cookie" not in answer.headers
                assert "Access-Control-Allow-Origin" not in answer.headers
    assert await world.state() == before
    assert (await world.redeem(place.link)).status == 200, "the link was not used up"


async def test_our_own_names_are_answered_to_on_every_route(boards):
    """So that it was the name which was refused above."""
    world = await World.start(boards, NAMED)
    port = world.board.port
    for entry in MAIN:
        for host in (f"127.0.0.1:{port}", f"LocalHost:{port}", "localhost", "[::1]:1", "ops.example.com"):
            answer = await bare.send(
                port, entry.method, f"/{entry.at(Place())}", [("Host", host)], entry.said(Place())
            )
            assert answer.status not in {400, 421}, (entry.name, host)


async def test_an_address_in_the_request_line_changes_nothing(boards):
    """What stands there is a proxy's matter: it opens no route, under any Host."""
    world = await World.start(boards)
    port = world.board.port
    good = f"127.0.0.1:{port}"
    before = await world.state()
    for entry in MAIN:
        for name in (EVIL, good, f"boss@{EVIL}"):
            for host in (EVIL, good):
                target = f"http://{name}/{entry.at(Place())}"
                lines = [("Host", host), *bearer("boss")]
                answer = await bare.send(port, entry.method, target, lines, entry.said(Place()))
                assert answer.status in ({404} if host == good else {421}), (entry.name, target, host)
    assert await world.state() == before


async def test_forwarding_headers_of_anybody_change_nothing(boards):
    """From a peer that is no trusted proxy: not the name, the origin, links or cookies."""
    world = await World.start(boards, '[server]\ntrusted_proxies = ["192.0.2.0/24"]\n')
    board, place = world.board, Place()
    lies = [
        ("X-Forwarded-Host", EVIL), ("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "192.0.2.1"),
        ("X-Real-IP", "192.0.2.1"), ("Forwarded", f"host={EVIL};proto=https;for=192.0.2.1"),
        ("X-Forwarded-Prefix", "/evil"), ("X-Forwarded-Server", EVIL), ("X-Forwarded-Port", "1"),
    ]  # fmt: skip
    login = await login_cookie(world)
    for entry in ENTRIES:
        if not entry.guarded or entry.path.endswith(("redeem", "login", "logout")):
            continue
        upgrade = UPGRADE if entry.socket else ()
        refused = await world.ask(entry, [*login, *upgrade, *lies, ("Origin", f"https://{EVIL}")], place)
        assert (refused.status, refused.code) == (403, "origin_refused"), entry.name
    body = next(entry for entry in ENTRIES if entry.path.endswith("api/v1/links")).said(place)
    made = await bare.ask(board, "POST", "api/v1/links", [*bearer("boss"), *lies], body)
    assert made.json["url"].startswith(f"{board.origin}/open#")
    (entry,) = [entry for entry in ENTRIES if entry.path.endswith("login") and entry.method == "POST"]
    given = await world.ask(entry, lies)
    assert cookies(given)[0][1].startswith(f"muxboard-{board.port}=")
    assert "Secure" not in given.headers["Set-Cookie"]
    await world.ask(entry, lies)
    await bare.ask(board, "GET", "api/v1/me", [("Authorization", "Bearer nonsense"), *lies])
    assert '"client":"192.0.2.1"' not in world.audit.read_text()
    assert '"client":"127.0.0.1"' in world.audit.read_text()


async def test_the_second_listener_serves_health_and_metrics_alone_under_any_name(boards):
    listening, port = bind_unused_port()
    listening.close()
    world = await World.start(boards, f'[server]\nmetrics_bind = "127.0.0.1:{port}"\n')
    for name in ("anything.example", f"127.0.0.1:{port}", "10.0.0.9"):
        for entry in METRICS_ENTRIES:
            assert (await bare.send(port, entry.method, f"/{entry.path}", [("Host", name)])).status == 200
        for entry in ENTRIES:
            lines = [("Host", name), *bearer("boss")]
            answer = await bare.send(port, entry.method, f"/{entry.at(Place())}", lines, entry.said(Place()))
            assert answer.status in {404, 421}, entry.name
    # On the main listener they are not there then.
    for entry in METRICS_ENTRIES:
        answer = await bare.ask(world.board, entry.method, entry.path, bearer("boss"))
        assert answer.status == 404, entry.name
