"""SIGHUP: hosts come, go and change; a broken file changes nothing."""

from __future__ import annotations

import http.client
import json
import signal
from pathlib import Path

import psutil
import pytest

from tests.real.fleet import attach, config, hosts, names, rewrite, settled, ssh_host, users
from tests.rig.soon import soon
from tests.rig.waiting import until

pytestmark = pytest.mark.gen_test(timeout=60)


@pytest.fixture
def fleet(sshd, unix_users, make_key, start_service, tmp_path):
    """A service on the hosts ``one`` and ``two``, with a session on both; and what makes its file."""
    key = make_key()
    sshd.authorize(unix_users.service, key)
    known = tmp_path / "known_hosts"
    known.write_text(sshd.known_hosts())
    unix_users.tmux(unix_users.service).new("api", "cat")

    class Fleet:
        user = unix_users.service

        @staticmethod
        def host(key, **fields):
            return ssh_host(key, sshd, unix_users.service, **fields)

        @staticmethod
        def file(*entries, **more):
            return config(known, key.path, *entries, **more)

        def reload(self, *entries, **more):
            before = self.service.log.count(" hosts added, ")
            rewrite(self.service, self.file(*entries, **more))
            self.service.process.send_signal(signal.SIGHUP)
            until(lambda: self.service.log.count(" hosts added, ") > before, "the reload in the log")

    found = Fleet()
    found.service = start_service(found.file(found.host("one"), found.host("two")))
    settled(found.service)
    return found


class Events:
    """What the event stream has told so far."""

    def __init__(self, service):
        self._link = http.client.HTTPConnection("127.0.0.1", service.port, timeout=15)
        self._link.request("GET", "/api/v1/events", headers={"Authorization": f"Bearer {service.token}"})
        self._stream = self._link.getresponse()

    def wait_for(self, text):
        """Read until something told holds a text."""
        for _ in range(500):
            line = self._stream.readline().decode()
            if text in line:
                return line
        raise AssertionError(text)

    def close(self):
        self._stream.close()
        self._link.close()


def test_a_new_host_appears_in_the_inventory_and_the_stream(fleet):
    events = Events(fleet.service)
    try:
        events.wait_for('"one"')
        fleet.reload(fleet.host("one"), fleet.host("two"), fleet.host("three"))
        assert "1 hosts added, 0 removed, 0 changed" in fleet.service.log
        assert "has changed" not in fleet.service.log, "nothing else has"
        events.wait_for('"three"')
    finally:
        events.close()
    found = settled(fleet.service)
    assert list(found) == ["one", "two", "three"]
    assert names(users(found["three"])[fleet.user]) == ["api"]


@pytest.mark.parametrize(
    ("day", "says"),
    [
        ("removed", "The host one was taken out of the configuration."),
        ("changed", "The configuration of the host one has changed."),
    ],
)
async def test_a_host_that_goes_or_changes_ends_its_terminals_and_no_others(fleet, day, says):
    mine = await attach(fleet.service, "one", fleet.user, "api")
    other = await attach(fleet.service, "two", fleet.user, "api")
    await mine.echoes()
    await other.echoes()
    entries = [fleet.host("two")]
    if day == "changed":
        entries.append(fleet.host("one", tmux_users=[fleet.user]))
    fleet.reload(*entries)
    told = await mine.message("exit")
    assert (told["reason"], told["message"]) == ("revoked", says)
    mine.cut()
    await other.echoes()
    assert ("one" in hosts(fleet.service)) == (day == "changed")
    if day == "removed":
        body = {
            "host": "one",
            "user": fleet.user,
            "session": "api",
            "mode": "control",
            "cols": 80,
            "rows": 24,
        }
        assert fleet.service.request("POST", "/api/v1/terminals", json=body).json()["code"] == "not_found"
        masters = lambda: [  # noqa: E731
            child for child in psutil.Process(fleet.service.pid).children() if "-N" in child.cmdline()
        ]
        await soon(lambda: len(masters()) == 1, "the end of its master")
    other.cut()


async def test_a_label_is_changed_without_a_new_login(fleet, sshd):
    socket = await attach(fleet.service, "one", fleet.user, "api")
    await socket.echoes()
    before = sshd.connections()
    fleet.reload(fleet.host("two"), fleet.host("one", label="the first", session_order=["b"]))
    found = hosts(fleet.service)
    assert list(found) == ["two", "one"]
    assert found["one"]["label"] == "the first"
    assert names(users(found["one"])[fleet.user]) == ["api"], "what was seen stays"
    await socket.echoes()
    assert sshd.connections() == before
    socket.cut()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("[[hosts]]\nkey = 'one'\nhostname = '-oProxyCommand=x'\n", "hosts[0].hostname: must be a host name"),
        ("[[hosts]\n", "is not TOML"),
        ("[[hosts]]\nkey = 'one'\nhostname = 'h'\npassword_env = 'NOT_SET'\n", "hosts[0].password_env: the"),
        (None, "cannot be read"),
    ],
    ids=["value", "syntax", "secret", "gone"],
)
async def test_a_broken_file_changes_nothing_and_says_why(fleet, content, says):
    socket = await attach(fleet.service, "one", fleet.user, "api")
    await socket.echoes()
    if content is None:
        fleet.service.config_file.unlink()
    else:
        fleet.service.config_file.write_text(content)
    fleet.service.process.send_signal(signal.SIGHUP)
    until(lambda: says in fleet.service.log, "the reason in the log")
    line = next(line for line in fleet.service.log.splitlines() if says in line)
    assert f"reload: {fleet.service.config_file}: " in _text(line)
    assert "nothing has changed" in fleet.service.log
    assert list(hosts(fleet.service)) == ["one", "two"]
    await socket.echoes()
    socket.cut()
    # Mended, it is taken.
    fleet.reload(fleet.host("one"))
    assert list(hosts(fleet.service)) == ["one"]


def _text(line):
    try:
        return json.loads(line).get("message", line)
    except ValueError:
        return line


async def test_what_a_reload_does_not_apply_is_said_and_not_done(fleet):
    """Terminals do not end for a limit that is for the next start."""
    socket = await attach(fleet.service, "one", fleet.user, "api")
    await socket.echoes()
    changed = {"inventory": {"connect_timeout": "7s", "command_timeout": "3s"}}
    fleet.reload(fleet.host("one"), fleet.host("two"), **changed)
    until(lambda: "[inventory] has changed: restart" in fleet.service.log, "the warning")
    until(lambda: "0 hosts added, 0 removed, 0 changed" in fleet.service.log, "the reload")
    await socket.echoes()
    socket.cut()


async def test_many_signals_are_as_good_as_one(fleet):
    rewrite(fleet.service, fleet.file(fleet.host("one"), fleet.host("new")))
    for _ in range(30):
        fleet.service.process.send_signal(signal.SIGHUP)
    until(lambda: list(hosts(fleet.service)) == ["one", "new"], "the new hosts")
    assert settled(fleet.service)["new"]["state"] == "ok"


def folders():
    return set(Path("/tmp").glob("muxboard-*"))


async def test_a_killed_service_leaves_no_master_no_shell_and_no_file(fleet, start_service, sshd):
    before = folders()
    sockets = [await attach(fleet.service, key, fleet.user, "api") for key in ("one", "two")]
    for socket in sockets:
        await socket.echoes()
    children = psutil.Process(fleet.service.pid).children(recursive=True)
    assert any("-N" in child.cmdline() for child in children)
    assert folders() - before
    fleet.service.process.kill()
    fleet.service.process.wait()
    _, alive = psutil.wait_procs(children, timeout=5)
    assert alive == []
    until(lambda: sshd.pids() == [], "the end of its connections", seconds=15)
    for socket in sockets:
        socket.cut()
    again = start_service(fleet.file(fleet.host("one")))
    assert settled(again)["one"]["state"] == "ok"
    assert folders() - before == set()
