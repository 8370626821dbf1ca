"""Replicas share their hosts out: each is asked by one of them at a time, and all know what it said."""

from __future__ import annotations

import contextlib
import http.client
import time

import pytest

from tests.real.fleet import config, hosts, names, settled, ssh_host, users
from tests.rig.waiting import until

WATCHED_S = 0.5
LOOK_S = 5.0


@pytest.fixture
def asked(unix_users, tmp_path):
    """Returns how often the host's tmux was asked for its sessions, in seconds from now."""
    tmux = unix_users.tmux(unix_users.service)
    tmux.new("one", "sleep 1000")
    tmux("set-hook", "-g", "after-list-sessions", "set -gF @asked '#{e|+:#{@asked},1}'")
    tmux("set", "-g", "@asked", "0")

    def count(seconds: float) -> int:
        before = int(tmux("show", "-gv", "@asked"))
        time.sleep(seconds)
        return int(tmux("show", "-gv", "@asked")) - before

    return count


@pytest.fixture
def start(start_service, redis, sshd, unix_users, make_key, tmp_path):  # noqa: PLR0917
    """Call it for one more replica, which asks a host over ssh."""
    key = make_key()
    sshd.authorize(unix_users.service, key)
    known = tmp_path / "known_hosts"
    known.write_text(sshd.known_hosts())
    content = config(known, key.path, ssh_host("web", sshd, unix_users.service))
    content["inventory"] |= {"interval": "60s", "watched_interval": f"{WATCHED_S}s"}
    return lambda: start_service(content, env={"MUXBOARD_REGISTRY_URL": redis.url})


@contextlib.contextmanager
def watched(*services):
    """A dashboard of each is open."""
    with contextlib.ExitStack() as stack:
        for service in services:
            connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=15)
            stack.callback(connection.close)
            connection.request("GET", "/api/v1/events", headers={"Authorization": f"Bearer {service.token}"})
            stack.callback(connection.getresponse().close)
        yield


def test_three_ask_no_oftener_than_one(start, asked, unix_users):
    first = start()
    settled(first)
    with watched(first):
        alone = asked(LOOK_S)
    assert alone >= LOOK_S / WATCHED_S / 2, "it was asked at all"

    three = [first, start(), start()]
    for service in three:
        assert names(users(settled(service)["web"])[unix_users.service]) == ["one"]
    with watched(*three):
        together = asked(LOOK_S)
    assert alone / 2 <= together <= alone * 1.7, "three alone would make three times as many"


def test_one_that_starts_knows_what_the_others_know(start, sshd, unix_users):
    unix_users.tmux(unix_users.service).new("one", "sleep 1000")
    first = start()
    at = settled(first)["web"]["checked_at"]
    logins = len(sshd.logins())
    assert settled(start())["web"]["checked_at"] == at
    assert len(sshd.logins()) == logins, "nobody had to log in for it"


def test_what_one_changes_all_see(start, unix_users):
    unix_users.tmux(unix_users.service).new("one", "sleep 1000")
    one, other = start(), start()
    for service in (one, other):
        settled(service)
    path = f"/api/v1/hosts/web/users/{unix_users.service}/sessions"
    assert one.request("POST", path, json={"name": "two"}).status == 201
    until(
        lambda: names(users(hosts(other)["web"])[unix_users.service]) == ["one", "two"],
        "the new one",
        seconds=3,
    )


def test_a_host_is_asked_by_another_when_its_replica_has_died(start, unix_users):
    tmux = unix_users.tmux(unix_users.service)
    tmux.new("one", "sleep 1000")
    dead, living = start(), start()
    settled(living)
    with watched(dead):
        until(lambda: hosts(living)["web"]["checked_at"] == hosts(dead)["web"]["checked_at"], "its report")
        dead.process.kill()
        dead.process.wait()
    tmux.new("two", "sleep 1000")
    with watched(living):
        until(
            lambda: names(users(hosts(living)["web"])[unix_users.service]) == ["one", "two"], "it", seconds=45
        )
