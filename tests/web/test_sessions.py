"""Create, rename, kill, look into."""

import asyncio
from urllib.parse import quote

import pytest

from tests.rig.soon import soon
from tests.web.harness import LOGIN, OTHER

pytestmark = pytest.mark.gen_test(timeout=30)

MINE = f"api/v1/hosts/local/users/{LOGIN}/sessions"
ODD_NAMES = [
    "two words", "a=b", "-dash", "%1", "%2F", "a/b", "//up", "#(touch x)", "#{pid}", "'\"`$(id)", "$1",
    "=one", "@0", "a;b", "end;", "a+b", "a&b?c", "🦊 emoji", "ÄÖ\u0301", "x" * 300, "🦊" * 300, "日本語",
]  # fmt: skip
GRANTS = f"""
[[grants]]
principals = ["alice"]
role = "operator"
users = ["{LOGIN}"]
create_users = []
[[grants]]
principals = ["victor"]
role = "viewer"
"""


def one(name: str, rest: str = "") -> str:
    return f"{MINE}/{quote(name, safe='')}{rest}"


async def test_a_session_is_made_and_shown_at_once(board, tmp_path):
    answer = await board.call("POST", MINE, {"name": "new", "command": "cat", "directory": str(tmp_path)})

    assert answer.status == 201
    assert answer.json == {"id": "$1", "name": "new"}

    async def shown() -> dict:
        (user,) = (await board.call("GET", "api/v1/inventory")).json["hosts"][0]["users"]
        (new,) = [session for session in user["sessions"] if session["name"] == "new"]
        return new

    assert (await shown())["id"] == "$1"
    # tmux itself knows the directory only when the command has a terminal.
    where = ("display-message", "-p", "-t", "=new:", "#{pane_current_path}")
    await soon(lambda: board.tmux(*where).strip() == str(tmp_path), "tmux to know its directory")
    await board.service.sweeper.refresh(board.service.sweeper.hosts["local"])
    assert (await shown())["directory"] == str(tmp_path)


async def test_a_new_session_starts_at_home_and_sees_none_of_our_secrets(board):
    await board.call("POST", MINE, {"name": "env", "command": "pwd; env; cat"})
    await soon(lambda: "PWD=" in board.tmux.capture("env", history=True), "the environment")
    shown = board.tmux.capture("env", history=True)
    assert "MUXBOARD" not in shown


@pytest.mark.parametrize("name", ODD_NAMES, ids=lambda name: name[:12])
async def test_any_name_is_made_looked_into_renamed_and_killed_exactly(board, name):
    board.tmux.new("onelonger", "cat")
    answer = await board.call("POST", MINE, {"name": name, "command": "echo inside; cat"})
    assert (answer.status, answer.json["name"]) == (201, name), answer
    assert name in board.tmux.ls()

    async def preview() -> bytes:
        return (await board.call("GET", one(name, "/preview"))).body

    async with asyncio.timeout(10):
        while b"inside" not in await preview():
            pass
    assert (await board.call("PATCH", one(name), {"name": "between"})).status == 200
    assert (await board.call("PATCH", one("between"), {"name": name})).json["name"] == name
    killed = await board.call("DELETE", one(name, f"?confirm={quote(name, safe='')}"))
    assert (killed.status, killed.body) == (204, b"")
    assert sorted(board.tmux.ls()) == ["one", "onelonger"]
    assert not list(board.machine.folder.glob("x"))


@pytest.mark.parametrize(
    ("body", "path", "reason"),
    [
        ({"name": ""}, "name", "must not be empty"),
        ({"name": "x" * 301}, "name", "must be at most 300 characters"),
        ({"name": "a:b"}, "name", 'must not contain ":"'),
        ({"name": "a\nb"}, "name", "control"),
        ({"name": "a\u202eb"}, "name", "control"),
        ({"name": 7}, "name", "must be a string"),
        ({}, "name", "is required"),
        ({"name": "x", "directory": "relative"}, "directory", "must be absolute"),
        ({"name": "x", "directory": "/nowhere/at/all"}, "directory", "is not a directory"),
        ({"name": "x", "command": "\x00"}, "command", "control"),
        ({"name": "x", "command": "y" * 8193}, "command", "must be at most 8192"),
        ({"name": "x", "shell": "zsh"}, "shell", "unknown key"),
    ],
)
async def test_what_cannot_be_made_is_invalid_and_says_where(board, body, path, reason):
    answer = await board.call("POST", MINE, body)

    assert (answer.status, answer.code) == (400, "invalid")
    (error,) = answer.json["errors"]
    assert error["path"] == path
    assert reason in error["reason"]
    assert board.tmux.ls() == ["one"]


async def test_every_error_of_a_body_is_told_at_once(board):
    errors = (await board.call("POST", MINE, {"name": 1, "command": 2, "extra": 3})).json["errors"]
    assert {error["path"] for error in errors} == {"name", "command", "extra"}


async def test_a_name_that_is_taken_is_a_conflict(board):
    board.tmux.new("two", "cat")
    made = await board.call("POST", MINE, {"name": "one"})
    renamed = await board.call("PATCH", one("two"), {"name": "one"})
    assert (made.status, made.code) == (renamed.status, renamed.code) == (409, "session_exists")


@pytest.mark.parametrize(
    "query", ["", "?confirm=", "?confirm=on", "?confirm=One", "?confirm=one%20", "?confirm=one&confirm=one",
              "?confirm=two&confirm=one", "?CONFIRM=one", "?confirm[]=one"],
)  # fmt: skip
async def test_kill_without_exactly_its_name_kills_nothing(board, query):
    answer = await board.call("DELETE", one("one", query))
    assert (answer.status, answer.code) == (400, "confirm_mismatch")
    assert board.tmux.ls() == ["one"]


async def test_kill_hits_no_session_whose_name_begins_alike(board):
    board.tmux.new("foobar", "cat")
    answer = await board.call("DELETE", one("foo", "?confirm=foo"))
    assert (answer.status, answer.code) == (404, "session_not_found")
    assert "foobar" in board.tmux.ls()


@pytest.mark.parametrize(
    "call",
    [("PATCH", "", {"name": "b"}), ("DELETE", "?confirm=gone", None), ("GET", "/preview", None),
     ("GET", "/scrollback", None)],
)  # fmt: skip
@pytest.mark.parametrize(
    ("place", "refusal"),
    [
        (f"local/users/{LOGIN}", (404, "session_not_found")),
        (f"nowhere/users/{LOGIN}", (404, "not_found")),
        ("local/users/nobody-here", (404, "not_found")),
        (f"local/users/{OTHER}", (403, "forbidden")),
    ],
    ids=["session", "host", "user", "reach"],
)
async def test_unknown_is_404_and_out_of_reach_is_403(boards, call, place, refusal):
    board = await boards(GRANTS, two_users=True)
    method, rest, body = call
    answer = await board.call(method, f"api/v1/hosts/{place}/sessions/gone{rest}", body, token="person-alice")
    assert (answer.status, answer.code) == refusal


@pytest.mark.parametrize("person", ["alice", "victor", "mallory"])
async def test_who_may_not_create_rename_or_kill_does_not(boards, person):
    """Alice may not create, Victor may only look, Mallory has no grant at all."""
    board = await boards(GRANTS)
    calls = [("POST", MINE, {"name": "new"})]
    if person != "alice":
        calls += [("PATCH", one("one"), {"name": "b"}), ("DELETE", one("one", "?confirm=one"), None)]
    for method, path, body in calls:
        answer = await board.call(method, path, body, token=f"person-{person}")
        assert (answer.status, answer.code) == (403, "forbidden"), (method, answer)
    looked = await board.call("GET", one("one", "/preview"), token=f"person-{person}")
    assert looked.status == (403 if person == "mallory" else 200)
    assert board.tmux.ls() == ["one"]


async def test_rename_answers_the_same_session_under_its_new_name(board):
    answer = await board.call("PATCH", one("one"), {"name": "uno"})
    assert (answer.status, answer.json) == (200, {"id": "$0", "name": "uno"})


async def test_rename_answers_what_tmux_made_of_the_name(board):
    """tmux writes a backslash as two; the answer's name is the one that is shown from then on."""
    await board.call("POST", MINE, {"name": "plain", "command": "cat"})
    answer = await board.call("PATCH", one("plain"), {"name": "a\\b"})

    assert answer.json["name"] in board.tmux.ls()


async def test_preview_is_the_screen_with_its_colours(board):
    board.tmux.new("red", r"printf '\033[31mred\033[0m'; exec cat")
    board.tmux.wait_for("red", "red")
    answer = await board.call("GET", one("red", "/preview"))
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert b"\x1b[31mred" in answer.body


async def test_scrollback_is_the_whole_history_as_a_file_with_a_harmless_name(board):
    name = 'a"; filename=evil.html\u2028/../x'.replace("\u2028", "").replace(".", "")
    board.tmux.new(name, "seq 1 500; cat")
    board.tmux.wait_for(name, "500")
    answer = await board.call("GET", one(name, "/scrollback"))
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in name)
    assert answer.headers["Content-Disposition"] == f'attachment; filename="local-{LOGIN}-{plain}.txt"'
    assert answer.body.split()[:500] == [str(n).encode() for n in range(1, 501)]


async def test_another_tmux_user_is_reached_through_sudo(boards):
    board = await boards(two_users=True)
    path = f"api/v1/hosts/local/users/{OTHER}/sessions"
    assert (await board.call("POST", path, {"name": "theirs", "command": "cat"})).status == 201
    assert board.machine.other.ls() == ["theirs"]
    assert "theirs" not in board.tmux.ls()


async def test_a_sudo_that_refuses_is_502_with_the_line_that_mends_it(boards):
    board = await boards(two_users=True)
    (board.machine.folder / "refused").touch()
    answer = await board.call("POST", f"api/v1/hosts/local/users/{OTHER}/sessions", {"name": "x"})
    assert (answer.status, answer.code) == (502, "sudo_refused")
    assert f"{LOGIN} ALL=({OTHER}) NOPASSWD: /usr/bin/tmux" in answer.json["detail"]


async def test_a_machine_without_tmux_is_502(boards):
    machine = boards.machine()
    # Were this machine the only host, the service would not start.
    hosts = (
        '[[hosts]]\nkey = "local"\nlocal = true\n[[hosts]]\nkey = "far"\nhostname = "127.0.0.1"\nport = 1\n'
    )
    board = await boards(hosts, machine=machine, env={"PATH": str(machine.folder / "nothing")})
    answer = await board.call("POST", MINE, {"name": "x"})
    assert (answer.status, answer.code) == (502, "tmux_missing")
    (user,) = (await board.call("GET", "api/v1/inventory")).json["hosts"][0]["users"]
    assert user["state"] == "tmux_missing"


async def test_a_tmux_that_does_not_answer_is_504(boards):
    machine = boards.machine()
    stub = machine.folder / "stuck"
    stub.mkdir()
    (stub / "tmux").write_text("#!/bin/sh\nexec sleep 60\n")
    (stub / "tmux").chmod(0o755)
    env = {"PATH": f"{stub}:/usr/bin:/bin"}
    board = await boards('[inventory]\ncommand_timeout = "100ms"\n', machine=machine, env=env)
    answer = await board.call("POST", MINE, {"name": "x"})
    assert (answer.status, answer.code) == (504, "timeout")
    assert (await board.call("GET", "api/v1/inventory")).json["hosts"][0]["state"] == "timeout"


async def test_a_host_that_fails_keeps_its_sessions_and_says_that_they_are_old(boards):
    machine = boards.machine()
    board = await boards('[inventory]\ncommand_timeout = "200ms"\n', machine=machine)
    (machine.folder / "slow").touch()
    await board.call("POST", "api/v1/refresh")

    await soon(lambda: board.service.sweeper.hosts["local"].report.stale, "the failed sweep")

    seen = (await board.call("GET", "api/v1/inventory")).json["hosts"][0]
    assert (seen["state"], seen["stale"]) == ("timeout", True)
    assert seen["seen_at"] < seen["checked_at"]
    assert [session["name"] for session in seen["users"][0]["sessions"]] == ["one"]
