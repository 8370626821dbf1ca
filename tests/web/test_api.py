"""Who am I, what is there, ask again."""

import asyncio

import pytest

from muxboard import server
from tests.rig.soon import soon
from tests.web.harness import LOGIN, OTHER, TOKEN

pytestmark = pytest.mark.gen_test(timeout=30)

GRANTS = f"""
[[grants]]
principals = ["alice"]
role = "operator"
users = ["{LOGIN}"]
create_users = []
[[grants]]
principals = ["victor"]
role = "viewer"
users = ["{OTHER}"]
"""


async def test_me_is_the_principal_with_its_reach_and_its_caps(boards):
    board = await boards("[limits]\nattaches_per_principal = 3\n", two_users=True)
    assert (await board.call("GET", "api/v1/me")).json == {
        "principal": {"name": "operator", "groups": [], "gate": "token"},
        "role_by_target": {f"local/{LOGIN}": "admin", f"local/{OTHER}": "admin"},
        "expires_at": None,
        "attaches": {"used": 0, "limit": 3},
        "may_oversee": True,
        "may_mint": False,
        "links": [],
    }

    await board.open()
    assert (await board.call("GET", "api/v1/me")).json["attaches"] == {"used": 1, "limit": 3}


async def test_a_login_in_a_browser_says_when_it_expires(board):
    page = await board.login()
    assert isinstance(
        (await board.call("GET", "api/v1/me", token=None, headers=page)).json["expires_at"], float
    )


async def test_inventory_has_exactly_the_shape_of_the_contract(boards):
    board = await boards(two_users=True)
    answer = await board.call("GET", "api/v1/inventory")

    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json.keys() == {"generation", "hosts"}
    (host,) = answer.json["hosts"]
    assert host.keys() - {"remedy", "seen_at"} == {
        "key", "label", "hostname", "local", "state", "problem", "checked_at", "stale", "sweep_ms", "users",
    }  # fmt: skip
    assert (host["key"], host["label"], host["local"]) == ("local", "this machine", True)
    assert (host["state"], host["problem"], host["stale"]) == ("ok", None, False)
    assert isinstance(host["checked_at"], float)
    assert isinstance(host["sweep_ms"], int)
    mine, other = host["users"]
    assert mine.keys() - {"remedy", "stale"} == {
        "name", "state", "problem", "may_create", "may_control", "sessions",
    }  # fmt: skip
    assert (mine["name"], mine["state"], mine["may_create"], mine["may_control"]) == (LOGIN, "ok", True, True)
    assert (other["state"], other["sessions"]) == ("no_server", [])
    (session,) = mine["sessions"]
    assert session.keys() == {
        "id", "name", "windows", "created", "activity", "attached", "command", "directory", "title",
    }  # fmt: skip
    assert (session["id"], session["name"], session["windows"], session["attached"]) == ("$0", "one", 1, 0)
    assert isinstance(session["created"], float)
    assert isinstance(session["activity"], float)
    assert session["created"] > 1e9


async def test_inventory_shows_only_what_is_in_reach_and_says_what_may_be_done(boards):
    board = await boards(GRANTS, two_users=True)

    async def seen_by(person: str) -> list[tuple[str, bool, bool]]:
        hosts = (await board.call("GET", "api/v1/inventory", token=f"person-{person}")).json["hosts"]
        return [
            (user["name"], user["may_create"], user["may_control"])
            for host in hosts
            for user in host["users"]
        ]

    assert await seen_by("alice") == [(LOGIN, False, True)]
    assert await seen_by("victor") == [(OTHER, False, False)]
    assert await seen_by("mallory") == []
    nothing = (await board.call("GET", "api/v1/inventory", token="person-mallory")).json
    assert nothing["hosts"] == [], "not even that there is a host"
    me = (await board.call("GET", "api/v1/me", token="person-alice")).json
    assert me["role_by_target"] == {f"local/{LOGIN}": "operator"}


async def test_inventory_never_waits_for_a_host(boards):
    machine = boards.machine()
    (machine.folder / "slow").touch()
    board = await boards(machine=machine, swept=False)

    answer = await board.call("GET", "api/v1/inventory", timeout_s=2)

    assert (answer.json["hosts"][0]["state"], answer.json["hosts"][0]["users"]) == ("pending", [])


async def test_reading_changes_nothing(board):
    """No GET makes, ends or renames a session, opens a terminal, or moves a client."""
    before = board.tmux("list-sessions"), board.machine.sizes("one")
    paths = [
        "", "h/local/root/one", "login", "open", "healthz", "readyz", "api/v1/me", "api/v1/inventory",
        "api/v1/terminals", "api/v1/refresh", "api/v1/login", "api/v1/logout",
        f"api/v1/hosts/local/users/{LOGIN}/sessions",
        f"api/v1/hosts/local/users/{LOGIN}/sessions/one?confirm=one",
        f"api/v1/hosts/local/users/{LOGIN}/sessions/one/preview",
        f"api/v1/hosts/local/users/{LOGIN}/sessions/one/scrollback",
        f"open?host=local&user={LOGIN}&session=new&create=1&token={TOKEN}",
    ]  # fmt: skip

    for path in paths:
        await board.call("GET", path)

    assert (board.tmux("list-sessions"), board.machine.sizes("one")) == before
    assert len(board.service.attacher.table) == 0


async def test_refresh_sweeps_soon_and_a_host_at_most_once_at_a_time(board):
    machine = board.machine
    (machine.folder / "slow").touch()
    before = machine.calls("list-panes")
    answers = [await board.call("POST", "api/v1/refresh", {"host": "local"}) for _ in range(10)]
    assert {answer.status for answer in answers} == {202}
    await soon(lambda: machine.calls("list-panes") > before, "the sweep")
    answers = await asyncio.gather(*(board.call("POST", "api/v1/refresh", {}) for _ in range(10)))
    assert {answer.status for answer in answers} == {202}
    assert machine.calls("list-panes") == before + 1

    (machine.folder / "slow").unlink()
    sweep = board.service.sweeper.hosts["local"]
    await soon(lambda: not sweep.sweeping, "the end of the sweep")
    assert machine.calls("list-panes") == before + 1


async def test_refresh_finds_what_a_plain_shell_has_made(board):
    board.tmux.new("made in a shell", "cat")
    await board.call("POST", "api/v1/refresh")

    def names() -> list[str]:
        report = board.service.sweeper.hosts["local"].report
        return [session.name for user in report.users for session in user.sessions]

    await soon(lambda: "made in a shell" in names(), "the new session")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"host": "nowhere"}, 404, "not_found"),
        ({"host": 1}, 400, "invalid"),
        ({"hosts": "x"}, 400, "invalid"),
    ],
)
async def test_refresh_refuses_what_it_does_not_know(board, body, status, code):
    answer = await board.call("POST", "api/v1/refresh", body)
    assert (answer.status, answer.code) == (status, code)


async def test_calls_that_change_something_are_rated_and_reading_is_not(boards):
    board = await boards('[limits]\nrequests = "3/minute"\n')
    for _ in range(3):
        assert (await board.call("POST", "api/v1/refresh")).status == 202

    answer = await board.call("POST", "api/v1/refresh")
    assert (answer.status, answer.code) == (429, "rate_limited")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert (await board.call("GET", "api/v1/inventory")).status == 200
    assert (await board.call("POST", "api/v1/refresh", token="person-bob")).status == 202


async def test_a_fault_inside_is_a_problem_without_a_word_of_what_it_was(board, monkeypatch):
    monkeypatch.setattr(server.Caps, "used", lambda *_: 1 / 0)
    answer = await board.call("GET", "api/v1/me")
    assert (answer.status, answer.code) == (500, "internal")
    assert b"division" not in answer.body
