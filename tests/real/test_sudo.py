"""Other people's tmux through real sudo: what the rule allows works, and nothing else does."""

from __future__ import annotations

import os
import pwd
import subprocess

import psutil
import pytest

from tests.rig.users import SUDOERS
from tests.rig.waiting import until


@pytest.fixture
def started(unix_users, start_service):
    """The service as a Unix user, for itself, a user that a rule covers, and one that none does."""
    users = [unix_users.service, unix_users.deploy, unix_users.no_sudo]
    for name in users:
        unix_users.tmux(name).new(f"of-{name}", "sleep 1000")
    return start_service(
        {
            "hosts": [{"key": "local", "local": True, "tmux_users": users}],
            "inventory": {"command_timeout": "1s", "watched_interval": "1s"},
        },
        user=unix_users.service,
    )


def seen(service):
    """Every tmux user's part of a sweep that begins now."""
    before = service.request("GET", "/api/v1/inventory").json()["hosts"][0]["checked_at"]
    assert service.request("POST", "/api/v1/refresh", json={}).status == 202

    def later():
        (host,) = service.request("GET", "/api/v1/inventory").json()["hosts"]
        return host if host["checked_at"] > before else None

    return {user["name"]: user for user in until(later, "a sweep")["users"]}


def names(user):
    return [session["name"] for session in user["sessions"]]


def path(user, *more):
    return "/".join(["/api/v1/hosts/local/users", user, "sessions", *more])


def test_own_and_allowed_users_are_shown_and_the_third_is_refused(unix_users, started):
    users = seen(started)
    assert {name: user["state"] for name, user in users.items()} == {
        unix_users.service: "ok",
        unix_users.deploy: "ok",
        unix_users.no_sudo: "sudo_refused",
    }
    assert names(users[unix_users.service]) == [f"of-{unix_users.service}"]
    assert names(users[unix_users.deploy]) == [f"of-{unix_users.deploy}"]
    assert names(users[unix_users.no_sudo]) == []


def test_sessions_of_an_allowed_user_are_made_renamed_and_killed_as_that_user(unix_users, started):
    deploy, theirs = unix_users.deploy, unix_users.tmux(unix_users.deploy)
    made = started.request(
        "POST", path(deploy), json={"name": "#(touch x)", "command": "id -un; pwd; exec sleep 1000"}
    )
    assert made.status == 201, made.text
    assert "#(touch x)" in theirs.ls()
    until(lambda: "/home" in theirs("capture-pane", "-p", "-t", made.json()["id"]), "what it printed")
    assert theirs("capture-pane", "-p", "-t", made.json()["id"]).split()[:2] == [deploy, f"/home/{deploy}"]
    assert started.request("PATCH", path(deploy, "%23(touch%20x)"), json={"name": "two"}).status == 200
    assert "two" in theirs.ls()
    assert started.request("DELETE", path(deploy, "two") + "?confirm=two").status == 204
    assert theirs.ls() == [f"of-{deploy}"]


def test_a_refused_user_is_refused_for_everything(unix_users, started):
    before = unix_users.tmux(unix_users.no_sudo).ls()
    for answer in (
        started.request("POST", path(unix_users.no_sudo), json={"name": "x"}),
        started.request("DELETE", path(unix_users.no_sudo, before[0]) + f"?confirm={before[0]}"),
        started.request(
            "POST",
            "/api/v1/terminals",
            json={
                "host": "local",
                "user": unix_users.no_sudo,
                "session": before[0],
                "mode": "control",
                "cols": 80,
                "rows": 24,
            },
        ),
    ):
        assert (answer.status, answer.json()["code"]) == (502, "sudo_refused")
    assert unix_users.tmux(unix_users.no_sudo).ls() == before


def test_the_remedy_that_is_given_mends_it(unix_users, started):
    """The line, pasted into sudoers as it is, is valid and is all that was missing."""
    remedy = seen(started)[unix_users.no_sudo]["remedy"]
    old = SUDOERS.read_text()
    try:
        SUDOERS.write_text(f"{old}{remedy}\n")
        subprocess.run(["visudo", "--check", "--quiet", "--file", str(SUDOERS)], check=True)
        until(lambda: seen(started)[unix_users.no_sudo]["state"] == "ok", "the refused user's tmux")
        assert names(seen(started)[unix_users.no_sudo]) == [f"of-{unix_users.no_sudo}"]
    finally:
        SUDOERS.write_text(old)


def test_an_attach_through_sudo_ends_with_its_terminal(unix_users, started):
    deploy, theirs = unix_users.deploy, unix_users.tmux(unix_users.deploy)
    body = {
        "host": "local",
        "user": deploy,
        "session": f"of-{deploy}",
        "mode": "control",
        "cols": 100,
        "rows": 30,
    }
    opened = started.request("POST", "/api/v1/terminals", json=body)
    assert opened.status == 201, opened.text
    until(lambda: theirs("list-clients", "-F", "#{client_width} #{client_height}") == "100 30\n", "a client")
    assert started.request("DELETE", f"/api/v1/terminals/{opened.json()['id']}").status == 204
    until(lambda: theirs.clients() == [], "the client's end")
    until(lambda: not psutil.Process(started.pid).children(), "the end of sudo and all below it")


def test_a_stopped_server_of_another_user_gathers_no_clients(unix_users, started):
    """Each sweep that times out ends its tmux, also the one behind sudo, which we may not signal."""
    deploy = unix_users.deploy
    server = psutil.Process(int(unix_users.tmux(deploy)("display-message", "-p", "#{pid}")))
    uid = pwd.getpwnam(deploy).pw_uid

    def waiting():
        found = psutil.process_iter(["cmdline", "uids"])
        return [
            each for each in found if uid in each.info["uids"] and "list-sessions" in each.info["cmdline"]
        ]

    server.suspend()
    try:
        until(lambda: seen(started)[deploy]["state"] == "error", "a sweep that times out")
        for _ in range(2):
            seen(started)
        until(lambda: len(waiting()) <= 1, "the end of the clients that waited", seconds=3)
    finally:
        server.resume()
    until(lambda: seen(started)[deploy]["state"] == "ok", "its recovery")


def test_the_service_has_no_more_rights_than_the_rule(unix_users, started):
    """The test means nothing if the service's user could do anything: it may run tmux, as one user."""
    as_service = {"user": unix_users.service, "group": unix_users.service, "extra_groups": [], "cwd": "/"}
    for argv in (
        ["sudo", "-n", "-u", unix_users.deploy, "id"],
        ["sudo", "-n", "-u", unix_users.no_sudo, "tmux", "ls"],
        ["sudo", "-n", "tmux", "ls"],
    ):
        assert subprocess.run(
            argv, check=False, capture_output=True, env={"PATH": os.environ["PATH"]}, **as_service
        ).returncode
