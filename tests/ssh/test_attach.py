"""Terminals through ssh: by masters, without them, without ssh; and how they come back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import stat

import psutil
import pytest

from muxboard.config.schema import HostSecrets
from muxboard.config.values import Secret
from muxboard.hosts.ssh import master as masters
from muxboard.problems import Code, Problem
from muxboard.terminals.attach import Request, TmuxLauncher
from muxboard.terminals.messages import NoticeMessage, ResetMessage
from tests.rig.soon import soon
from tests.rig.trees import kill
from tests.ssh.breakers import held
from tests.terminals.desk import ADA, Browser, Desk

pytestmark = pytest.mark.gen_test(timeout=60)


@pytest.fixture
def opened(unix_users, sshd, key, hosts, io_loop):
    """Call it with fields of ``[[hosts]]`` for a host with the session ``api`` and a desk for it."""
    made = []
    sshd.authorize(unix_users.service, key)
    hosts.trust(sshd.known_hosts())
    unix_users.tmux(unix_users.service).new("api", "cat")

    def make(server=sshd, made_by=hosts, **fields):
        fields = {"key_file": key.path, **fields}
        made.append(Desk(made_by(server, unix_users.service, **fields), TmuxLauncher()))
        return made[-1]

    yield make
    for desk in made:
        io_loop.run_sync(desk.close)


async def browse(desk, session="api", mode="control", user=None, size=(80, 24)):
    request = Request(ADA, desk.host, user or desk.host.users[0], session, mode, *size, "127.0.0.1", "r")
    return Browser(await desk.attacher.open(request)).connect()


async def echoes(browser, text=b"still-here"):
    """What is typed comes back."""
    begin = len(browser.got)
    browser.terminal.input(text + b"\r")
    await soon(lambda: text in browser.got[begin:], f"{text!r} after {bytes(browser.got[-300:])!r}")


def clients(name=None):
    """The ssh processes below us: of terminals, or of masters."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            words = child.cmdline()
            if child.name() == "ssh" and (name is None or (name == "master") == ("-N" in words)):
                found.append(child)
    return found


async def test_a_terminal_types_interrupts_and_resizes(opened, unix_users):
    desk = opened()
    theirs = unix_users.tmux(unix_users.service)
    theirs.new("loop", "trap : INT; sleep 1000; echo interrupted; exec cat")
    browser = await browse(desk, "loop", size=(100, 30))
    form = "#{client_width}x#{client_height}"
    await soon(lambda: theirs("list-clients", "-F", form).strip() == "100x30", "the size that was asked for")
    browser.terminal.input(b"\x03")
    await browser.until(b"interrupted")
    await echoes(browser)
    browser.terminal.resize(120, 40)
    await soon(lambda: theirs("list-clients", "-F", form).strip() == "120x40", "the new size")
    theirs("kill-session", "-t", "=loop")
    assert await browser.until_exit() == "exited"


async def test_nothing_that_is_typed_means_anything_to_ssh(opened):
    """``~.`` after a newline would end an ssh with an escape character."""
    browser = await browse(opened())
    await echoes(browser)
    browser.terminal.input(b"\r~.\r~~\r")
    await echoes(browser, b"after-the-tilde")
    assert browser.exit is None


async def test_several_people_and_a_viewer_are_on_one_session(opened, unix_users):
    desk = opened()
    ada, bob = await browse(desk), await browse(desk)
    viewer = await browse(desk, mode="view")
    ada.terminal.input(b"hello-to-all\r")
    for browser in (ada, bob, viewer):
        await browser.until(b"hello-to-all")
    with pytest.raises(Problem):
        viewer.terminal.input(b"x")
    assert len(unix_users.tmux(unix_users.service).clients("api")) == 3
    assert len(clients("master")) == 1


async def test_another_users_session_is_attached_through_sudo(opened, unix_users):
    unix_users.tmux(unix_users.deploy).new("theirs", "cat")
    desk = opened(tmux_users=[unix_users.service, unix_users.deploy, unix_users.no_sudo])
    browser = await browse(desk, "theirs", user=unix_users.deploy)
    await echoes(browser)
    with pytest.raises(Problem) as told:
        await browse(desk, "any", user=unix_users.no_sudo)
    assert told.value.code is Code.sudo_refused


async def test_twelve_at_once_share_two_masters_under_stock_max_sessions(
    start_sshd, unix_users, opened, key, hosts
):
    from tests.rig.sshd import STOCK

    stock = start_sshd(**STOCK)
    stock.authorize(unix_users.service, key)
    hosts.trust(stock.known_hosts())
    desk = opened(stock)
    browsers = await asyncio.gather(*(browse(desk) for _ in range(12)))
    for browser in browsers:
        await echoes(browser)
    assert len(clients("master")) == 2
    assert not any(b"refused by peer" in browser.got for browser in browsers)
    # A seat that was given back is used again.
    desk.attacher.end(browsers[0].terminal, "detached")
    await soon(lambda: len(clients("terminal")) == 11, "its end")
    await echoes(await browse(desk))
    assert len(clients("master")) == 2


@pytest.mark.parametrize("sessions", [1, 2])
@pytest.mark.parametrize("told", [True, False])
async def test_few_sessions_still_work(start_sshd, unix_users, opened, key, hosts, sessions, told):  # noqa: PLR0917
    """Whether or not max_sessions says so: sweeps and commands share what there is, attaches go cold."""
    few = start_sshd(MaxSessions=sessions)
    few.authorize(unix_users.service, key)
    hosts.trust(few.known_hosts())
    unix_users.tmux(unix_users.deploy).new("theirs", "cat")
    desk = opened(
        few,
        tmux_users=[unix_users.service, unix_users.deploy],
        **({"max_sessions": sessions} if told else {}),
    )
    browsers = [await browse(desk) for _ in range(3)]
    for browser in browsers:
        await echoes(browser)
    asked = [desk.host.capture(unix_users.service, "$0", history=False) for _ in range(6)]
    reports = await asyncio.gather(desk.host.sweep(), *asked)
    assert reports[0].state == "ok", reports[0]
    assert [user.state for user in reports[0].users] == ["ok", "ok"]
    assert all(browser.exit is None for browser in browsers)


@pytest.mark.parametrize("which", ["password", "passphrase"])
async def test_ssh_is_handed_the_secret_when_it_asks(opened, unix_users, sshd, make_key, which):
    if which == "password":
        secrets = HostSecrets(password=Secret(unix_users.password(unix_users.service, 'p "w\\ $x é')))
        desk = opened(key_file="", secrets=secrets)
    else:
        locked = make_key(passphrase="of the 'key'")
        sshd.authorize(unix_users.service, locked)
        desk = opened(key_file=locked.path, secrets=HostSecrets(passphrase=Secret(locked.passphrase)))
    browser = await browse(desk)
    await echoes(browser)
    assert len(clients("master")) == 1
    for child in clients():
        everything = " ".join([*child.cmdline(), *child.environ().values()])
        assert (
            secrets.password.reveal() not in everything if which == "password" else "of the" not in everything
        )
    assert b"assword" not in browser.got
    assert b"assphrase" not in browser.got


@pytest.fixture
def programs(tmp_path):
    """Call it with names and scripts for a PATH where ssh is what the test says."""

    def make(*, without=(), **scripts):
        folder = tmp_path / "bin"
        folder.mkdir()
        for name in ("sh", "setsid", "setpriv", "tmux", "env", "sudo", "ssh"):
            if name not in without:
                (folder / name).symlink_to(f"/usr/bin/{name}")
        for name, script in scripts.items():
            (folder / name).unlink(missing_ok=True)
            (folder / name).write_text(f"#!/bin/sh\n{script}\n")
            (folder / name).chmod(stat.S_IRWXU)
        return {"PATH": str(folder)}

    return make


@pytest.mark.parametrize(
    "day", ["no ssh", "an old ssh", "no setpriv", "a master refused", "no ssh, with a password"]
)
async def test_without_a_usable_ssh_it_works_cold(  # noqa: PLR0917
    opened, unix_users, sshd, make_hosts, make_key, programs, day
):
    refuse = 'case " $* " in *" -N "*) echo "mux refused" >&2; exit 255;; esac; exec /usr/bin/ssh "$@"'
    environ = {
        "no ssh": lambda: programs(without=["ssh"]),
        "no ssh, with a password": lambda: programs(without=["ssh"]),
        "an old ssh": lambda: programs(ssh='echo "OpenSSH_7.9p1 Debian-10, OpenSSL 1.1" >&2; exit 255'),
        "no setpriv": lambda: programs(without=["setpriv"]),
        "a master refused": lambda: programs(ssh=refuse),
    }[day]()
    fleet = make_hosts(**environ)
    fleet.trust(sshd.known_hosts())
    fields = {"made_by": fleet}
    if day in ("an old ssh", "no ssh, with a password"):
        secret = Secret(unix_users.password(unix_users.service))
        fields |= {"key_file": "", "secrets": HostSecrets(password=secret)}
    desk = opened(**fields)
    browser = await browse(desk, size=(90, 28))
    await echoes(browser)
    theirs = unix_users.tmux(unix_users.service)
    await soon(
        lambda: "90 28" in theirs("list-clients", "-F", "#{client_width} #{client_height}"), "its size"
    )
    browser.terminal.resize(111, 33)
    await soon(
        lambda: "111 33" in theirs("list-clients", "-F", "#{client_width} #{client_height}"), "its size"
    )
    assert clients("master") == []
    theirs("detach-client", "-s", "=api")
    assert await browser.until_exit() == "detached"


# --- bad days


async def comes_back(browser, resets=1):
    await soon(lambda: len(browser.of(ResetMessage)) >= resets, f"a reset: {browser.messages}", seconds=25)
    assert browser.of(NoticeMessage)[0].code == "host_unreachable"
    await echoes(browser, b"back-again")


async def test_a_killed_client_comes_back_alone(opened):
    desk = opened()
    mine, other = await browse(desk), await browse(desk)
    await echoes(mine)
    await echoes(other)
    os.kill(mine.terminal.pty.pid, signal.SIGKILL)
    await comes_back(mine)
    assert [other.of(ResetMessage), other.exit] == [[], None]
    await echoes(other, b"untouched")


@pytest.mark.parametrize("day", ["killed", "stopped"])
async def test_a_dead_master_is_replaced_and_its_terminals_come_back(  # noqa: PLR0917
    opened, start_sshd, unix_users, key, hosts, monkeypatch, day
):
    monkeypatch.setattr(masters, "CHECK_S", 0.5)
    monkeypatch.setattr(masters, "CHECK_TIMEOUT_S", 1.0)
    elsewhere = start_sshd()
    elsewhere.authorize(unix_users.service, key)
    hosts.trust(elsewhere.known_hosts())
    desk, far = opened(), opened(elsewhere)
    mine, another, other_host = await browse(desk), await browse(desk), await browse(far)
    for browser in (mine, another, other_host):
        await echoes(browser)
    (pid,) = [child.pid for child in clients("master") if f"{desk.host.config.port}" in child.cmdline()]
    os.kill(pid, signal.SIGKILL if day == "killed" else signal.SIGSTOP)
    await asyncio.gather(comes_back(mine), comes_back(another))
    assert not psutil.pid_exists(pid)
    assert [other_host.of(ResetMessage), other_host.exit] == [[], None]
    await echoes(other_host, b"untouched")
    assert len(clients("master")) == 2


@pytest.mark.parametrize("day", ["connections killed", "restarted"])
async def test_sshds_end_is_survived(opened, sshd, day):
    desk = opened()
    browser = await browse(desk)
    await echoes(browser)
    if day == "restarted":
        sshd.restart()
    else:
        for pid in sshd.pids():
            sshd.kill(pid)
    await comes_back(browser)
    assert (await desk.host.sweep_after_change()).state == "ok"


async def test_a_listener_that_has_gone_is_waited_for(opened, sshd):
    desk = opened()
    browser = await browse(desk)
    await echoes(browser)
    sshd.stop()
    await soon(lambda: browser.of(NoticeMessage), "a notice")
    sshd.start()
    await comes_back(browser)


async def test_a_listener_that_hangs_disturbs_no_terminal(opened, sshd):
    """Nor one that is opened now: the connections are there already."""
    desk = opened()
    browser = await browse(desk)
    await echoes(browser)
    with frozen_alone(sshd.pid):
        await echoes(browser, b"unimpressed")
        await echoes(await browse(desk), b"one-more")
    assert browser.of(ResetMessage) == []


@contextlib.contextmanager
def frozen_alone(pid):
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def test_a_session_that_ended_while_the_link_was_down_has_exited(opened, sshd, unix_users):
    desk = opened()
    browser = await browse(desk)
    await echoes(browser)
    theirs = unix_users.tmux(unix_users.service)
    theirs.new("another", "cat")
    sshd.stop()
    await soon(lambda: browser.of(NoticeMessage), "a notice")
    theirs("kill-session", "-t", "=api")
    sshd.start()
    assert await browser.until_exit(seconds=30) == "exited"


async def test_a_host_that_stays_away_ends_the_terminal_with_words(sshd, unix_users, key, hosts, io_loop):
    sshd.authorize(unix_users.service, key)
    hosts.trust(sshd.known_hosts())
    unix_users.tmux(unix_users.service).new("api", "cat")
    desk = Desk(hosts(sshd, unix_users.service, key_file=key.path), TmuxLauncher(), resume=2)
    try:
        browser = await browse(desk)
        await echoes(browser)
        sshd.stop()
        assert await browser.until_exit(seconds=20) == "failed"
        assert "Connection refused" in browser.exit.message
    finally:
        await desk.close()


async def test_nobody_waits_for_it_so_it_is_not_attached_again(sshd, unix_users, key, hosts):
    sshd.authorize(unix_users.service, key)
    hosts.trust(sshd.known_hosts())
    unix_users.tmux(unix_users.service).new("api", "cat")
    desk = Desk(hosts(sshd, unix_users.service, key_file=key.path), TmuxLauncher(), resume=1)
    try:
        browser = await browse(desk)
        await echoes(browser)
        browser.cut()
        pid = browser.terminal.pty.pid
        kill(pid)
        await soon(lambda: not len(desk.attacher.table), "its end")
        assert (browser.terminal.reason, browser.terminal.pty.pid) == ("detached", pid)
    finally:
        await desk.close()


async def test_a_key_that_was_withdrawn_is_tried_once_by_an_attach(opened, sshd, unix_users):
    """The sweeps' connection is warm; ssh logs in anew, is refused, and nobody tries on."""
    desk = opened()
    assert (await desk.host.sweep()).state == "ok"
    sshd.withdraw(unix_users.service)
    for _ in range(4):
        with pytest.raises(Problem) as told:
            await browse(desk)
        assert told.value.code is Code.auth_failed
        await desk.host.sweep_after_change()
    assert [login.accepted for login in sshd.logins()] == [True, False]
    assert desk.host.report.state == "auth_failed"


async def test_a_withdrawn_key_is_tried_twice_without_a_master(opened, sshd, unix_users):
    desk = opened(max_sessions=1)
    assert (await desk.host.sweep()).state == "ok"
    sshd.withdraw(unix_users.service)
    browser = await browse(desk)
    assert await browser.until_exit(seconds=20) == "failed"
    assert [login.accepted for login in sshd.logins()] == [True, False, False]
    assert held(desk.host.way._connection.breaker) > 20


async def test_nothing_is_left_of_a_closed_host(opened, sshd, hosts):
    desk = opened()
    await echoes(await browse(desk))
    folder = hosts.fleet.folder()
    assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700  # noqa: PTH116
    assert os.listdir(folder)  # noqa: PTH208
    await desk.attacher.drain(5)
    await desk.host.close()
    assert clients() == []
    await soon(lambda: sshd.pids() == [], "the end of its connections")
    await hosts.fleet.close()
    assert not os.path.exists(folder)  # noqa: PTH110, ASYNC240
