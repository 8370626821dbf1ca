"""Open, list and end terminals; how many, and what is left when it fails."""

import asyncio

import pytest

from muxboard.problems import Problem
from muxboard.terminals import attach
from tests.rig.soon import soon
from tests.web.harness import LOGIN, OTHER

pytestmark = pytest.mark.gen_test(timeout=40)

PEOPLE = f"""
[[grants]]
principals = ["alice", "bob"]
role = "operator"
users = ["{LOGIN}"]
[[grants]]
principals = ["victor"]
role = "viewer"
[[grants]]
principals = ["admin"]
role = "admin"
"""
CAPS = "[limits]\nattaches_per_principal = 3\nattaches_global = 5\n"


async def test_a_terminal_is_created_and_waits_for_its_connection(board):
    answer = await board.ask(cols=100, rows=30)
    assert answer.status == 201
    made = answer.json
    transports = ["websocket", "sse", "poll"]
    wanted = {"id": made["id"], "mode": "control", "cols": 100, "rows": 30, "transports": transports}
    assert made == wanted
    await soon(lambda: board.machine.sizes("one") == ["100x30"], "a client of the asked size")


async def test_the_list_has_what_is_ones_own(boards):
    board = await boards(PEOPLE)
    alices = await board.open(token="person-alice")
    await board.open(token="person-bob", mode="view")
    (shown,) = (await board.call("GET", "api/v1/terminals", token="person-alice")).json
    assert shown | {"started": 0} == {
        "id": alices, "host": "local", "user": LOGIN, "session": "one", "mode": "control", "cols": 80,
        "rows": 24, "started": 0, "connected": False, "bytes_in": 0, "bytes_out": shown["bytes_out"],
        "principal": "alice", "client": "127.0.0.1", "here": True,
    }  # fmt: skip
    assert isinstance(shown["started"], float)


async def test_an_admin_sees_and_ends_everyones_and_nobody_else_does(boards):
    board = await boards(PEOPLE)
    alices = await board.open(token="person-alice")
    socket = await board.upgrade(f"api/v1/terminals/{alices}/socket", token="person-alice")
    refused = await board.call("GET", "api/v1/terminals?all=1", token="person-bob")
    assert (refused.status, refused.code) == (403, "forbidden")
    everyone = (await board.call("GET", "api/v1/terminals?all=1", token="person-admin")).json
    assert [shown["principal"] for shown in everyone] == ["alice"]
    assert (await board.call("GET", "api/v1/terminals", token="person-admin")).json == []

    answer = await board.call("DELETE", f"api/v1/terminals/{alices}", token="person-admin")

    assert (answer.status, answer.body) == (204, b"")
    assert (await socket.message("exit"))["reason"] == "revoked"
    assert await socket.close_code() == 1000
    socket.cut()


async def test_ending_ones_own_leaves_the_session(board):
    socket = await board.attached()
    (terminal,) = board.service.attacher.table
    answer = await board.call("DELETE", f"api/v1/terminals/{terminal.id}")
    assert answer.status == 204
    assert (await socket.message("exit"))["reason"] == "detached"
    await soon(lambda: board.tmux.clients() == [], "no client")
    assert board.tmux.ls() == ["one"]
    again = await board.call("DELETE", f"api/v1/terminals/{terminal.id}")
    assert (again.status, again.code) == (404, "not_found")
    socket.cut()


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"host": "nowhere"}, (404, "not_found")),
        ({"user": "nobody-here"}, (404, "not_found")),
        ({"user": OTHER}, (403, "forbidden")),
        ({"session": "gone"}, (404, "session_not_found")),
        ({"session": "on"}, (404, "session_not_found")),
        ({"session": "=one"}, (404, "session_not_found")),
        ({"session": "one:"}, (404, "session_not_found")),
        ({"session": "$0"}, (404, "session_not_found")),
        ({"session": "*"}, (404, "session_not_found")),
        ({"session": ""}, (404, "session_not_found")),
        ({"session": "-t"}, (404, "session_not_found")),
        ({"session": "o\x00e"}, (400, "invalid")),
        ({"mode": "admin"}, (400, "invalid")),
        ({"cols": 0}, (400, "invalid")),
        ({"rows": "24"}, (400, "invalid")),
        ({"cols": 1e9}, (400, "invalid")),
        ({"cols": True}, (400, "invalid")),
        ({"command": "sh"}, (400, "invalid")),
    ],
    ids=str,
)
async def test_what_cannot_be_attached_is_a_problem_and_not_a_dead_terminal(boards, change, refusal):
    board = await boards(PEOPLE, two_users=True)
    answer = await board.ask(token="person-alice", **change)
    assert (answer.status, answer.code) == refusal
    assert board.used == 0
    assert len(board.service.attacher.table) == 0
    assert board.tmux.clients() == []


async def test_a_viewer_may_not_take_control(boards):
    board = await boards(PEOPLE)
    refused = await board.ask(token="person-victor")
    assert (refused.status, refused.code) == (403, "forbidden")
    assert (await board.ask(token="person-victor", mode="view")).status == 201


async def test_sizes_are_clamped(board):
    for asked, given in (((1, 1), (20, 5)), ((10_000, 10_000), (500, 300))):
        made = (await board.ask(cols=asked[0], rows=asked[1])).json
        assert (made["cols"], made["rows"]) == given


async def test_both_caps_say_which_they_are(boards):
    board = await boards(CAPS)
    for _ in range(3):
        await board.open()
    mine = await board.ask()
    assert (mine.status, mine.code) == (429, "attach_cap")
    assert mine.json["detail"] == "You have 3 terminals open, the most you may; close one and retry."
    for _ in range(2):
        await board.open(token="person-bob")
    everyones = await board.ask(token="person-bob")
    assert (everyones.status, everyones.code) == (429, "attach_cap")
    assert everyones.json["detail"] == "All 5 terminals of this service are in use; try again shortly."


async def test_a_hundred_at_once_never_overshoot(boards):
    board = await boards(CAPS)
    people = [f"person-{number % 4}" for number in range(100)]
    answers = await asyncio.gather(*(board.ask(token=person) for person in people))
    assert sorted({answer.status for answer in answers}) == [201, 429]
    assert sum(answer.status == 201 for answer in answers) == 5
    assert board.used == len(board.service.attacher.table) == 5
    await soon(lambda: len(board.tmux.clients()) == 5, "five clients")

    for terminal in board.service.attacher.table:
        board.service.attacher.end(terminal, "detached")
    await soon(lambda: board.used == 0, "all leases back")
    await soon(lambda: board.tmux.clients() == [], "no client")


async def test_every_way_to_fail_gives_the_lease_back(boards, monkeypatch):
    board = await boards("[limits]\nattaches_per_principal = 1\n")

    async def fails(refusal, **body):
        answer = await board.ask(**body)
        assert (answer.status, answer.code) == refusal
        assert board.used == 0

    with monkeypatch.context() as patch:
        patch.setattr(attach.PtyManager, "spawn", lambda *_, **__: (_ for _ in ()).throw(OSError("no PTY")))
        await fails((500, "internal"))
    with monkeypatch.context() as patch:
        patch.setattr(attach.Terminal, "__init__", lambda *_, **__: 1 / 0)
        await fails((500, "internal"))
    with monkeypatch.context() as patch:
        patch.setattr(board.service.audit, "_append", lambda _: (_ for _ in ()).throw(OSError("full")))
        patch.setattr(board.service.audit, "_path", "/dev/full")
        await fails((503, "audit_unavailable"))
    await fails((404, "session_not_found"), session="gone")
    board.tmux("kill-server")
    await fails((404, "session_not_found"))
    board.tmux.new("one", "cat")
    await board.open()
    assert board.used == 1


async def test_who_goes_away_while_opening_leaves_nothing(boards):
    """The answer cannot be delivered: the terminal waits ``resume`` and is gone."""
    board = await boards('[limits]\nresume = "300ms"\n')
    _, writer = await asyncio.open_connection("127.0.0.1", board.port)
    body = f'{{"host":"local","user":"{LOGIN}","session":"one"}}'
    head = (
        f"POST /api/v1/terminals HTTP/1.1\r\nHost: 127.0.0.1:{board.port}\r\nContent-Length: {len(body)}\r\n"
    )
    writer.write(f"{head}Authorization: Bearer the-token-of-these-tests\r\n\r\n{body}".encode())
    await writer.drain()
    await soon(lambda: board.used == 1, "the lease")
    writer.transport.abort()
    await soon(lambda: board.used == 0, "the lease's end")
    await soon(lambda: board.tmux.clients() == [], "no client")


async def test_an_aborted_flood_of_terminals_leaves_nothing(boards):
    board = await boards("[limits]\nattaches_per_principal = 20\n")
    for _ in range(3):
        sockets = await asyncio.gather(*(board.attached() for _ in range(10)))
        for socket in sockets:
            socket.reset()
        for terminal in board.service.attacher.table:
            await board.call("DELETE", f"api/v1/terminals/{terminal.id}")
    await soon(lambda: board.used == 0, "all leases back")
    await soon(lambda: board.tmux.clients() == [], "no client")
    assert len(board.service.attacher.table) == 0


async def test_a_terminal_lives_no_longer_than_it_may(boards):
    board = await boards('[limits]\nlifetime = "500ms"\n')
    socket = await board.attached()
    await socket.echoes()
    assert (await socket.message("exit"))["reason"] == "lifetime"
    assert await socket.close_code() == 1000
    await soon(lambda: board.used == 0, "the lease's end")
    socket.cut()


async def test_a_terminal_without_input_ends_and_output_does_not_keep_it(boards):
    board = await boards('[limits]\nidle = "600ms"\n')
    board.tmux.new("busy", "while :; do date; sleep 0.05; done")
    busy, typed = await board.attached("busy"), await board.attached("one")
    loop = asyncio.get_running_loop()
    began = loop.time()
    ended = asyncio.ensure_future(busy.message("exit"))
    while not ended.done():
        await typed.echoes()
        await asyncio.sleep(0.05)
    assert (await ended)["reason"] == "idle"
    assert 0.5 < loop.time() - began < 3
    await typed.echoes()
    assert (await typed.message("exit"))["reason"] == "idle"
    for socket in (busy, typed):
        socket.cut()


async def test_a_terminal_without_a_client_waits_for_it_and_ends(boards):
    board = await boards('[limits]\nresume = "300ms"\n')
    terminal = await board.open()
    socket = await board.socket(terminal)
    await socket.echoes()
    socket.cut()
    await soon(lambda: board.used == 0, "the terminal's end")
    late = await board.socket(terminal, socket.offset)
    assert (await late.message("exit"))["reason"] == "detached"
    assert (await board.call("DELETE", f"api/v1/terminals/{terminal}")).code == "not_found"


async def test_while_draining_nothing_new_is_opened(boards):
    board = await boards()
    board.service.attacher.draining = True
    answer = await board.ask()
    assert (answer.status, answer.code) == (503, "draining")
    assert board.used == 0
    events = await board.call("GET", "api/v1/events")
    assert (events.status, events.code) == (503, "draining")


async def test_a_terminal_that_ends_is_unknown_at_once(board):
    """A connection in the same turn of the loop would hang on one that says nothing any more."""
    await board.open()
    (terminal,) = board.service.attacher.table
    board.service.attacher.end(terminal, "detached")
    assert len(board.service.attacher.table) == 0
    with pytest.raises(Problem, match="no such terminal"):
        board.service.attacher.table.find(terminal.id, terminal.principal)


async def test_a_viewers_terminal_takes_no_input_whoever_hands_it_over(board):
    """The socket drops it; should another transport forget to, the terminal itself refuses."""
    await board.open(mode="view")
    (terminal,) = board.service.attacher.table
    with pytest.raises(Problem, match="view only") as refused:
        terminal.input(b"typed\n")
    assert refused.value.code.name == "read_only"
    assert (refused.value.code.status, terminal.input_offset) == (403, 0)
