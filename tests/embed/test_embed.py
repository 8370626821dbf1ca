"""muxboard inside another Tornado application."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from typing import NamedTuple

import pytest
from tornado.httpclient import AsyncHTTPClient
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

import muxboard
from muxboard import ConfigError, Grant, Host, Muxboard, Principal, token_gate
from tests.rig.soon import soon
from tests.rig.waiting import until
from tests.web.harness import LOGIN, Machine, Socket

pytestmark = pytest.mark.gen_test
TOKEN = "the-token-of-another-application"


@pytest.fixture
def machine(monkeypatch):
    made = Machine()
    for name, value in made.env.items():
        monkeypatch.setenv(name, value)
    yield made
    made.close()


class Home(RequestHandler):
    def get(self) -> None:
        self.write("home")


class Site(NamedTuple):
    board: Muxboard
    server: HTTPServer
    port: int

    async def call(self, path, method="GET", body=None, **headers):
        return await AsyncHTTPClient(force_instance=True).fetch(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            body=None if body is None else json.dumps(body),
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            raise_error=False,
            follow_redirects=False,
        )

    async def close(self):
        await self.board.stop()
        self.server.stop()
        await self.server.close_all_connections()


@pytest.fixture
def site(io_loop, machine):
    """Another application with its own page, and a board below a prefix of it."""
    running = []

    async def start(authorize, prefix="/mux", **more):
        board = Muxboard(hosts=[Host(key="local", local=True)], authorize=authorize, **more)
        server = HTTPServer(Application([*board.handlers(prefix), (r"/", Home)]))
        [socket] = bind_sockets(0, "127.0.0.1")
        server.add_sockets([socket])
        running.append(Site(board, server, socket.getsockname()[1]))
        return running[-1]

    yield start

    async def stop():
        for each in running:
            await each.close()

    io_loop.run_sync(stop)


def known(request):
    name = request.headers.get("X-User")
    return Principal(name=name) if name else None


ANN = [Grant(role="operator", principals=["ann"])]


async def test_a_board_lives_below_a_prefix_beside_the_applications_own_pages(site):
    found = await site(token_gate(TOKEN))
    assert (await found.call("/")).body == b"home"
    page = await found.call("/mux/")
    assert b'href="/mux/"' in page.body
    assert (await found.call("/mux")).headers["Location"] == "/mux/"
    assert (await found.call("/muxer/")).code == 404
    assert (await found.call("/mux/api/v1/me")).code == 401
    me = await found.call("/mux/api/v1/me", Authorization=f"Bearer {TOKEN}")
    assert json.loads(me.body)["principal"]["gate"] == "token"


async def test_a_terminal_of_it_works_without_a_start(site):
    found = await site(token_gate(TOKEN))
    bearer = f"Bearer {TOKEN}"

    async def names():
        shown = json.loads((await found.call("/mux/api/v1/inventory", Authorization=bearer)).body)
        return [
            each["name"] for host in shown["hosts"] for user in host["users"] for each in user["sessions"]
        ]

    for _ in range(200):
        if await names() == ["one"]:
            break
        await asyncio.sleep(0.05)
    body = {"host": "local", "user": LOGIN, "session": "one", "mode": "control", "cols": 80, "rows": 24}
    made = await found.call("/mux/api/v1/terminals", "POST", body, Authorization=bearer)
    assert made.code == 201
    path = f"/mux/api/v1/terminals/{json.loads(made.body)['id']}/socket"
    socket = await Socket.connect(found.port, path, {"Authorization": bearer})
    assert socket.status == 101
    await socket.echoes()
    await found.board.stop()
    assert (await socket.message("exit"))["reason"] == "draining"
    socket.cut()


async def test_a_function_says_who_it_is_and_grants_what_they_may(site):
    found = await site(known, grants=ANN)
    ann = json.loads((await found.call("/mux/api/v1/me", X_User="ann")).body)
    assert ann["principal"] == {"name": "ann", "groups": [], "gate": "callable"}
    assert ann["role_by_target"] == {f"local/{LOGIN}": "operator"}
    bob = json.loads((await found.call("/mux/api/v1/me", X_User="bob")).body)
    assert bob["role_by_target"] == {}
    assert (await found.call("/mux/api/v1/me")).code == 401


async def test_a_functions_principal_has_no_gate_but_its_own(site):
    """Other gates' principals are admin without grants, and links open sessions."""
    for gate in ("token", "none", "cookie", "local", "link"):
        found = await site(lambda request, gate=gate: Principal("eve", gate), f"/{gate}")
        me = json.loads((await found.call(f"/{gate}/api/v1/me")).body)
        assert (me["principal"]["gate"], me["role_by_target"], me["links"]) == ("callable", {}, [])


async def hangs(request):
    await asyncio.sleep(3600)


RELEASE = threading.Event()


@pytest.fixture
def release():
    """What blocks goes on when the test is over, so that it leaves no thread."""
    RELEASE.clear()
    yield RELEASE
    RELEASE.set()
    until(lambda: all(thread.name != "authorize" for thread in threading.enumerate()), "their end")


def blocks(request):
    RELEASE.wait(30)


def breaks(request):
    raise ValueError("a reason that is nobody's business")


@pytest.mark.parametrize("authorize", [hangs, blocks, breaks, lambda request: "ann", lambda request: True])
@pytest.mark.usefixtures("release")
async def test_a_function_that_fails_lets_nobody_in_and_holds_nobody_up(site, monkeypatch, authorize):
    monkeypatch.setattr("muxboard.access.gates.CALL_S", 0.2)
    found = await site(authorize, grants=ANN)
    asked = asyncio.ensure_future(found.call("/mux/api/v1/me"))
    assert (await found.call("/")).body == b"home"
    answer = await asked
    assert answer.code == 401
    assert b"nobody's business" not in answer.body


@pytest.mark.usefixtures("release")
async def test_calls_that_never_return_are_counted(site, monkeypatch):
    monkeypatch.setattr("muxboard.access.gates.CALL_S", 0.05)
    monkeypatch.setattr("muxboard.access.gates.MAX_CALLS", 2)
    begun = []

    def counted(request):
        begun.append(request)
        blocks(request)

    found = await site(counted, grants=ANN, limits={"login_failures": "1000/minute"})
    for _ in range(6):
        assert (await found.call("/mux/api/v1/me")).code == 401
    assert len(begun) == 2


async def test_other_names_than_loopback_must_be_told(site):
    found = await site(token_gate(TOKEN))
    assert (await found.call("/mux/", Host="ops.example.com")).code == 421
    public = await site(token_gate(TOKEN), server={"public_url": "https://ops.example.com/mux/"})
    assert (await public.call("/mux/", Host="ops.example.com")).code == 200


async def test_a_board_can_be_started_before_it_is_asked(site, machine):
    found = await site(token_gate(TOKEN))
    await found.board.start()
    await soon(lambda: machine.calls("list-panes"), "the first sweep")


@pytest.mark.parametrize(
    ("wrong", "line"),
    [
        ({"hosts": [Host(key="bad key", local=True)]}, "hosts[0].key"),
        ({"hosts": [Host(key="a"), Host(key="a", local=True)]}, "hosts[0].hostname"),
        ({"grants": [Grant(role="admin")]}, "grants[0]"),
        ({"limits": {"lifetime": 6}}, "limits.lifetime"),
        ({"nonsense": {}}, "nonsense"),
    ],
)
def test_what_is_wrong_is_said_at_once(wrong, line):
    made = {"hosts": [Host(key="local", local=True)], "authorize": known, **wrong}
    with pytest.raises(ConfigError, match=line.replace("[", r"\[")):
        Muxboard(**made)


def test_a_short_token_and_a_strange_prefix_are_refused(machine):
    with pytest.raises(ValueError, match="16 characters"):
        token_gate("short")
    board = Muxboard(hosts=[Host(key="local", local=True)], authorize=known)
    for prefix in ("mux", "/a b", "/a//b", "/../x?", "/(.*)"):
        with pytest.raises(ConfigError, match="prefix"):
            board.handlers(prefix)


def test_importing_muxboard_loads_nothing_of_it():
    said = "import sys, muxboard; print([m for m in sys.modules if m.startswith('muxboard.')])"
    shown = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
    with pytest.raises(AttributeError):
        _ = muxboard.nothing


def test_the_application_may_use_what_the_program_does_without():
    """What ``muxboard serve`` decides for its own process alone: what is imported, and what is collected."""
    code = "import gc, muxboard.cli, muxboard.server, invoke; assert gc.isenabled() > gc.get_freeze_count()"
    subprocess.run([sys.executable, "-c", code], check=True)
