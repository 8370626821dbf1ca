"""The inventory for a page that no stream comes through to."""

from __future__ import annotations

import json

import pytest

from muxboard.web import events
from tests.rig.soon import soon

pytestmark = pytest.mark.gen_test(timeout=30)

WATCHED = '[inventory]\nwatched_interval = "100ms"\n'
ONCE = "api/v1/events?once=1"


def names(answer) -> set[str]:
    [host] = answer.json["hosts"]
    return {session["name"] for user in host["users"] for session in user["sessions"]}


async def test_the_answer_is_the_snapshot_and_ends(boards):
    board = await boards(WATCHED)
    answer = await board.call("GET", ONCE)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert int(answer.headers["Content-Length"]) == len(json.dumps(answer.json, separators=(",", ":")))
    plain = (await board.call("GET", "api/v1/inventory")).json
    assert answer.json["hosts"][0]["users"] == plain["hosts"][0]["users"]


async def test_hosts_are_watched_as_long_as_somebody_asks(boards, monkeypatch):
    monkeypatch.setattr(events, "GLANCE_S", 0.5)
    board = await boards(WATCHED)
    sweeper = board.service.sweeper
    await board.call("GET", "api/v1/inventory")
    assert sweeper._watchers == 0
    for turn in range(3):
        await board.call("GET", ONCE)
        assert sweeper._watchers == 1, "however often it asks"
        board.tmux.new(f"new-{turn}", "cat")
        here = f"new-{turn}"
        await soon(
            lambda here=here: any(
                here in {each.name for user in host.report.users for each in user.sessions}
                for host in sweeper.hosts.values()
            ),
            "a sweep that sees it",
        )
    await soon(lambda: sweeper._watchers == 0, "nobody looks any more")
    assert "new-2" in names(await board.call("GET", ONCE))
