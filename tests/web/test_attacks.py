"""What a review by an attacker found, and what must not come back."""

import asyncio
import json
import socket as sockets
import time
from hashlib import sha256
from pathlib import Path

import pytest
from tornado.web import create_signed_value

from muxboard import server
from muxboard.config import ConfigError, load
from muxboard.server import Service
from tests.rig.soon import soon
from tests.web.harness import LOGIN, OTHER, TOKEN

pytestmark = pytest.mark.gen_test(timeout=30)

MINE = f"api/v1/hosts/local/users/{LOGIN}/sessions"


async def test_no_cookie_can_be_made_from_a_guess_of_the_token(board):
    """A key made from the token would let cookies try tokens without being rated or audited."""
    said = json.dumps({"id": "forged", "exp": time.time() + 3600})
    for key in (sha256(b"muxboard session cookie\0" + TOKEN.encode()).digest(), TOKEN.encode()):
        value = create_signed_value(key, "muxboard-session", said).decode()
        answer = await board.call(
            "GET", "api/v1/me", token=None, headers={"Cookie": f'muxboard-{board.port}="{value}"'}
        )
        assert answer.status == 401


async def test_a_revoked_login_stays_revoked_after_a_restart(boards):
    machine = boards.machine()
    first = await boards(machine=machine)
    page = await first.login()
    await first.call("POST", "api/v1/logout", token=None, headers=page)
    second = await boards(machine=machine)
    value = page["Cookie"].partition("=")[2]
    cookie = {"Cookie": f"muxboard-{second.port}={value}"}
    assert (await second.call("GET", "api/v1/me", token=None, headers=cookie)).status == 401


async def test_a_connection_ends_with_the_login_that_opened_it(board):
    """The terminal is another login's and goes on; this connection does not."""
    terminal = await board.open()
    page = await board.login()
    path = f"api/v1/terminals/{terminal}/socket"
    connection = await board.upgrade(path, token=None, **page)
    await connection.echoes()

    await board.call("POST", "api/v1/logout", token=None, headers=page)

    assert (await connection.message("exit"))["reason"] == "revoked"
    assert board.service.services.attacher.table.of(
        next(iter(board.service.services.attacher.table)).principal
    ), "the terminal waits for its own client"
    await (await board.socket(terminal)).echoes()


async def test_a_connection_ends_when_the_login_that_opened_it_has_expired(boards):
    board = await boards('[auth.token]\nsession = "2s"\n')
    terminal = await board.open()
    connection = await board.upgrade(
        f"api/v1/terminals/{terminal}/socket", token=None, **(await board.login())
    )
    assert (await connection.message("exit"))["reason"] == "expired"


@pytest.mark.parametrize("mode", ["view", "control"])
async def test_attaching_leaves_the_sessions_environment_as_it_is(board, mode):
    """tmux would take away what our own environment lacks: the ssh agent, the display."""
    board.tmux("set-environment", "-t", "=one", "DISPLAY", ":0")
    board.tmux("set-environment", "-t", "=one", "SSH_AUTH_SOCK", "/run/agent.sock")
    socket = await board.attached(mode=mode)
    await soon(lambda: board.tmux.clients("one"), "the client")
    await socket.next()
    shown = board.tmux("show-environment", "-t", "=one")
    assert "DISPLAY=:0" in shown
    assert "SSH_AUTH_SOCK=/run/agent.sock" in shown


async def test_a_terminal_whose_tmux_has_gone_is_not_attached_to_another(board):
    """Ids begin anew with a new tmux server: $0 is another session then."""
    socket = await board.attached()
    await socket.echoes()
    terminal = (await board.call("GET", "api/v1/terminals")).json[0]["id"]
    socket.reset()
    await soon(lambda: not next(iter(board.service.attacher.table)).connected, "the cut")
    board.tmux("kill-server")
    await soon(lambda: next(iter(board.service.attacher.table))._running.ended, "the client's end")
    board.tmux.new("other", "cat")

    again = await board.socket(terminal, offset=10**9)

    assert (await again.message("exit"))["reason"] in {"exited", "detached"}
    assert board.tmux.clients("other") == []


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("rest", ["/preview", "/scrollback"])
async def test_a_page_elsewhere_cannot_even_use_up_the_rate(board, site, rest):
    """Another port is the same site: SameSite does not keep its pages from sending the cookie."""
    page = await board.login()
    headers = {"Cookie": page["Cookie"], "Sec-Fetch-Site": site}
    answer = await board.call("GET", f"{MINE}/one{rest}", token=None, headers=headers)
    assert (answer.status, answer.code) == (403, "origin_refused")
    headers = {"Cookie": page["Cookie"], "Sec-Fetch-Site": "same-origin"}
    assert (await board.call("GET", f"{MINE}/one{rest}", token=None, headers=headers)).status == 200


async def test_who_is_over_a_limit_writes_one_line_and_not_one_each_time(boards, tmp_path):
    audit = tmp_path / "audit.jsonl"
    board = await boards(f'[limits]\nlogin_failures = "2/minute"\n[audit]\npath = "{audit}"\n')
    for _ in range(30):
        await board.call("GET", "api/v1/me", token="not-the-token-at-all")
    events = [json.loads(line)["event"] for line in audit.read_text().splitlines()]
    assert events.count("rate.limited") == 1
    assert events.count("auth.denied") == 2


async def test_behind_tls_the_public_url_alone_makes_the_cookie_secure(boards):
    board = await boards('[server]\npublic_url = "https://ops.example.com/"\n')
    answer = await board.call(
        "POST", "api/v1/login", {"token": TOKEN}, token=None, headers={"Host": "ops.example.com"}
    )
    assert answer.headers["Set-Cookie"].startswith("__Host-muxboard=")
    assert "Secure" in answer.headers["Set-Cookie"]


async def test_what_fails_for_a_hidden_user_is_not_told(boards):
    grants = f'[[grants]]\nprincipals = ["alice"]\nrole = "viewer"\nusers = ["{LOGIN}"]\n'
    board = await boards(
        grants + '[[hosts]]\nkey = "local"\nlocal = true\ntmux_users = ["'
        f'{LOGIN}", "nosuchuser"]\ntmux_socket = "/proc/1/none/sock"\n'
    )
    seen = (await board.call("GET", "api/v1/inventory", token="person-alice")).body.decode()
    assert "nosuchuser" not in seen
    assert OTHER not in seen


async def test_a_title_as_long_as_it_likes_is_cut(board):
    board.tmux("select-pane", "-t", "=one:", "-T", "t" * 5000)
    await board.service.sweeper.refresh(board.service.sweeper.hosts["local"])
    (user,) = (await board.call("GET", "api/v1/inventory")).json["hosts"][0]["users"]
    assert len(user["sessions"][0]["title"]) == 256


async def test_connections_are_bounded_and_the_service_answers_again(boards, monkeypatch):
    monkeypatch.setattr(server.resource, "getrlimit", lambda _: (40, 40))
    board = await boards()
    silent = [await asyncio.open_connection("127.0.0.1", board.port) for _ in range(60)]
    connections = board.service._servers[0]._connections
    await soon(lambda: len(connections) == 20, "half of what we may have")
    for _, writer in silent:
        writer.transport.abort()
    await soon(lambda: len(connections) < 20, "the end of some")
    assert (await board.call("GET", "healthz")).status == 200


def unix_service(tmp_path: Path, monkeypatch, path: Path) -> Service:
    monkeypatch.setattr(server, "Assets", lambda: None)
    file = tmp_path / "muxboard.toml"
    file.write_text(f'[server]\nbind = "unix:{path}"\n')
    return Service(load(str(file), {"MUXBOARD_TOKEN": TOKEN}), {"TMUX_TMPDIR": str(tmp_path)})


async def test_a_file_in_the_place_of_the_socket_survives(tmp_path, monkeypatch):
    precious = tmp_path / "precious.txt"
    precious.write_text("keep")
    service = unix_service(tmp_path, monkeypatch, precious)
    with pytest.raises(ConfigError, match="not a socket"):
        await service.start()
    await service.stop()
    assert precious.read_text() == "keep"


async def test_somebody_elses_socket_is_neither_taken_nor_removed(tmp_path, monkeypatch):
    path = tmp_path / "http.sock"
    with sockets.socket(sockets.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        service = unix_service(tmp_path, monkeypatch, path)
        with pytest.raises(ConfigError, match="already"):
            await service.start()
        await service.stop()
        assert path.is_socket()


async def test_our_own_socket_goes_with_us_and_a_stale_one_is_replaced(tmp_path, monkeypatch):
    path = tmp_path / "http.sock"
    with sockets.socket(sockets.AF_UNIX) as stale:
        stale.bind(str(path))
    service = unix_service(tmp_path, monkeypatch, path)
    await service.start()
    assert path.is_socket()
    assert service.url == f"unix:{path}#token={TOKEN}"
    await service.stop()
    assert not path.exists()
