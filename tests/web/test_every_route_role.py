"""Every role at every route: what it may do is done, everything else is refused with one code."""

from __future__ import annotations

import enum
import json
from typing import NamedTuple

import pytest

from muxboard.access.grants import Grants
from muxboard.access.principal import Principal
from muxboard.config.schema import Grant
from muxboard.web.handler import Access
from tests.rig.soon import soon
from tests.web import bare
from tests.web.everyroute import ENTRIES, MAIN, ROLES, UNKNOWN, UPGRADE, Entry, Place
from tests.web.harness import LOGIN, OTHER, TOKEN
from tests.web.world import PEOPLE, SECRET, World, bearer, login_cookie

pytestmark = pytest.mark.gen_test(timeout=60)


class Way(NamedTuple):
    """How somebody of a role comes: the lines that they send, all but the origin."""

    role: str
    shown: list[tuple[str, str]]


HEADER = '[server]\ntrusted_proxies = ["127.0.0.1/32"]\n[auth]\ngate = "header"\n'


async def arrive(boards, way: str) -> tuple[World, Way]:
    """A world, and how somebody has come into it. Links add only to a login that a browser brings."""
    *who, what = way.split(" with ") if " with " in way else way.split(" of ")
    known = " with " in way
    world = await World.start(boards, HEADER if known else "")
    if known:
        world.maker = [("X-Remote-User", "boss"), ("Origin", world.board.origin)]
    world.fresh()
    if not who:
        return world, Way(way, bearer(way))
    mode = what.rpartition(" ")[2]
    if known:
        shown = [("X-Remote-User", who[0]), *(await world.link_cookie(mode))]
    else:
        shown = await (world.link_cookie(mode) if who == ["cookie"] else world.link_bearer(mode))
    return world, Way(f"link-{mode}", shown)


WAYS = (
    "nobody", "viewer", "operator", "admin", "nobody with a link to view",
    *(f"{what} a link to {mode}" for mode in ("view", "control") for what in (
        "cookie of", "bearer of", "viewer with",
    )),
)  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
async def test_a_role_does_what_it_may_and_nothing_else(boards, way):
    world, (role, shown) = await arrive(boards, way)
    ours = ("Origin", world.board.origin)
    for entry in MAIN:
        if entry.path in {"api/v1/login", "api/v1/logout"}:
            continue  # who they are is what is held still here
        world.fresh()
        terminal = UNKNOWN
        if entry.holds == "terminal" and role != "nobody":
            terminal = await world.terminal([*shown, ours])
        link = await world.link(sub=None) if "{link}" in str(entry.body) else ""
        before = await world.state()
        upgrade = UPGRADE if entry.socket else ()
        answer = await world.ask(entry, [*shown, *upgrade, ours], Place(terminal=terminal, link=link))
        expected = refusal(entry, role)
        assert (answer.status, bare.code(answer)) == expected, entry.name
        if expected[1]:
            assert await world.state() == before, entry.name


def refusal(entry: Entry, role: str) -> tuple[int, str]:
    """The status and the code that an entry has for a role."""
    if entry.holds == "terminal" and role == "nobody":
        return 404, "not_found"  # they have none
    if entry.holds == "host" and role == "nobody":
        return 404, "not_found"  # they know of none
    return (entry.done, entry.code) if ROLES[role] >= set(entry.needs) else (403, "forbidden")


@pytest.mark.parametrize(
    "shown",
    [
        [],
        [("Authorization", "")],
        [("Authorization", "Bearer nonsense")],
        [("Authorization", "Bearer")],
        [("Authorization", "Bearer mbl.")],
        [("Authorization", "Bearer mbl.nonsense")],
        [("Authorization", "Basic b3BlcmF0b3I6eA==")],
        [("Authorization", f"Bearer {TOKEN}x")],
        [("Authorization", f"Bearer {TOKEN}"), ("Authorization", f"Bearer {TOKEN}")],
        [("Authorization", f"Bearer {TOKEN}"), ("Authorization_", "x"), ("authorization", "x")],
        [("X-Remote-User", "boss"), ("Cf-Access-Jwt-Assertion", "x"), ("Cookie", "session=boss; muxboard=x")],
    ],
    ids=str,
)
async def test_whoever_is_not_known_is_let_do_nothing(boards, shown):
    world = await World.start(boards)
    world.fresh()
    place = Place(terminal=await world.terminal(bearer("operator")))
    before = {name: value for name, value in (await world.state()).items() if name != "audit"}
    for entry in MAIN:
        if entry.access is Access.public:
            continue
        upgrade = UPGRADE if entry.socket else ()
        answer = await world.ask(entry, [*shown, *upgrade, ("Origin", world.board.origin)], place)
        assert (answer.status, answer.code) == (401, "unauthenticated"), entry.name
    assert {name: value for name, value in (await world.state()).items() if name != "audit"} == before


ELSEWHERE = (
    Place(session="two"),
    Place(session="never-was"),
    Place(user=OTHER, session=SECRET),
    Place(user=OTHER),
    Place(host="hidden"),
)


@pytest.mark.parametrize("way", [way for way in WAYS if "link" in way])
async def test_a_link_opens_its_session_and_no_other(boards, way):
    """Neither another session, user or host, nor, with one's own grants, more than these."""
    world, (_, shown) = await arrive(boards, way)
    lines = [*shown, ("Origin", world.board.origin)]
    before = await world.state()
    for entry in ENTRIES:
        if entry.holds != "target":
            continue
        for place in ELSEWHERE:
            reached = (place.host, place.user) == ("local", LOGIN) and set(entry.needs) == {"view"}
            if way.startswith("viewer") and reached:
                continue
            answer = await world.ask(entry, lines, place)
            assert (answer.status, answer.code) == (403, "forbidden"), (entry.name, place)
    assert await world.state() == before


@pytest.mark.parametrize("way", ["nobody", "cookie of a link to control", "bearer of a link to view"])
async def test_nobody_has_hosts_asked_that_they_do_not_reach(boards, way):
    world, (_, shown) = await arrive(boards, way)
    hosts = world.board.service.sweeper.hosts
    hidden = hosts["hidden"].report.checked_at
    for body, status in ((b"", 202), (b'{"host": "hidden"}', 404), (b'{"host": "no-such-host"}', 404)):
        lines = [*shown, ("Origin", world.board.origin)]
        assert (await bare.ask(world.board, "POST", "api/v1/refresh", lines, body)).status == status
    # Whoever reaches the other host asks later, so that what was wrongly begun would be over by then.
    local = hosts["local"].report.checked_at
    await bare.ask(world.board, "POST", "api/v1/refresh", bearer("operator"), b'{"host": "local"}')
    await soon(lambda: hosts["local"].report.checked_at > local, "a sweep")
    assert hosts["hidden"].report.checked_at == hidden
    assert not hosts["hidden"].sweeping


def misplaced(kind: str, text: str, cookie: str) -> list[tuple[str, str]]:
    """The lines in which a credential of a kind says nothing."""
    found = [("Authorization", scheme + text) for scheme in ("bearer mbl.", "Basic ", "mbl.", "")]
    if kind != "token":
        found.append(("Authorization", f"Bearer {text}"))
    if kind != "login":
        found += [("Cookie", f"{cookie}={each}") for each in (text, f'"{text}"', f"mbl.{text}")]
    if kind not in {
        "session",
        "opened",
    }:  # which are the same, for those who keep cookies and those who do not
        found.append(("Authorization", f"Bearer mbl.{text}"))
        found += [("Cookie", f"{cookie}-link-{each}={text}") for each in ("", "x", "12345678")]
    return found


async def test_no_credential_passes_for_another(boards):
    """A token, a login's cookie, a link and what a link was redeemed for: each is good in its place alone."""
    world = await World.start(boards)
    ours = ("Origin", world.board.origin)
    login, opened = await login_cookie(world), await world.link_cookie("control")
    session = (await world.link_bearer("control"))[0][1].removeprefix("Bearer mbl.")
    link = await world.link("control")
    name, _, value = login[0][1].partition("=")
    values = {
        "token": TOKEN,
        "login": value.strip('"'),
        "link": link,
        "session": session,
        "opened": opened[0][1].partition("=")[2].strip('"'),
    }

    async def me(query: str, *lines):
        return (await bare.ask(world.board, "GET", f"api/v1/me{query}", [*lines, ours])).status

    async def posted(path: str, token: str):
        tried = json.dumps({"token": token}).encode()
        return (await bare.ask(world.board, "POST", path, [ours], tried)).status

    assert {await me("", *lines) for lines in (login, opened, [("Authorization", f"Bearer {TOKEN}")])} == {
        200
    }
    assert await me("", ("Authorization", f"Bearer mbl.{session}")) == 200
    for kind, text in values.items():
        for line in misplaced(kind, text, name):
            assert await me("", line) == 401, (kind, line)
        for field in ("token", "access_token", "link", "session"):
            assert await me(f"?{field}={text}") == 401, (kind, field)
        for path, place in (("api/v1/login", "token"), ("api/v1/links/redeem", "link")):
            assert place == kind or await posted(path, text) == 401, (kind, path)
    assert (await world.redeem(link)).status == 200, "none of that has used it up"


async def test_a_need_that_no_role_lists_is_nobodys():
    class MadeUp(enum.Enum):
        need = "made up"

    need = MadeUp.need
    for role in ("viewer", "operator", "admin"):
        grants = Grants([Grant(role=role, principals=["*"])])
        assert not grants.allows(Principal("ada", "token"), need, "local", LOGIN)
    assert not Grants([]).allows(Principal("ada", "token"), need, "local", LOGIN), "nor the implicit admin's"


async def test_grants_that_name_nobody_or_nothing_let_nobody_in(boards):
    """The first grant in the file takes the implicit one away."""
    world = await World.start(boards, people=PEOPLE)
    for entry in ENTRIES:
        if entry.holds == "target":
            answer = await world.ask(entry, bearer("somebody-else"))
            assert (answer.status, answer.code) == (403, "forbidden"), entry.name
