"""Junk at every route, by somebody who may do everything: it is answered, never with a 5xx, and the service
goes on."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from muxboard.web.handler import Access
from tests.web import bare
from tests.web.everyroute import MAIN, SESSIONS, UPGRADE, Entry, Place
from tests.web.harness import LOGIN
from tests.web.world import World, bearer

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = 120
AT_ONCE = 12
# What bodies and queries may hold besides what the examples do. No command: it would be run.
MORE = {
    "api/v1/links": ["ttl", "sub", "mode"],
    "api/v1/terminals": ["cols", "rows", "mode"],
    SESSIONS: ["directory"],
}
QUERIES = ["offset", "all", "changes", "confirm", "wait", "token"]
TEXTS = [
    "local", LOGIN, "one", "view", "10m", "1", "-1", "9" * 40, "1e9h", "", " ", ".", "..", "\0", "\n",
    "\x1b[0m", "\u202e", "#(id)", "$0", "=one", "one:0.0", "-t", "*", "\ud800", "x" * 4000, "a/b", "%00",
    "{host}", "nan", "infs", "-0s", "1e400s", "0.4s", "\u0661s", "\U0001f98a",
]  # fmt: skip
OTHERS = [None, True, 0, -1, 2**70, 1.5, 1e308, [], [[]], ["one"], {}, {"a": 1}]
REQUEST = tuple[Entry, str, "bytes | None"]


def escaped(text: str) -> str:
    return quote(text.encode("utf-8", "surrogatepass"), safe="")


def body_of(entry: Entry, **changes: Any) -> bytes | None:
    if entry.method in {"GET", "HEAD"}:
        return None
    return json.dumps({**json.loads(entry.said(Place()) or b"{}"), **changes}).encode()


def own(entry: Entry) -> list[str]:
    """The names of the fields that an entry's body may hold."""
    return [*(entry.body or {}), *MORE.get(entry.path, ()), "unheard_of"]


def sweep() -> Iterator[REQUEST]:
    """Each part of a path, each query argument and each field once with each piece of junk."""
    for entry in {(entry.method, entry.path): entry for entry in MAIN}.values():
        path, body = entry.at(Place()), body_of(entry)
        for name in [name for name in Place._fields if f"{{{name}}}" in entry.path]:
            for text in TEXTS:
                yield entry, entry.at(Place()._replace(**{name: escaped(text)})), body
        queries = () if entry.access is Access.public else QUERIES
        for query in [f"{name}={escaped(text)}" for name in queries for text in TEXTS[::6]]:
            yield entry, path + ("&" if "?" in path else "?") + query, body
        if body is not None:
            for name in own(entry) if entry.body else ():
                for value in TEXTS + OTHERS:
                    yield entry, path, body_of(entry, **{name: value})
            for whole in (b"", b"[]", b"{", b"\xff", b"null", b"{}{}", b"[" * 5000):
                yield entry, path, whole


text = st.sampled_from(TEXTS) | st.text(max_size=20)
values = st.recursive(
    text | st.sampled_from(OTHERS) | st.integers(-(2**70), 2**70) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def requests(draw: st.DrawFn) -> REQUEST:
    """Several such things at once."""
    entry = draw(st.sampled_from([entry for entry in MAIN if entry.body or "{" in entry.path]))
    place = Place(**{name: escaped(draw(text)) for name in draw(st.sets(st.sampled_from(Place._fields)))})
    if entry.method in {"GET", "HEAD"}:
        return entry, entry.at(place), None
    changed = {name: draw(values) for name in draw(st.sets(st.sampled_from(own(entry))))}
    return entry, entry.at(place), body_of(entry, **changed)


class Target:
    """A board at which junk is thrown."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.lines = [*bearer("boss"), ("Origin", world.board.origin)]

    async def take(self, request: REQUEST) -> None:
        entry, path, body = request
        lines = [*self.lines, *(UPGRADE if entry.socket else ())]
        answer = await bare.ask(self.world.board, entry.method, path, lines, body)
        assert answer.status < 500, (entry.name, path[:200], body and body[:200], answer)
        if answer.status >= 400 and entry.method != "HEAD":
            assert answer.code, (entry.name, path)  # a whole problem

    async def take_all(self, requests: list[REQUEST]) -> None:
        attacher = self.world.board.service.attacher
        for start in range(0, len(requests), AT_ONCE):
            await asyncio.gather(*(self.take(each) for each in requests[start : start + AT_ONCE]))
            for terminal in attacher.table:
                attacher.end(terminal, "detached")
        self.world.fresh()

    async def goes_on(self) -> None:
        assert (await bare.ask(self.world.board, "GET", "api/v1/me", self.lines)).status == 200


@pytest.fixture
def target(boards, io_loop) -> Target:
    world = io_loop.run_sync(lambda: World.start(boards))
    world.fresh()
    return Target(world)


@pytest.mark.gen_test(timeout=60)
async def test_each_piece_of_junk_in_each_place_is_answered_and_never_with_a_5xx(target):
    await target.take_all(list(sweep()))
    await target.goes_on()


def test_junk_in_several_places_is_answered_and_never_with_a_5xx(target, io_loop):
    @settings(
        max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(requests())
    def junk(request: REQUEST) -> None:
        io_loop.run_sync(lambda: target.take_all([request]), timeout=20)

    junk()
    io_loop.run_sync(target.goes_on)


@pytest.mark.gen_test(timeout=60)
async def test_a_link_that_is_made_can_be_used(target):
    """Whatever was asked for: what could not be used is not made."""
    (entry, *_) = [entry for entry in MAIN if entry.path == "api/v1/links"]
    made = 0
    for field in ("sub", "ttl", "session"):
        for value in TEXTS:
            path, body = entry.at(Place()), body_of(entry, **{field: value})
            answer = await bare.ask(target.world.board, "POST", path, target.lines, body)
            assert answer.status in {201, 400}, (field, value)
            if answer.status == 201:
                made += 1
                assert (await target.world.redeem(answer.json["token"])).status == 200, (field, value)
    assert made > 10
