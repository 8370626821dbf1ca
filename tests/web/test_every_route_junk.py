"""Junk at every route, by somebody who may do everything: it is answered, never with a 5xx, and the service
goes on."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.web import bare
from tests.web.everyroute import MAIN, UPGRADE, Entry, Place
from tests.web.harness import LOGIN
from tests.web.world import World, bearer

ROUNDS = 60
AT_ONCE = 12
NAMES = [
    # No command: it would be run.
    "host", "user", "session", "mode", "cols", "rows", "ttl", "sub", "name", "directory", "token",
    "offset", "all", "changes", "confirm", "wait",
]  # fmt: skip
known = st.sampled_from(
    ["local", "hidden", LOGIN, "one", "view", "control", "10m", "1", "-1", "9" * 40, "1e9h"]
)
odd = st.sampled_from(
    ["", " ", ".", "..", "\0", "\n", "\x1b[0m", "\u202e", "#(id)", "$0", "=one", "one:0.0", "-t", "*", "🦊",
     "\ud800", "x" * 4000, "a/b", "%00", "{host}", "nan", "inf", "-0s", "1e400", "0.4s", "\u0661s"]
)  # fmt: skip
text = known | odd | st.text(max_size=20)
value = st.recursive(
    text | st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def requests(draw) -> tuple[Entry, str, bytes | None]:
    """An entry, a path that it may come to, and a body that looks like its own."""
    entry: Entry = draw(st.sampled_from(MAIN))
    place = Place()
    if draw(st.booleans()):
        parts = {
            field: quote(draw(text).encode("utf-8", "surrogatepass"), safe="") for field in place._fields
        }
        place = place._replace(**parts)
    path = entry.at(place)
    query = "&".join(
        f"{name}={quote(draw(text).encode('utf-8', 'surrogatepass'), safe='')}"
        for name in draw(st.lists(st.sampled_from(NAMES), max_size=3))
    )
    if query:
        path += ("&" if "?" in path else "?") + query
    if entry.method in {"GET", "HEAD"}:
        return entry, path, None
    fields: dict[str, Any] = dict(entry.body or {})
    for name in draw(st.lists(st.sampled_from([*fields, *NAMES]), max_size=3)):
        fields[name] = draw(value)
    body = json.dumps(fields).replace("{host}", "local").replace("{user}", LOGIN).replace("{session}", "one")
    return entry, path, draw(st.sampled_from([body.encode()] * 6 + [b"", b"[]", b"{", b"\xff", b"null"]))


def test_junk_is_answered_and_never_with_a_5xx(boards, io_loop):
    world = io_loop.run_sync(lambda: World.start(boards))
    world.fresh()
    own = [*bearer("boss"), ("Origin", world.board.origin)]

    async def answered(requested) -> None:
        entry, path, body = requested
        lines = [*own, *(UPGRADE if entry.socket else ())]
        answer = await bare.ask(world.board, entry.method, path, lines, body)
        assert answer.status < 500, (entry.name, path, body, answer)
        if answer.status >= 400 and entry.method != "HEAD":
            assert answer.code, (entry.name, path)  # a whole problem

    async def together(many) -> None:
        await asyncio.gather(*(answered(each) for each in many))
        for terminal in world.board.service.attacher.table:
            world.board.service.attacher.end(terminal, "detached")
        world.fresh()

    @settings(
        max_examples=ROUNDS, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(st.lists(requests(), min_size=AT_ONCE, max_size=AT_ONCE))
    def junk(many) -> None:
        io_loop.run_sync(lambda: together(many), timeout=30)

    junk()
    answer = io_loop.run_sync(lambda: bare.ask(world.board, "GET", "api/v1/me", own))
    assert answer.status == 200
