"""Which audit line each thing leaves, with exactly which fields."""

import json
import os

import pytest

from tests.rig.soon import soon
from tests.web.harness import LOGIN, TOKEN

pytestmark = pytest.mark.gen_test(timeout=30)

WHO = {"principal": "operator", "gate": "token", "client": "127.0.0.1"}
WHERE = {"host": "local", "user": LOGIN}


class Trail:
    """The lines of a board's audit file since the last look."""

    def __init__(self, board):
        self.path = board.machine.folder / "audit.log"
        self.seen = 0

    def lines(self) -> list[dict]:
        text = self.path.read_text()
        assert text == "" or text.endswith("\n")
        lines = [json.loads(line) for line in text.splitlines()]
        new, self.seen = lines[self.seen :], len(lines)
        for line in new:
            assert isinstance(line.pop("ts"), float)
        return new

    def one(self) -> dict:
        """The only new line, less its request's id."""
        (line,) = self.lines()
        assert len(line.pop("request_id")) == 16
        return line


@pytest.fixture
def audited(boards, io_loop):
    machine = boards.machine()

    async def start():
        toml = f'[audit]\npath = "{machine.folder}/audit.log"\n[limits]\nattaches_per_principal = 1\n'
        return await boards(toml + 'login_failures = "2/minute"\nrequests = "30/minute"\n', machine=machine)

    return io_loop.run_sync(start)


async def test_a_session_made_renamed_and_killed(audited):
    trail = Trail(audited)
    path = f"api/v1/hosts/local/users/{LOGIN}/sessions"
    await audited.call("POST", path, {"name": "new", "command": "echo typed-secret; cat"})
    assert trail.one() == {"event": "session.create", "result": "ok", **WHO, **WHERE, "session": "new"}
    await audited.call("POST", path, {"name": "new"})
    failed = {"result": "failed", "code": "session_exists"}
    assert trail.one() == {"event": "session.create", **failed, **WHO, **WHERE, "session": "new"}
    await audited.call("PATCH", f"{path}/new", {"name": "newer"})
    assert trail.one() == {"event": "session.rename", "result": "ok", **WHO, **WHERE, "session": "new"}
    await audited.call("DELETE", f"{path}/newer?confirm=newer")
    assert trail.one() == {"event": "session.kill", "result": "ok", **WHO, **WHERE, "session": "newer"}
    await audited.call("DELETE", f"{path}/gone?confirm=gone")
    failed = {"result": "failed", "code": "session_not_found"}
    assert trail.one() == {"event": "session.kill", **failed, **WHO, **WHERE, "session": "gone"}


async def test_a_terminal_from_its_start_to_its_end(audited):
    trail = Trail(audited)
    terminal = await audited.open()
    about = {**WHO, **WHERE, "session": "one", "terminal": terminal, "mode": "control"}
    assert trail.one() == {"event": "terminal.start", "result": "ok", **about}

    refused = await audited.ask()
    assert refused.status == 429
    assert trail.one() == {"event": "cap.refused", "result": "refused", "code": "attach_cap", **WHO}

    socket = await audited.socket(terminal)
    await socket.echoes()
    await audited.call("DELETE", f"api/v1/terminals/{terminal}")
    await soon(lambda: "terminal.end" in trail.path.read_text(), "the end's line")
    line = trail.one()
    assert line.pop("bytes_in") == 13
    assert line.pop("bytes_out") >= socket.offset > 13
    assert line.pop("duration_ms") >= 0
    assert line == {"event": "terminal.end", "result": "detached", **about}


async def test_refused_logins_and_rates(audited):
    trail = Trail(audited)
    client = {"gate": "token", "client": "127.0.0.1", "result": "refused"}
    await audited.call("POST", "api/v1/login", {"token": "wrong-token-wrong"}, token=None)
    assert trail.one() == {"event": "auth.denied", "code": "login", **client}
    await audited.call("GET", "api/v1/me", token="wrong-token-wrong")
    assert trail.one() == {"event": "auth.denied", "code": "bearer", **client}
    await audited.call("GET", "api/v1/me", token="wrong-token-wrong")
    assert trail.one() == {"event": "rate.limited", "code": "login", **client}


async def test_a_rate_that_is_kept_from_somebody_known(audited):
    trail = Trail(audited)
    for _ in range(31):
        await audited.call("POST", "api/v1/refresh")
    assert trail.one() == {"event": "rate.limited", "result": "refused", "code": "requests", **WHO}


async def test_reading_leaves_no_line(audited):
    trail = Trail(audited)
    for path in ("api/v1/me", "api/v1/inventory", "api/v1/terminals", "", "healthz"):
        await audited.call("GET", path)
    await audited.login()
    assert trail.lines() == []


async def test_no_line_holds_a_secret_or_what_was_typed(audited):
    page = await audited.login()
    await audited.call("GET", f"api/v1/me?token={TOKEN}", token="wrong-token-wrong")
    path = f"api/v1/hosts/local/users/{LOGIN}/sessions"
    await audited.call("POST", path, {"name": "x", "command": "echo secret-command"})
    socket = await audited.attached()
    socket.type("secret-input\n")
    await socket.shows("secret-input")
    socket.type(f"{TOKEN}\n")
    await audited.call("POST", "api/v1/logout", token=None, headers=page)
    (terminal,) = audited.service.attacher.table
    await audited.call("DELETE", f"api/v1/terminals/{terminal.id}")
    trail = Trail(audited)
    await soon(lambda: "terminal.end" in trail.path.read_text(), "the end's line")
    text = trail.path.read_text()
    cookie = page["Cookie"].partition("=")[2]
    for secret in (TOKEN, "wrong-token-wrong", "secret-", cookie, cookie.split("|")[-1]):
        assert secret not in text


async def test_hostile_names_stay_on_their_line(audited):
    trail = Trail(audited)
    path = f"api/v1/hosts/local/users/{LOGIN}/sessions"
    await audited.call("DELETE", f"{path}/%1b%5D0;x%07%0A%7B%22event%22:1%7D%E2%80%AEz?confirm=x")
    assert trail.lines() == [], "refused before it was tried"
    name = "%1b%5D0;x%07%0A%7B%22event%22:1%7D%E2%80%AEz" + "y" * 4000
    await audited.call("DELETE", f"{path}/{name}?confirm={name}")
    raw = trail.path.read_bytes()
    assert raw.count(b"\n") <= 1
    assert len(raw) <= 4096
    assert not any(byte < 0x20 for byte in raw.rstrip(b"\n"))
    assert "\u202e" not in raw.decode()


async def test_the_file_is_its_owners_and_each_line_is_one_write(audited, monkeypatch):
    trail = Trail(audited)
    assert trail.path.stat().st_mode & 0o777 == 0o600
    writes = []
    write = os.write
    audit_fd = audited.service.audit._fd

    def spy(fd: int, data: bytes) -> int:
        if fd == audit_fd:
            writes.append(bytes(data))
        return write(fd, data)

    monkeypatch.setattr(os, "write", spy)
    await audited.open()
    await audited.ask()
    assert len(writes) == 2
    assert all(data.endswith(b"\n") and data.count(b"\n") == 1 for data in writes)


@pytest.mark.parametrize(("policy", "status"), [("refuse", 503), ("continue", 201)])
async def test_when_no_line_can_be_written_the_policy_decides(boards, policy, status):
    board = await boards(f'[audit]\npath = "/dev/full"\non_failure = "{policy}"\n')
    answer = await board.ask()
    assert answer.status == status
    if status == 503:
        assert answer.code == "audit_unavailable"
        assert board.used == 0
        assert board.tmux.clients() == []
    made = await board.call("POST", f"api/v1/hosts/local/users/{LOGIN}/sessions", {"name": "new"})
    assert made.status in {201, 503}
    assert ("new" in board.tmux.ls()) == (made.status == 201)
