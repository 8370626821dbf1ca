"""The whole service over real sshds: other users, other sockets, strange names, strange shells."""

from __future__ import annotations

import contextlib
import shutil
import subprocess

import psutil
import pytest

from tests.real.fleet import attach, config, names, path, settled, ssh_host, swept, users
from tests.rig.users import SUDOERS, let_in
from tests.rig.waiting import until

pytestmark = pytest.mark.gen_test(timeout=60)


@pytest.fixture
def fleet(sshd, unix_users, make_key, start_service, tmp_path):
    """Call it with hosts' entries for a service that reaches them; ``host`` makes one."""
    key = make_key()
    for user in (unix_users.service, unix_users.deploy, unix_users.noisy):
        sshd.authorize(user, key)
    known = tmp_path / "known_hosts"
    known.write_text(sshd.known_hosts())

    def start(*entries, **more):
        return start_service(config(known, key.path, *entries, **more))

    start.host = lambda key, user=unix_users.service, **fields: ssh_host(key, sshd, user, **fields)
    return start


def test_own_allowed_and_refused_users_are_asked_by_one_command(fleet, unix_users, sshd):
    three = [unix_users.service, unix_users.deploy, unix_users.no_sudo]
    for name in three:
        unix_users.tmux(name).new(f"of-{name}", "sleep 1000")
    service = fleet(fleet.host("web", tmux_users=three))
    shown = users(settled(service)["web"])
    assert {name: user["state"] for name, user in shown.items()} == {
        unix_users.service: "ok",
        unix_users.deploy: "ok",
        unix_users.no_sudo: "sudo_refused",
    }
    assert [names(shown[name]) for name in three[:2]] == [[f"of-{name}"] for name in three[:2]]
    for _ in range(3):
        swept(service, "web")
    started = [line for line in sshd.log.splitlines() if line.startswith("Starting session")]
    assert len(started) == 1, "one shell for all sweeps"
    assert sshd.connections() == 1

    remedy = shown[unix_users.no_sudo]["remedy"]
    old = SUDOERS.read_text()
    try:
        SUDOERS.write_text(f"{old}{remedy}\n")
        subprocess.run(["visudo", "--check", "--quiet", "--file", str(SUDOERS)], check=True)
        shown = users(swept(service, "web"))
        assert names(shown[unix_users.no_sudo]) == [f"of-{unix_users.no_sudo}"]
    finally:
        SUDOERS.write_text(old)


async def test_everything_can_be_done_on_another_users_tmux(fleet, unix_users):
    deploy, theirs = unix_users.deploy, unix_users.tmux(unix_users.deploy)
    service = fleet(fleet.host("web", tmux_users=[deploy]))
    settled(service)
    name = "#(touch x) 'it' \"$(id)\" ; é —"
    made = service.request(
        "POST", path("web", deploy), json={"name": name, "command": "id -un; pwd; exec cat"}
    )
    assert made.status == 201, made.text
    assert theirs.ls() == [name]
    until(lambda: "/home" in theirs("capture-pane", "-p", "-t", made.json()["id"]), "what it printed")
    shown = service.request("GET", path("web", deploy, name, "preview")).text
    assert shown.split()[:2] == [deploy, f"/home/{deploy}"]
    assert deploy in service.request("GET", path("web", deploy, name, "scrollback")).text
    twice = service.request("POST", path("web", deploy), json={"name": name})
    assert (twice.status, twice.json()["code"]) == (409, "session_exists")

    socket = await attach(service, "web", deploy, name)
    await socket.echoes()
    viewer = await attach(service, "web", deploy, name, "view")
    viewer.type("never\n")
    await socket.echoes()
    assert "never" not in theirs("capture-pane", "-p", "-t", made.json()["id"])

    assert service.request("PATCH", path("web", deploy, name), json={"name": "-two"}).status == 200
    assert theirs.ls() == ["-two"]
    assert service.request("DELETE", path("web", deploy, "-two") + "?confirm=-two").status == 204
    for each in (socket, viewer):
        assert (await each.message("exit"))["reason"] == "killed"
        each.cut()
    assert theirs.ls() == []


@pytest.mark.parametrize("shell", ["/bin/bash", "/bin/dash"])
async def test_login_shells(fleet, unix_users, shell):
    """Whatever it prints of its own accord is not what we asked for. bash reads its start-up file here."""
    user = unix_users.noisy
    unix_users.use_shell(user, shell)
    unix_users.tmux(user).new("api", "cat")
    unix_users.tmux(unix_users.deploy).new("theirs", "cat")
    service = fleet(fleet.host("web", user, tmux_users=[user, unix_users.deploy, unix_users.no_sudo]))
    shown = users(settled(service)["web"])
    assert [(names(each), each["state"]) for each in shown.values()] == [
        (["api"], "ok"),
        (["theirs"], "ok"),
        ([], "sudo_refused"),
    ], shown
    for name, session in ((user, "api"), (unix_users.deploy, "theirs")):
        socket = await attach(service, "web", name, session)
        await socket.echoes()
        socket.cut()


def test_a_shell_that_lets_nobody_in_is_told(fleet, unix_users):
    unix_users.use_shell(unix_users.noisy, "/usr/sbin/nologin")
    host = settled(fleet(fleet.host("web", unix_users.noisy)))["web"]
    assert host["state"] == "error"
    assert f"{unix_users.noisy} gets no shell" in host["problem"]
    assert "account is currently not available" in host["problem"]


def test_two_tmux_servers_on_one_host(fleet, unix_users):
    """One by tmux_socket, one by tmux_socket_file, besides the default one: three hosts of the list."""
    user = unix_users.service
    theirs = unix_users.tmux(user)
    theirs.new("default", "sleep 1000")
    folder = theirs.socket.parent
    for name in ("one", "two"):
        theirs("-S", str(folder / name), "new-session", "-d", "-s", f"on-{name}", "sleep 1000")
    file = folder / "which"
    file.write_text(f"{folder}/two\n")
    shutil.chown(file, user, user)
    service = fleet(
        fleet.host("plain"),
        fleet.host("one", tmux_socket=f"{folder}/one"),
        fleet.host("two", tmux_socket_file=str(file)),
    )
    found = settled(service)
    assert {key: names(users(host)[user]) for key, host in found.items()} == {
        "plain": ["default"],
        "one": ["on-one"],
        "two": ["on-two"],
    }
    made = service.request("POST", path("two", user), json={"name": "made"})
    assert made.status == 201, made.text
    assert "made" in theirs("-S", str(folder / "two"), "list-sessions")
    file.unlink()
    for name in ("one", "two"):
        theirs("-S", str(folder / name), "kill-server")
        (folder / name).unlink(missing_ok=True)


@pytest.mark.parametrize(
    "day", ["a stranger's file", "a shared file", "a shared folder", "a stranger's socket", "no file"]
)
def test_a_strangers_socket_is_not_attached_to(fleet, unix_users, tmp_path, day):
    """Whoever names the server that we attach to can make our tmux run commands."""
    user = unix_users.service
    stranger = unix_users.tmux(unix_users.no_sudo)
    stranger.new("trap", "sleep 1000")
    let_in(tmp_path)
    file = tmp_path / "which"
    file.write_text(f"{stranger.socket}\n")
    owner = unix_users.no_sudo if day == "a stranger's file" else user
    shutil.chown(file, owner, owner)
    file.chmod(0o666 if day == "a shared file" else 0o644)
    if day == "a shared folder":
        tmp_path.chmod(0o777)
    if day == "no file":
        file.unlink()
    if day == "a stranger's socket":
        stranger.socket.parent.chmod(0o755)
        stranger.socket.chmod(0o666)
    shown = users(settled(fleet(fleet.host("web", tmux_socket_file=str(file))))["web"])[user]
    assert shown["state"] == "socket_unreadable", shown
    assert names(shown) == []


def test_a_stopped_server_of_one_user_hides_nobody_elses_sessions(fleet, unix_users):
    service_user, deploy = unix_users.service, unix_users.deploy
    for name in (service_user, deploy):
        unix_users.tmux(name).new(f"of-{name}", "sleep 1000")
    service = fleet(fleet.host("web", tmux_users=[deploy, service_user]))
    assert settled(service)["web"]["state"] == "ok"
    server = psutil.Process(int(unix_users.tmux(deploy)("display-message", "-p", "#{pid}")))
    server.suspend()
    try:
        for number in range(2):
            unix_users.tmux(service_user).new(f"new-{number}", "sleep 1000")
            host = swept(service, "web")
            shown = users(host)
            assert host["state"] == "ok"
            assert f"new-{number}" in names(shown[service_user])
            assert (shown[deploy]["state"], names(shown[deploy])) == ("error", [f"of-{deploy}"])
    finally:
        server.resume()

    def recovered():
        return users(swept(service, "web"))[deploy]["state"] == "ok"

    until(recovered, "its recovery", seconds=30)


def test_strange_names_come_through_as_they_are(fleet, unix_users):
    user, theirs = unix_users.service, unix_users.tmux(unix_users.service)
    strange = [
        "=x",
        "%1",
        "@2",
        "$(id)",
        "`id`",
        "a b",
        "#[fg=red]",
        "<b>bold</b>",
        "ünï—✓",
        "'",
        '"',
        "-dash",
        "\\",
    ]
    for name in strange:
        theirs("new-session", "-d", "-s", name.replace("#", "##"), "sleep 1000")
    service = fleet(fleet.host("web"))
    shown = names(users(settled(service)["web"])[user])
    assert sorted(shown) == sorted(theirs.ls())
    for name in shown:
        preview = service.request("GET", path("web", user, name, "preview"))
        assert preview.status == 200, (name, preview.text)
        done = service.request("DELETE", path("web", user, name) + "?" + _query(confirm=name))
        assert done.status == 204, (name, done.text)
    assert theirs.ls() == []


def _query(**fields):
    from urllib.parse import urlencode

    return urlencode(fields)


def test_a_long_history_comes_whole(fleet, unix_users):
    user, theirs = unix_users.service, unix_users.tmux(unix_users.service)
    theirs("set-option", "-g", "history-limit", "50000", ";", "new-session", "-d", "-s", "first", "cat")
    theirs("new-session", "-d", "-s", "long", "-x", "200", "seq -w 1 40000; echo all-of-it; exec cat")
    theirs.wait_for("long", "all-of-it", seconds=30)
    service = fleet(fleet.host("web"))
    settled(service)
    text = service.request("GET", path("web", user, "long", "scrollback"), timeout=30).text
    lines = text.split()
    assert lines[:40000] == [f"{number:05}" for number in range(1, 40001)]


def test_a_host_that_failed_keeps_its_last_sessions(fleet, unix_users, sshd):
    unix_users.tmux(unix_users.service).new("api", "sleep 1000")
    service = fleet(fleet.host("web"))
    before = settled(service)["web"]
    sshd.stop()
    host = swept(service, "web")
    assert (host["state"], host["stale"]) == ("unreachable", True)
    assert names(users(host)[unix_users.service]) == ["api"]
    assert "Connection refused" in host["problem"]
    assert host["seen_at"] == before["seen_at"]
    sshd.start()
    with contextlib.suppress(AssertionError):
        until(lambda: swept(service, "web")["state"] == "ok", "its recovery", seconds=20)
    assert swept(service, "web")["stale"] is False
