"""Pages elsewhere: with a credential that the browser sends by itself, nothing is changed and nothing is
streamed for them; a page of ours may."""

from __future__ import annotations

import itsdangerous
import pytest

from muxboard.web.handler import Access
from tests.access import jwts
from tests.web import bare
from tests.web.everyroute import MAIN, ROLES, UNKNOWN, UPGRADE, Entry, Place, grant
from tests.web.harness import LOGIN
from tests.web.world import PEOPLE, World, bearer, login_cookie

pytestmark = pytest.mark.gen_test(timeout=60)

OTHER_APP = "the key of another application"
PROXIED = '[server]\ntrusted_proxies = ["127.0.0.1/32"]\n'
JWT = """[auth]
gate = "jwt"
[[auth.jwt]]
profile = "{profile}"
issuer = "{issuer}"
audience = "{audience}"
jwks_file = "{keys}"
name_claim = "sub"
"""


def by_jwt(profile: str, header: str, scheme: str = ""):
    """The server's configuration and the credential's line, for a proxy that sends a JWT."""

    def settings(folder) -> str:
        keys = folder / "keys.json"
        keys.write_bytes(jwts.jwks(jwts.jwk(jwts.OWN["RS256"], "RS256")))
        facts = {"profile": profile, "issuer": jwts.ISSUER, "audience": jwts.AUDIENCE, "keys": keys}
        return "[server]\n" + JWT.format(**facts)

    async def credential(_world):
        return [(header, scheme + jwts.token(profile, jwts.claims(sub="operator")))]

    return settings, credential


def by_header():
    async def credential(_world):
        return [("X-Remote-User", "operator")]

    return lambda _: PROXIED + '[auth]\ngate = "header"\n', credential


def by_other_application():
    async def credential(_world):
        signer = itsdangerous.URLSafeTimedSerializer(OTHER_APP, salt="itsdangerous.Signer")
        return [("Cookie", f"session={signer.dumps('operator')}")]

    return lambda _: '[server]\n[auth]\ngate = "cookie"\n[auth.cookie]\nsecret_env = "APP_KEY"\n', credential


def by_nothing():
    async def credential(_world):
        return []

    return lambda _: '[server]\n[auth]\ngate = "none"\n', credential


# How a browser comes to a credential that it sends by itself.
AMBIENT = {
    "login": (lambda _: "", login_cookie),
    "link": (lambda _: "", lambda world: world.link_cookie("control")),
    "header": by_header(),
    "jwt": by_jwt("cloudflare-access", "Cf-Access-Jwt-Assertion"),
    "jwt in Authorization": by_jwt("oauth2-proxy", "Authorization", "Bearer "),
    "cookie": by_other_application(),
    "none": by_nothing(),
}


def strangers(board) -> list[list[tuple[str, str]]]:
    """What comes along when the page is not ours, or does not say whose it is."""
    ours, port = board.origin, board.port
    origins = [
        "https://evil.example", "null", "", "file://", "http://", "*",
        ours.replace("http:", "https:"), ours.replace("http:", "ws:"), f"{ours}.evil.example",
        f"{ours}@evil.example", f"http://evil.example#{ours}", f"{ours}/", f"{ours}/x", f"{ours}0", ours[:-1],
        f"http://evil127.0.0.1:{port}", "http://127.0.0.1", f"http://127.0.0.1:{port + 1}",
        f"http://127.0.0.1.:{port}", f"http://localhost:{port}", f"http://[::1]:{port}",
        f"http://user@127.0.0.1:{port}", f"//127.0.0.1:{port}", f"127.0.0.1:{port}",
        f"{ours} https://evil.example", f"{ours}, {ours}", f"{ours}\x00", f"\u00a0{ours}",
        "https://allowed.example.evil.example", "https://x.allowed.example", "http://allowed.example",
        "https://allowed.example:444", "https://notallowed.example", "https://allowed.exampl",
    ]  # fmt: skip
    return [
        [],
        *([("Origin", origin)] for origin in origins),
        [("Origin", ours), ("Origin", ours)],
        [("Origin", ours), ("Origin", "https://evil.example")],
        [("Origin", "https://evil.example"), ("origin", ours)],
        [("Origin", "https://evil.example"), ("Sec-Fetch-Site", "same-origin")],
        [("Origin", "null"), ("Sec-Fetch-Site", "same-origin")],
        [("Sec-Fetch-Site", "cross-site")],
        [("Sec-Fetch-Site", "same-site")],
        [("Sec-Fetch-Site", "none")],
        [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "same-origin")],
        [("Sec-Fetch-Site", "same-origin, cross-site")],
        [("Referer", f"{ours}/"), ("X-Requested-With", "XMLHttpRequest")],
        [("X-Forwarded-Host", "localhost"), ("Origin", "http://evil.example")],
        [("X-Origin", ours), ("Access-Control-Request-Method", "POST")],
    ]


def own(board) -> list[list[tuple[str, str]]]:
    return [
        [("Origin", board.origin)],
        [("Sec-Fetch-Site", "same-origin")],
        [("Origin", "https://allowed.example"), ("Sec-Fetch-Site", "cross-site")],
        [("Origin", "HTTPS://Allowed.Example")],
    ]


async def begin(boards, way: str):
    """A world where somebody has come by that way, and what their browser sends by itself."""
    settings, credential = AMBIENT[way]
    machine = boards.machine()
    toml = settings(machine.folder) or "[server]\n"
    toml = toml.replace("[server]\n", '[server]\nallowed_origins = ["https://allowed.example"]\n')
    open_to_all = grant("anybody", "operator") if way == "none" else ""
    world = await World.start(
        boards, toml, people=PEOPLE + open_to_all, machine=machine, env={"APP_KEY": OTHER_APP}
    )
    return world, await credential(world)


def guarded(entries) -> list[Entry]:
    return [entry for entry in entries if entry.guarded and entry.access is not Access.public]


@pytest.mark.parametrize("way", AMBIENT)
async def test_a_page_elsewhere_changes_nothing_and_streams_nothing(boards, way):
    world, shown = await begin(boards, way)
    world.fresh()
    place = Place(terminal=await world.terminal([*shown, ("Origin", world.board.origin)]))
    before = await world.state()
    for entry in guarded(MAIN):
        for lines in strangers(world.board):
            upgrade = UPGRADE if entry.socket else ()
            answer = await world.ask(entry, [*shown, *upgrade, *lines], place)
            # Tornado itself refuses a header with a control character.
            assert (answer.status, bare.code(answer)) == (403, "origin_refused") or (
                answer.status == 400 and "\x00" in str(lines[0][1])
            ), (entry.name, lines)
    assert await world.state() == before


@pytest.mark.parametrize("way", AMBIENT)
async def test_a_page_of_ours_is_let_act_and_stream(boards, way):
    """Everything that was refused above, so that it was the origin which refused it."""
    world, shown = await begin(boards, way)
    may = ROLES["link-control" if way == "link" else "operator"]
    for lines in own(world.board):
        for entry in guarded(MAIN):
            if entry.path.endswith("logout"):
                continue  # the next one would not be logged in
            world.fresh()
            upgrade = UPGRADE if entry.socket else ()
            place = Place(
                terminal=await world.terminal([*shown, *lines]) if entry.holds == "terminal" else UNKNOWN
            )
            answer = await world.ask(entry, [*shown, *upgrade, *lines], place)
            wanted = (entry.done, entry.code) if may >= set(entry.needs) else (403, "forbidden")
            assert (answer.status, bare.code(answer)) == wanted, (entry.name, lines)


async def test_what_is_for_everybody_is_not_for_pages_elsewhere(boards):
    """A page elsewhere could log its visitor in as somebody else, or open a link in their name."""
    world, _ = await begin(boards, "login")
    entries = [entry for entry in MAIN if entry.guarded and entry.access is Access.public]
    assert {entry.path for entry in entries} == {"api/v1/login", "api/v1/links/redeem"}
    place = Place(link=await world.link())
    before = await world.state()
    silent = (set(), {"Referer", "X-Requested-With"}, {"X-Origin", "Access-Control-Request-Method"})
    for entry in entries:
        for lines in strangers(world.board):
            if {name for name, _ in lines} in silent or ("Sec-Fetch-Site", "none") in lines:
                continue  # a script, or somebody who typed the address
            if lines in (
                [("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "same-origin")],
                [("Sec-Fetch-Site", "same-origin, cross-site")],
            ):
                continue  # no browser sends it
            answer = await world.ask(entry, lines, place)
            assert answer.status in {400, 403}, (entry.name, lines)
            assert answer.status == 400 or answer.code == "origin_refused"
            assert "Set-Cookie" not in answer.headers
    assert await world.state() == before
    for entry in entries:
        assert (await world.ask(entry, [("Origin", world.board.origin)], place)).status == entry.done


@pytest.mark.parametrize("way", ["login", "header"])
async def test_no_read_changes_anything(boards, way):
    """However a page elsewhere makes the browser read: as an image, a script, a link, a frame."""
    world, shown = await begin(boards, way)
    world.fresh()
    ours = ("Origin", world.board.origin)
    if way == "header":
        world.maker = [("X-Remote-User", "boss"), ours]
    place = Place(terminal=await world.terminal([*shown, ours]), link=await world.link())
    before = await world.state()
    queries = (
        "", "confirm=one", "name=made", "method=DELETE&_method=DELETE", f"token={place.link}", "host=local",
        f"host=local&user={LOGIN}&session=one&mode=control", "all=1", "offset=0",
    )  # fmt: skip
    overrides = [
        ("X-HTTP-Method-Override", "DELETE"),
        ("X-HTTP-Method", "POST"),
        ("X-Method-Override", "PATCH"),
    ]
    for entry in MAIN:
        for query in queries:
            for method in ("GET", "HEAD"):
                path = f"{entry.at(place).partition('?')[0]}?{query}"
                lines = [*shown, ours, *overrides]
                if entry.access is Access.stream:
                    lines.remove(ours)  # refused: what it does when it is let is not a read
                answer = await bare.ask(world.board, method, path, lines)
                assert answer.status < 500, (method, path)
    assert await world.state() == before
    assert (await world.redeem(place.link)).json["session"] == "one", "the link was not used up"


async def test_a_bearer_needs_no_origin_on_any_route(boards):
    """No page can make a browser send one: scripts work, and so do those who show a link."""
    world, _ = await begin(boards, "login")
    for role, shown in (
        ("operator", bearer("operator")),
        ("link-control", await world.link_bearer("control")),
    ):
        for entry in guarded(MAIN):
            if entry.path.endswith("logout"):
                continue
            world.fresh()
            place = Place(terminal=await world.terminal(shown)) if entry.holds == "terminal" else Place()
            upgrade = UPGRADE if entry.socket else ()
            answer = await world.ask(entry, [*shown, *upgrade], place)
            assert answer.status == (entry.done if ROLES[role] >= set(entry.needs) else 403), entry.name
