"""A GET of the page's own under a plain-http name: browsers do not say whose it is, so the page does."""

from __future__ import annotations

import pytest

from muxboard.web.handler import Access
from tests.web import bare
from tests.web.everyroute import MAIN, UPGRADE, Place
from tests.web.world import World, login_cookie

pytestmark = pytest.mark.gen_test(timeout=60)

NAME = "muxboard.test"
PAGE = ("Muxboard-Page", "1")
ALLOWED = f'[server]\nallowed_hosts = ["{NAME}"]\nallowed_origins = ["https://allowed.example"]\n'
STREAMS = [entry for entry in MAIN if entry.access is Access.stream]
CHANGES = [entry for entry in MAIN if entry.guarded and entry.method != "GET"]


async def begin(boards) -> tuple[World, Place]:
    world = await World.start(boards, ALLOWED)
    own = [*await login_cookie(world), ("Origin", world.board.origin)]
    return world, Place(terminal=await world.terminal(own))


async def ask(world, entry, lines, place):
    """As a browser at that name, with the cookie of a login."""
    host = f"{NAME}:{world.board.port}"
    return await world.ask(entry, [*await login_cookie(world), *lines], place, host=host)


def refused(answer) -> bool:
    return (answer.status, bare.code(answer)) == (403, "origin_refused")


async def test_the_page_may_stream(boards):
    world, place = await begin(boards)
    plain = [entry for entry in STREAMS if not entry.socket]
    assert {entry.path.partition("?")[0].rpartition("/")[2] for entry in plain} == {
        "events",
        "output",
        "stream",
    }
    for entry in plain:
        assert (await ask(world, entry, [PAGE], place)).status in {200, 204}, entry.name
        assert refused(await ask(world, entry, [], place)), entry.name


@pytest.mark.parametrize(
    "lines",
    [
        [PAGE, ("Origin", "https://evil.example")],
        [PAGE, ("Origin", "null")],
        [PAGE, ("Origin", "")],
        [PAGE, ("Sec-Fetch-Site", "cross-site")],
        [PAGE, ("Sec-Fetch-Site", "same-site")],
        [PAGE, ("Sec-Fetch-Site", "none")],
        [PAGE, ("Sec-Fetch-Site", "")],
        [PAGE, ("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Site", "same-origin")],
        [PAGE, PAGE],
        [("Muxboard-Page", "")],
        [("Muxboard-Page", "0")],
        [("Muxboard-Page", "1, 1")],
        [("Muxboard_Page", "1")],
        [("X-Muxboard-Page", "1")],
    ],
)
async def test_it_is_worth_nothing_beside_what_the_browser_says(boards, lines):
    world, place = await begin(boards)
    for entry in STREAMS:
        upgrade = UPGRADE if entry.socket else ()
        assert refused(await ask(world, entry, [*upgrade, *lines], place)), entry.name


async def test_it_changes_nothing_and_opens_no_socket(boards):
    """With all of these, browsers send the Origin."""
    world, place = await begin(boards)
    world.fresh()
    before = await world.state()
    for entry in CHANGES:
        if entry.access is not Access.public:
            assert refused(await ask(world, entry, [PAGE], place)), entry.name
    [socket] = [entry for entry in STREAMS if entry.socket]
    assert refused(await ask(world, socket, [*UPGRADE, PAGE], place))
    after = await world.state()
    assert {**after, "audit": ""} == {**before, "audit": ""}


async def test_no_page_elsewhere_is_let_send_it(boards):
    """What a browser asks before it lets another origin's page send a header of its own."""
    world, place = await begin(boards)
    for entry in STREAMS:
        preflight = [
            ("Origin", "https://allowed.example"),
            ("Access-Control-Request-Method", "GET"),
            ("Access-Control-Request-Headers", "muxboard-page"),
        ]
        answer = await ask(world, entry._replace(method="OPTIONS"), preflight, place)
        assert answer.status == 405, entry.name
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
