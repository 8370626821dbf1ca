"""The process is told to stop, or is killed; the disk is full; a guess is made: nobody loses a session."""

import asyncio
import json
import os
import shutil
import signal

import psutil
import pytest

from tests.real.fleet import typing
from tests.rig.service import TOKEN, local_host
from tests.rig.soon import soon
from tests.rig.waiting import until
from tests.web.harness import LOGIN, Socket

pytestmark = pytest.mark.gen_test(timeout=60)

SESSION = "going on"


@pytest.fixture
def audited(start_service, tmux, tmp_path):
    """A process with an audit file and the session ``going on``."""
    tmux.new(SESSION, "cat")
    config = {"hosts": [local_host()], "audit": {"path": str(tmp_path / "audit.log")}}
    return start_service(config, env={"TMUX_TMPDIR": str(tmux.folder)})


async def attach(service, session=SESSION) -> Socket:
    return await typing(service, "local", LOGIN, session)


async def test_sigterm_tells_every_terminal_and_ends_well(audited, tmux, tmp_path):
    """Exit 0, within ``drain``, with 1012, no session lost, no child and no descriptor left."""
    sockets = [await attach(audited) for _ in range(3)]
    children = psutil.Process(audited.pid).children(recursive=True)
    assert len(children) >= 3

    audited.process.send_signal(signal.SIGTERM)

    for socket in sockets:
        told = await socket.message("exit")
        assert (told["reason"], told.keys()) == ("draining", {"type", "reason", "code", "message"})
        assert await socket.close_code() == 1012
        socket.cut()
    await soon(lambda: audited.process.poll() is not None, "the end", seconds=5)
    assert audited.process.returncode == 0
    _, alive = psutil.wait_procs(children, timeout=2)
    assert alive == []
    assert tmux.ls() == [SESSION]
    assert tmux.clients() == []
    events = [json.loads(line)["event"] for line in (tmp_path / "audit.log").read_text().splitlines()]
    assert events == ["terminal.start"] * 3 + ["terminal.end"] * 3
    assert "Traceback" not in audited.log


async def test_sigint_is_a_graceful_stop_too(audited):
    socket = await attach(audited)
    audited.process.send_signal(signal.SIGINT)
    assert (await socket.message("exit"))["reason"] == "draining"
    await soon(lambda: audited.process.poll() is not None, "the end", seconds=5)
    assert audited.process.returncode == 0
    socket.cut()


async def test_a_client_that_does_not_read_holds_no_stop_up(start_service, tmux):
    """Neither a terminal, nor a stream, nor half a request."""
    tmux.new("flood", "yes 0123456789012345678901234567890123456789")
    config = {"hosts": [local_host()], "server": {"drain": "2s"}, "inventory": {"watched_interval": "100ms"}}
    service = start_service(config, env={"TMUX_TMPDIR": str(tmux.folder)})
    answer = service.request(
        "POST", "/api/v1/terminals", json={"host": "local", "user": LOGIN, "session": "flood"}
    )
    path = f"/api/v1/terminals/{answer.json()['id']}/socket"
    headers = {"Authorization": f"Bearer {TOKEN}"}
    silent = await Socket.connect(service.port, path, headers)
    silent.reader._transport.pause_reading()
    opened = []
    for request in (
        f"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n\r\n",
        "POST /api/v1/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{",
        "GET /api/v1",
    ):
        _, writer = await asyncio.open_connection("127.0.0.1", service.port)
        writer.write(request.encode())
        writer.transport.pause_reading()
        opened.append(writer)

    service.process.send_signal(signal.SIGTERM)

    await soon(lambda: service.process.poll() is not None, "the end", seconds=8)
    assert service.process.returncode == 0
    assert tmux.ls() == ["flood"]
    for writer in (*opened, silent.writer):
        writer.transport.abort()


async def test_sigkill_leaves_no_client_on_the_session(audited, tmux):
    """The PTYs close with their owner, and tmux drops the clients behind them."""
    sockets = [await attach(audited) for _ in range(2)]
    children = psutil.Process(audited.pid).children(recursive=True)
    audited.process.kill()
    audited.process.wait()
    for socket in sockets:
        assert await socket.close_code() == 1006
        socket.cut()
    await soon(lambda: tmux.clients() == [], "no client")
    _, alive = psutil.wait_procs(children, timeout=3)
    assert alive == []
    assert tmux.ls() == [SESSION]


async def test_a_new_process_goes_on_with_the_same_sessions(audited, start_service, tmux):
    socket = await attach(audited)
    socket.type("typed before\n")
    await socket.shows("typed before")
    audited.process.kill()
    audited.process.wait()
    socket.cut()
    again = start_service({"hosts": [local_host()]}, env={"TMUX_TMPDIR": str(tmux.folder)})
    socket = await attach(again)
    await socket.shows("typed before")
    socket.cut()


async def test_a_second_signal_ends_it_at_once(start_service, tmux, tmp_path):
    """A child that ignores its hang-up keeps the drain waiting."""
    stub = tmp_path / "bin"
    stub.mkdir()
    (stub / "tmux").write_text(
        f'#!/bin/sh\ncase "$*" in *attach-session*) trap "" HUP TERM; : >{tmp_path}/deaf\n'
        "while :; do sleep 0.1; done;; esac\n"
        f'exec {shutil.which("tmux")} "$@"\n'
    )
    (stub / "tmux").chmod(0o755)
    tmux.new(SESSION, "cat")
    env = {"TMUX_TMPDIR": str(tmux.folder), "PATH": f"{stub}:{os.environ['PATH']}"}
    service = start_service({"hosts": [local_host()]}, env=env)
    body = {"host": "local", "user": LOGIN, "session": SESSION}
    assert service.request("POST", "/api/v1/terminals", json=body).status == 201
    until((tmp_path / "deaf").exists, "a child that ignores its hang-up")
    children = psutil.Process(service.pid).children(recursive=True)
    service.process.send_signal(signal.SIGTERM)
    until(lambda: "draining" in service.log, "the drain")
    service.process.send_signal(signal.SIGTERM)
    until(lambda: service.process.poll() is not None, "the end", seconds=1.5)
    assert service.process.returncode == 1
    for child in children:  # it was not waited for: that is what the second signal asks
        if child.is_running():
            child.kill()
    psutil.wait_procs(children, timeout=3)


async def test_no_secret_is_ever_in_the_log_the_audit_or_an_answer(start_service, tmux, tmp_path):
    tmux.new(SESSION, "cat")
    config = {"hosts": [local_host()], "audit": {"path": str(tmp_path / "audit.log")}}
    env = {"TMUX_TMPDIR": str(tmux.folder), "MUXBOARD_LOG_LEVEL": "DEBUG"}
    service = start_service(config, env=env)
    wrong = "a-wrong-token-that-was-tried"
    said = b""
    for path in ("/", "/api/v1/me", f"/api/v1/me?token={wrong}", "/login", "/nothing", "/api/v1/inventory"):
        for token in (None, wrong, TOKEN):
            said += service.request("GET", path, token=token).body
    for token in (wrong, TOKEN):
        answer = service.request("POST", "/api/v1/login", json={"token": token}, token=None)
        said += answer.body
    cookie = answer.headers["Set-Cookie"].split(";")[0].partition("=")[2]
    assert len(cookie) > 40
    socket = await attach(service)
    socket.type("typed-secret\n")
    await socket.shows("typed-secret")
    socket.cut()
    until(lambda: "terminal.start" in (tmp_path / "audit.log").read_text(), "the audit line")
    written = service.log + (tmp_path / "audit.log").read_text()
    for secret in (TOKEN, wrong, cookie, "typed-secret"):
        assert secret not in written
        assert secret.encode() not in said
    environ = psutil.Process(service.pid).children(recursive=True)[0].environ()
    assert not any(TOKEN in value for value in environ.values()), "nor in the environment of a child"
