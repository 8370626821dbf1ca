"""Every way in which a tmux user cannot be asked is told apart, with what mends it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
import stat
import time
from pathlib import Path

import psutil
import pytest

from muxboard.problems import Code, Problem
from tests.rig.soon import soon

pytestmark = pytest.mark.gen_test(timeout=30)


async def only_user(host):
    report = await host.sweep_after_change()
    (user,) = report.users
    return report, user


def descriptors():
    return len(list(Path("/proc/self/fd").iterdir()))


def on_path(rig, **programs):
    """A PATH with nothing but these shell scripts."""
    folder = rig.folder / "bin"
    folder.mkdir(exist_ok=True)
    for name, script in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(stat.S_IRWXU)
    return {"PATH": str(folder)}


async def test_no_server_is_not_an_error(host):
    """Nobody has used tmux yet: nothing to show, nothing to mend."""
    report, user = await only_user(host)
    assert (report.state, report.stale, user.state, user.problem) == ("ok", False, "no_server", None)
    with pytest.raises(Problem) as told:
        await host.find(host.login, "api")
    assert told.value.code is Code.session_not_found


async def test_a_server_that_has_gone_leaves_a_socket_and_is_no_server(tmux, host):
    tmux.new("api", "sleep 1000")
    pid = int(tmux("display-message", "-p", "#{pid}"))
    os.kill(pid, signal.SIGKILL)
    await soon(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() == "zombie", "its end")
    assert tmux.socket.exists()
    _, user = await only_user(host)
    assert user.state == "no_server"
    await host.create(host.login, "again", "sleep 1000", "")
    assert tmux.ls() == ["again"]


async def test_tmux_missing_says_what_to_install(tmux, manage):
    host = manage(on_path(tmux))
    report, user = await only_user(host)
    assert (report.state, user.state, user.remedy) == ("ok", "tmux_missing", "apt-get install tmux")
    with pytest.raises(Problem) as told:
        await host.create(host.login, "api", "", "")
    assert told.value.code is Code.tmux_missing


async def test_a_tmux_that_is_not_executable_is_missing(tmux, manage):
    (tmux.folder / "bin").mkdir()
    (tmux.folder / "bin" / "tmux").touch()
    _, user = await only_user(manage({"PATH": str(tmux.folder / "bin")}))
    assert user.state == "tmux_missing"


async def test_sudo_missing_says_so(tmux, manage):
    host = manage(on_path(tmux), tmux_users=["somebody"])
    _, user = await only_user(host)
    assert (user.state, user.problem) == ("sudo_refused", "sudo is not installed.")
    with pytest.raises(Problem) as told:
        await host.find("somebody", "api")
    assert told.value.code is Code.sudo_refused


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("sudo: a password is required", "sudo_refused"),
        ("Sorry, user a is not allowed to execute '/usr/bin/tmux' as b on c.", "sudo_refused"),
        ("a is not in the sudoers file.", "sudo_refused"),
        ("sudo: tmux: command not found", "tmux_missing"),
        ("sudo: unknown user somebody\nsudo: error initializing audit plugin", "error"),
        ("no server running on /tmp/tmux-1/default", "no_server"),
        ("error connecting to /tmp/tmux-1/default (No such file or directory)", "no_server"),
        ("error connecting to /tmp/tmux-1/default (Permission denied)", "error"),
        ("lost server", "no_server"),
        ("server exited unexpectedly", "no_server"),
        ("it said: server exited unexpectedly", "error"),
        ("\x1b[31mred\u202e", "error"),
        ("", "error"),
    ],
)
async def test_what_sudo_and_tmux_say_becomes_a_state(tmux, manage, said, state):
    """The sentences of versions that this machine does not have, by a stand-in for sudo."""
    (tmux.folder / "said").write_text(said + "\n")
    script = f'while read -r line; do echo "$line" >&2; done < {tmux.folder}/said; exit 1'
    scripts = on_path(tmux, sudo=script)
    _, user = await only_user(manage(scripts, tmux_users=["somebody"]))
    assert user.state == state
    assert (user.problem or "").isprintable()
    if state == "sudo_refused":
        assert user.remedy.endswith("ALL=(somebody) NOPASSWD: /usr/bin/tmux")


async def test_an_unknown_unix_user_is_an_error_that_names_it(manage):
    """Asked of the real sudo."""
    report, user = await only_user(manage(tmux_users=["mbtestnobodyatall"]))
    assert (report.state, user.state) == ("error", "error")
    assert user.problem == "There is no Unix user mbtestnobodyatall."
    assert user.remedy == "useradd -m mbtestnobodyatall"


async def test_one_user_in_trouble_does_not_hide_another(tmux, manage):
    tmux.new("api", "sleep 1000")
    host = manage()
    both = manage(tmux_users=[host.login, "mbtestnobodyatall"])
    report = await both.sweep()
    assert report.state == "ok"
    assert {user.name: user.state for user in report.users} == {
        host.login: "ok",
        "mbtestnobodyatall": "error",
    }


async def test_output_that_is_no_listing_is_an_error_not_an_empty_server(tmux, manage):
    _, user = await only_user(manage(on_path(tmux, tmux="echo Welcome!")))
    assert user.state == "error"
    assert "Welcome!" in user.problem


async def test_output_without_an_end_is_bounded(tmux, manage):
    host = manage(on_path(tmux, tmux="PATH=/usr/bin:/bin; exec yes"))
    _, user = await only_user(host)
    assert (user.state, user.problem) == ("error", "tmux printed more than 16 MiB.")
    await soon(lambda: not psutil.Process().children(), "the end of the command")


@pytest.mark.parametrize("own", ["tmux_socket", "tmux_socket_file"])
async def test_a_socket_of_its_own_is_used_for_everything(tmux, manage, own):
    socket = tmux.folder / f"tmux-{os.getuid()}" / "own"
    tmux("new-session", "-d", "-s", "default")
    file = tmux.folder / "socket"
    file.write_text(f"{socket}\nanything else\n")
    host = manage(**{own: str(socket if own == "tmux_socket" else file)})
    assert (await only_user(host))[1].state == "no_server"
    made = await host.create(host.login, "api", "sleep 1000", "")
    _, user = await only_user(host)
    assert [session.name for session in user.sessions] == ["api"]
    words = (await host.on_pty(host.login, made.id, view=True)).argv
    assert words[words.index("-S") + 1] == str(socket)
    assert tmux.ls() == ["default"]


@pytest.mark.parametrize(
    "content",
    [
        None,
        b"",
        b"\n/tmp/x",
        b"relative/path\n",
        b"/tmp/../etc/x\n",
        b"\xff\xfe\x00",
        b"/a b",
        b"/" + b"x" * 5000,
        "folder",
        "fifo",
    ],
    ids=["absent", "empty", "second line", "relative", "dots", "garbage", "space", "long", "folder", "fifo"],
)
async def test_a_socket_file_that_gives_no_socket_is_told(tmux, manage, content):
    file = tmux.folder / "socket"
    if content == "folder":
        file.mkdir()
    elif content == "fifo":
        os.mkfifo(file)
    elif content is not None:
        file.write_bytes(content)
    host = manage(tmux_socket_file=str(file))
    report, user = await only_user(host)
    assert (report.state, user.state) == ("ok", "socket_unreadable")
    assert str(file) in user.problem
    for ask in (host.find(host.login, "api"), host.create(host.login, "api", "", "")):
        with pytest.raises(Problem) as told:
            await ask
        assert told.value.code is Code.host_error


@pytest.fixture
def stopped(tmux):
    """The test's server with one session, stopped as a debugger would; call it to let it go on."""
    tmux.new("api", "sleep 1000")
    process = psutil.Process(int(tmux("display-message", "-p", "#{pid}")))
    yield process
    process.resume()


async def test_a_stopped_server_times_out_keeps_its_sessions_and_recovers(tmux, manage, stopped):
    host = manage(timeout_s=0.3)
    fresh, _ = await only_user(host)
    assert (fresh.state, fresh.stale, fresh.seen_at) == ("ok", False, fresh.checked_at)
    stopped.suspend()
    old, user = await only_user(host)
    assert (old.state, old.stale, user.state, user.stale) == ("timeout", True, "error", True)
    assert [session.name for session in user.sessions] == ["api"]
    assert old.seen_at == fresh.seen_at < old.checked_at
    assert "did not answer within 0.3 s" in old.problem
    for ask in (
        host.find(host.login, "api"),
        host.capture(host.login, "$0", history=True),
        host.exists(host.login, "$0"),  # a guess would end terminals whose session goes on
    ):
        with pytest.raises(Problem) as told:
            await ask
        assert told.value.code is Code.timeout
    stopped.resume()
    again, user = await only_user(host)
    assert (again.state, again.stale, user.state, user.stale) == ("ok", False, "ok", False), again
    assert again.seen_at == again.checked_at > old.checked_at
    await soon(lambda: not psutil.Process().children(), "the end of the clients that waited")


async def test_a_server_that_never_answered_is_no_empty_server(tmux, manage, stopped):
    stopped.suspend()
    report, user = await only_user(manage(timeout_s=0.2))
    assert (report.state, report.seen_at, report.stale, user.state) == ("timeout", 0.0, False, "error")
    await soon(lambda: not psutil.Process().children(), "the end of the command")


async def test_a_host_that_is_closed_during_a_sweep_leaves_no_command(manage, stopped):
    stopped.suspend()
    host = manage(timeout_s=20)
    began = time.monotonic()
    ask = asyncio.ensure_future(host.sweep())
    await soon(lambda: psutil.Process().children(), "the command")
    await host.close()
    with pytest.raises(asyncio.CancelledError):
        await ask
    assert time.monotonic() - began < 5
    await soon(lambda: not psutil.Process().children(), "the end of the command")


async def test_without_descriptors_a_sweep_is_an_error_and_leaks_nothing(tmux, manage):
    """Every step that needs a descriptor fails once; afterwards all is as before."""
    tmux.new("api", "sleep 1000")
    host = manage()
    await host.sweep()
    before = descriptors()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    states = []
    for room in range(12):
        resource.setrlimit(resource.RLIMIT_NOFILE, (before - 1 + room, hard))
        try:
            states.append((await only_user(host))[1].state)
            with contextlib.suppress(Problem):
                await host.find(host.login, "api")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        await soon(lambda: not psutil.Process().children(), "the end of the command")
        assert descriptors() == before
    assert states[0] == "error"
    assert states[-1] == "ok"
    assert states == sorted(states), "it fails until there is room for all of it"


@pytest.mark.parametrize("mode", [0o666, 0o664, 0o622])
async def test_a_socket_file_that_others_can_write_is_not_believed(tmux, manage, mode):
    """Whoever names the tmux server that we attach to can make our tmux run commands."""
    file = tmux.folder / "socket"
    file.write_text("/tmp/somewhere/sock\n")
    file.chmod(mode)
    host = manage(tmux_socket_file=str(file))
    _, user = await only_user(host)
    assert user.state == "socket_unreadable"
    assert "written by others" in user.problem
