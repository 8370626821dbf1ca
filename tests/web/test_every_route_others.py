"""Whose it is: nothing of somebody else's is to be reached, told apart from what never was, or seen."""

from __future__ import annotations

import asyncio
import re

import pytest
from tornado.testing import bind_unused_port

from tests.web import bare
from tests.web.everyroute import MAIN, UNKNOWN, UPGRADE, Place, grant
from tests.web.harness import LOGIN, OTHER
from tests.web.world import PEOPLE, SECRET, World, bearer, both, login_cookie

pytestmark = pytest.mark.gen_test(timeout=60)

OTHERS = (
    grant("dave", "admin", host="hidden")
    + grant("erin", "admin", user=OTHER)
    + grant("alice", "operator", user=OTHER)
    + grant("alice", "operator", host="hidden")
)
# By id: a namesake's equal, somebody with less, admins of other places, nobody at all, holders of links.
INTRUDERS = ("operator", "viewer", "dave", "nobody", "link-view", "link-control", "both")


async def credentials(world: World, who: str):
    """The lines of a person; ``both`` is who is logged in and has opened a link."""
    if who == "both":
        return both(await login_cookie(world), await world.link_cookie("control", session="two"))
    kind, _, mode = who.partition("-")
    return await world.link_bearer(mode) if kind == "link" else bearer(who)


async def test_anothers_id_is_as_unknown_as_one_that_never_was(boards):
    world = await World.start(boards, people=PEOPLE + OTHERS)
    world.fresh()
    entries = [entry for entry in MAIN if entry.holds == "terminal"]
    assert {entry.access.name for entry in entries} == {"change", "principal", "stream"}
    for owner in (bearer("bob"), await world.link_bearer("control"), await world.link_cookie("view")):
        lines = [*owner, ("Origin", world.board.origin)]
        theirs = Place(terminal=await world.terminal(lines))
        for who in INTRUDERS:
            shown = await credentials(world, who)
            for entry in entries:
                before = await world.state()
                extra = [*shown, *(UPGRADE if entry.socket else ()), ("Origin", world.board.origin)]
                found = await world.ask(entry, extra, theirs)
                never = await world.ask(entry, extra, Place(terminal=UNKNOWN))
                assert (found.status, found.code) == (404, "not_found"), (who, entry.name)
                assert bare.same(found) == bare.same(never), (who, entry.name)
                assert await world.state() == before


async def test_a_target_out_of_reach_is_forbidden_and_an_unknown_one_unknown(boards):
    world = await World.start(boards, people=PEOPLE + OTHERS)
    world.fresh()
    reached = [entry for entry in MAIN if entry.holds == "target"]
    assert {entry.method for entry in reached} == {"GET", "POST", "PATCH", "DELETE"}
    for who in ("alice", "erin", "dave", "nobody"):
        for entry in reached:
            known = await world.ask(entry, bearer(who))
            never = await world.ask(entry, bearer(who), Place(session="never-was"))
            assert (known.status, known.code) == (403, "forbidden"), (who, entry.name)
            assert bare.same(known) == bare.same(never), (who, entry.name)
            for place in (Place(user="nobody-here"), Place(host="nowhere"), Place(user=LOGIN + "x")):
                unknown = await world.ask(entry, bearer(who), place)
                assert (unknown.status, unknown.code) == (404, "not_found"), (who, entry.name, place)
    for who in ("bob", "viewer", "operator", "admin", "link-view", "link-control"):
        shown = await credentials(world, who)
        before = await world.state()
        for entry in reached:
            for place in (Place(user=OTHER, session=SECRET), Place(host="hidden")):
                answer = await world.ask(entry, shown, place)
                assert (answer.status, answer.code) == (403, "forbidden"), (who, entry.name, place)
        assert await world.state() == before


async def stream(world: World, path: str, lines, until: bytes, *, begin) -> bytes:
    """Read a stream up to a text, after something was done."""
    reader, writer = await asyncio.open_connection("127.0.0.1", world.board.port)
    got = b""
    try:
        head = [f"GET /{path} HTTP/1.1", f"Host: 127.0.0.1:{world.board.port}"]
        writer.write("\r\n".join([*head, *(f"{n}: {v}" for n, v in lines), "", ""]).encode())
        async with asyncio.timeout(10):
            while b"event: inventory" not in got:
                got += await reader.read(65536)
            await begin()
            while until not in got:
                chunk = await reader.read(65536)
                assert chunk, got
                got += chunk
    finally:
        writer.transport.abort()
    return got


async def test_no_answer_tells_of_what_is_out_of_reach(boards):
    """Of hidden hosts and users: not their names, sessions, terminals or the people that have them."""
    listening, port = bind_unused_port()
    listening.close()
    world = await World.start(
        boards, f'[server]\nmetrics_bind = "127.0.0.1:{port}"\n', people=PEOPLE + OTHERS
    )
    world.fresh()
    board = world.board
    await board.service.sweeper.refresh(board.service.sweeper.hosts["local"])
    theirs = await world.terminal(bearer("alice"), user=OTHER, session=SECRET)
    marks = [mark.encode() for mark in ("hidden", OTHER, SECRET, theirs, "alice")]

    def silent(told: bytes, of: object) -> None:
        assert [mark for mark in marks if mark in told] == [], of

    reads = [entry for entry in MAIN if entry.method == "GET" and not entry.guarded]
    outside = {*INTRUDERS, "admin", "bob"} - {"dave"}  # whose place is the hidden host
    people = {who: await credentials(world, who) for who in sorted(outside)}
    for who, shown in people.items():
        for entry in reads:
            answer = await world.ask(entry, shown)
            silent(answer.body, (who, entry.name))
            silent(str(list(answer.headers.get_all())).encode(), (who, entry.name))
    for who in ("link-view", "link-control"):
        hosts = (await bare.ask(board, "GET", "api/v1/inventory", people[who])).json["hosts"]
        shown = [each["name"] for host in hosts for user in host["users"] for each in user["sessions"]]
        assert shown == ["one"], who

    async def changes() -> None:
        name = f"{SECRET}-{len(board.machine.other.ls())}"
        board.machine.other.new(name, "cat")
        board.tmux.new(f"seen-{name[-1]}", "cat")
        for host in board.service.sweeper.hosts.values():
            await board.service.sweeper.refresh(host)

    for query in ("", "?changes=1"):
        told = await stream(
            world, f"api/v1/events{query}", people["bob"], b'"seen-%d"' % 1 if not query else b'"seen-2"',
            begin=changes,
        )  # fmt: skip
        silent(told, query)
    alices = (await bare.ask(board, "GET", "api/v1/inventory", bearer("alice"))).body
    assert all(mark.encode() in alices for mark in ("hidden", OTHER, SECRET)), "who may see it does"

    metrics = (await bare.send(port, "GET", "/metrics", [("Host", "localhost")])).body.decode()
    # A host's key is a label for those who may ask the second listener; users and sessions never are.
    for mark in (OTHER, SECRET, theirs, "alice", "bob", LOGIN + '"', "one"):
        assert not re.search(rf'="[^"]*{re.escape(mark)}', metrics), mark


async def test_lists_of_terminals_hold_ones_own_alone(boards):
    world = await World.start(boards, people=PEOPLE + OTHERS)
    world.fresh()
    owners = {who: await credentials(world, who) for who in ("bob", "viewer", "link-view", "link-control")}
    own = {who: await world.terminal(lines) for who, lines in owners.items()}
    own["alice"] = await world.terminal(bearer("alice"), user=OTHER, session=SECRET)
    owners["alice"] = bearer("alice")

    async def listed(lines, query: str = "") -> set[str]:
        answer = await bare.ask(world.board, "GET", f"api/v1/terminals{query}", lines)
        assert answer.status == 200
        return {each["id"] for each in answer.json}

    for who, lines in owners.items():
        assert await listed(lines) == {own[who]}, who
    assert await listed(bearer("nobody")) == set()
    assert await listed(bearer("admin")) == set()
    assert await listed(bearer("admin"), "?all=1") == set(own.values()) - {own["alice"]}
    assert await listed(bearer("erin"), "?all=1") == {own["alice"]}, "an admin of one user"
    assert await listed(bearer("dave"), "?all=1") == set(), "an admin of another host"
    assert await listed(bearer("boss"), "?all=1") == set(own.values())
