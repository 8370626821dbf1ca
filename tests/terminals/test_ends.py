"""How terminals end: for which reason, told to whom, and with nothing left of them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import signal
import time
from pathlib import Path

import psutil
import pytest

from muxboard.access.principal import Principal
from muxboard.problems import Code, Problem
from muxboard.terminals.messages import HelloMessage
from muxboard.terminals.pty import PtyManager
from tests.rig.soon import soon
from tests.terminals.desk import ADA, Browser

pytestmark = pytest.mark.gen_test(timeout=40)


def running(pid):
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


def descriptors():
    found = {}
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # the one that lists the folder is gone by now
            found[int(entry.name)] = str(entry.readlink())
    return found


def present():
    """Descriptors, children and tasks."""
    return (
        len(descriptors()),
        psutil.Process().children(),
        len(asyncio.all_tasks()),
    )


@pytest.mark.parametrize(("limit", "reason"), [({"lifetime": 0.3}, "lifetime"), ({"idle": 0.3}, "idle")])
async def test_a_limit_ends_a_terminal_and_says_which(desks, limit, reason):
    desk = desks(**limit)
    browser = await desk.browse("sleep 1000")
    pid = browser.terminal.pty.pid
    assert await browser.until_exit() == reason
    await soon(lambda: not running(pid) and not desk.registry._counts["terminals"], "the child's end")


async def test_input_keeps_a_terminal_from_being_idle(desks):
    browser = await desks(idle=0.5).browse("stty raw -echo; exec cat")
    began = time.monotonic()
    typed = 0
    while time.monotonic() < began + 1:
        browser.terminal.input(b"x")
        typed += 1
        await soon(lambda: len(browser.got) >= typed, "the echo")  # noqa: B023
    assert browser.exit is None
    assert await browser.until_exit() == "idle"


async def test_a_login_that_expires_ends_its_terminals(desk):
    soon_over = Principal(name="ada", gate="token", expires_at=time.time() + 0.3)
    browser = await desk.browse("sleep 1000", principal=soon_over)
    assert await browser.until_exit() == "expired"


async def test_a_logout_ends_the_terminals_of_that_login_alone(desk):
    mine = await desk.browse("sleep 1000", principal=Principal(name="ada", gate="token", login="one"))
    other = await desk.browse("sleep 1000", principal=Principal(name="ada", gate="token", login="two"))
    bearer = await desk.browse("sleep 1000")
    desk.attacher.logged_out(Principal(name="ada", gate="token", login="one"))
    desk.attacher.logged_out(Principal(name="ada", gate="token"))
    assert (mine.exit.reason, other.exit, bearer.exit) == ("revoked", None, None)


async def test_a_browser_that_does_not_come_back_within_resume_ends_its_terminal(desks):
    desk = desks(resume=0.3)
    browser = await desk.browse("sleep 1000")
    browser.cut()
    await soon(lambda: not len(desk.attacher.table), "the end")
    never = await desk.open("sleep 1000")
    await soon(lambda: not len(desk.attacher.table), "the end of one that nobody connected to")
    assert never.reason == "detached"


async def test_a_browser_that_comes_back_within_resume_keeps_its_terminal(desks):
    desk = desks(resume=0.4)
    browser = await desk.browse("stty raw -echo; exec cat")
    for _ in range(4):
        browser.cut()
        browser.connect()
        browser.terminal.input(b"x")
    await browser.until(b"xxxx")
    began = time.monotonic()
    await soon(lambda: time.monotonic() > began + 0.5, "longer than resume")
    assert browser.exit is None


async def test_the_newest_connection_wins(desk):
    first = await desk.browse("stty raw -echo; printf ready; exec cat")
    await first.until(b"ready")
    second = Browser(first.terminal).connect(first.offset)
    assert first.exit.reason == "replaced"
    first.cut()  # the older one's end is not the newer one's
    second.terminal.input(b"x")
    await second.until(b"x")
    assert first.after_the_end == 0
    assert second.terminal.connected


async def test_a_terminal_that_has_ended_takes_no_connection(desk):
    """Between its end and its leaving the table somebody may still find it."""
    terminal = await desk.open("sleep 1000")
    desk.attacher.end(terminal, "detached")
    late = Browser(terminal).connect(0)
    assert late.exit.reason == "detached"
    assert late.of(HelloMessage) == []
    lost = Browser(terminal).connect(99)
    assert lost.exit.reason == "detached"
    await soon(lambda: not psutil.Process().children(), "no child left or started")


async def test_input_to_a_program_that_never_reads_is_bounded_and_harms_nobody(desks):
    desk = desks(output_queue=524288)
    deaf = await desk.browse("stty raw -echo; printf ready; exec sleep 1000")
    other = await desk.browse("stty raw -echo; printf ready; exec cat")
    await deaf.until(b"ready")
    await other.until(b"ready")
    sent = 0
    while deaf.exit is None:
        deaf.terminal.input(bytes(65536))
        sent += 65536
        assert sent < 2 << 20
        assert deaf.terminal.pty.queued <= 524288 + 65536
        before = len(other.got)
        began = time.monotonic()
        other.terminal.input(b"x")
        await soon(lambda: len(other.got) > before, "the other's echo")  # noqa: B023
        assert time.monotonic() - began < 1
    assert deaf.exit.reason == "overflow"
    assert other.exit is None


async def test_a_storm_of_sizes_becomes_few_signals_and_the_last_size_wins(desk, tmp_path):
    log = tmp_path / "sizes"
    browser = await desk.browse(
        f"trap 'stty size >> {log}' WINCH; stty -echo; printf ready; while :; do read x; done"
    )
    await browser.until(b"ready")
    for number in range(200):
        browser.terminal.resize(80 + number, 24)
        await asyncio.sleep(0.002)  # the pace of a hand that drags a window's edge
    await soon(lambda: log.exists() and "24 279" in log.read_text(), "the last size")
    assert len(log.read_text().splitlines()) <= 20
    browser.terminal.resize(1, 100_000)
    await soon(lambda: "300 20" in log.read_text(), "the clamped size")


@pytest.mark.parametrize(
    ("ignored", "at_least_s", "at_most_s"),
    [("", 0, 0.9), ("HUP", 0.9, 1.9), ("HUP TERM", 1.9, 4)],
    ids=["hangup", "term", "kill"],
)
async def test_a_child_is_asked_to_end_and_then_made_to(desk, ignored, at_least_s, at_most_s):
    """SIGHUP, SIGTERM and SIGKILL to its whole group, a second apart; the master is closed at once."""
    trap = f"trap '' {ignored};" if ignored else ""
    browser = await desk.browse(f"{trap} sleep 1001 & printf ready; while :; do sleep 1002; done")
    await browser.until(b"ready")
    terminal = browser.terminal
    leader = psutil.Process(terminal.pty.pid)
    await soon(lambda: len(leader.children()) == 2, "both of its children")
    group = [leader, *leader.children()]
    master = terminal.pty.fd
    began = time.monotonic()
    desk.attacher.end(terminal, "detached")
    await soon(lambda: not any(running(process.pid) for process in group), "the end of all of them")
    assert at_least_s <= time.monotonic() - began <= at_most_s
    await soon(lambda: not psutil.pid_exists(terminal.pty.pid), "its leader to be reaped")
    assert "ptmx" not in descriptors().get(master, "")


async def test_a_child_ended_by_a_signal_says_so(desk):
    browser = await desk.browse("kill -9 $$")
    assert await browser.until_exit() == "exited"
    assert browser.exit.code == -signal.SIGKILL


async def test_a_descendant_that_keeps_the_pty_open_does_not_keep_the_terminal(desk):
    """As after ``nohup``: it lives on, and the terminal ends."""
    browser = await desk.browse("trap '' HUP; sleep 1003 & printf %s. $!; exit 0")
    assert await browser.until_exit() == "exited"
    descendant = int(browser.got.removesuffix(b"."))
    assert running(descendant)
    psutil.Process(descendant).kill()


async def test_a_session_that_is_killed_says_so(desk):
    browser = await desk.browse("read x")
    desk.attacher.mark_killed("local", desk.host.login, "read x", killed=True)
    browser.terminal.input(b"\n")
    assert await browser.until_exit() == "killed"


async def test_draining_tells_and_ends_everybody_and_opens_no_more(desk):
    browsers = [await desk.browse("sleep 1000") for _ in range(5)]
    await desk.attacher.drain(5)
    assert [browser.exit.reason for browser in browsers] == ["draining"] * 5
    assert psutil.Process().children() == []
    with pytest.raises(Problem) as told:
        await desk.open("sleep 1000")
    assert told.value.code is Code.draining


async def test_three_hundred_opened_and_aborted_leave_nothing(desk):
    """In all the ways in which a browser goes: before it connects, after, while it is being opened."""
    warm = await desk.open("sleep 1000")
    desk.attacher.end(warm, "detached")
    await soon(lambda: not psutil.Process().children() and len(asyncio.all_tasks()) == 1, "a quiet start")
    before = present()
    for number in range(300):
        opening = asyncio.ensure_future(desk.open("exec sleep 1000"))
        if number % 3 == 0:
            await asyncio.sleep(0)
            opening.cancel()
        answers = await asyncio.gather(opening, return_exceptions=True)
        for terminal in answers:
            if isinstance(terminal, BaseException):
                assert isinstance(terminal, asyncio.CancelledError)
                continue
            if number % 2:
                Browser(terminal).connect().cut()
            desk.attacher.end(terminal, "detached")
    await soon(
        lambda: present() == before and not desk.registry._counts["terminals"], f"{before}", seconds=15
    )


@pytest.mark.parametrize("day", ["no such session", "audit refuses", "no process", "the second spawn fails"])
async def test_a_bad_day_leaks_no_lease(desks, monkeypatch, day):
    desk = desks(audit="/dev/full" if day == "audit refuses" else "", attaches_per_principal=1)
    if day == "no such session":
        desk.programs.gone.add("sleep 1000")
    if day == "no process":
        monkeypatch.setattr(PtyManager, "spawn", _no_process)
    if day != "the second spawn fails":
        for _ in range(3):
            with pytest.raises(Problem) as told:
                await desk.open("sleep 1000")
            assert (
                told.value.code
                is {
                    "no such session": Code.session_not_found,
                    "audit refuses": Code.audit_unavailable,
                    "no process": Code.internal,
                }[day]
            )
            assert await desk.used() == 0
        return
    terminal = await desk.open("sleep 1000")
    monkeypatch.setattr(PtyManager, "spawn", _no_process)
    assert await Browser(terminal).connect(99).until_exit() == "failed"
    await soon(lambda: not desk.registry._counts["terminals"] and not psutil.Process().children(), "the end")


def _no_process(*_args, **_options):
    raise OSError("Resource temporarily unavailable")


async def test_without_descriptors_no_terminal_is_opened_and_nothing_leaks(desk):
    """Every step that needs a descriptor fails once."""
    warm = await desk.open("sleep 1000")
    desk.attacher.end(warm, "detached")
    await soon(lambda: not psutil.Process().children(), "a quiet start")
    before = present()[0]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    opened = []
    for room in range(10):
        resource.setrlimit(resource.RLIMIT_NOFILE, (before - 1 + room, hard))
        try:
            desk.attacher.end(await desk.open("sleep 1000"), "detached")
            opened.append(True)
        except Problem as problem:
            assert problem.code is Code.internal  # noqa: PT017  until there is room
            opened.append(False)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        await soon(lambda: not psutil.Process().children() and present()[0] == before, "nothing left")
        await soon(lambda: not desk.registry._counts["terminals"], "the lease back")
    assert (opened[0], opened[-1]) == (False, True)


async def test_every_start_that_was_audited_has_its_end(desks, tmp_path, monkeypatch):
    desk = desks(audit=tmp_path / "audit")
    browser = await desk.browse("read x; printf bye")
    browser.terminal.input(b"abc\n")
    await browser.until_exit()
    await soon(lambda: not len(desk.attacher.table), "the end")
    monkeypatch.setattr(PtyManager, "spawn", _no_process)
    with pytest.raises(Problem):
        await desk.open("sleep 1000")
    monkeypatch.undo()

    async def socket_is_gone(*_args):
        raise Problem(Code.host_error)

    monkeypatch.setattr(desk.programs, "child", socket_is_gone)
    with pytest.raises(Problem):
        await desk.open("sleep 1000")
    lines = [json.loads(line) for line in (tmp_path / "audit").read_text().splitlines()]
    assert [(line["event"], line["result"]) for line in lines] == [
        ("terminal.start", "ok"),
        ("terminal.end", "exited"),
        ("terminal.start", "ok"),
        ("terminal.end", "failed"),
    ]
    assert lines[1]["bytes_in"] == 4
    assert lines[1]["bytes_out"] == len(browser.got)
    assert lines[0]["terminal"] == lines[1]["terminal"]


async def test_a_cap_is_one_more_that_is_refused_until_one_ends(desks):
    desk = desks(attaches_per_principal=2)
    first = await desk.open("sleep 1000")
    await desk.open("sleep 1000")
    asked = await asyncio.gather(*(desk.open("sleep 1000") for _ in range(20)), return_exceptions=True)
    assert {problem.code for problem in asked} == {Code.attach_cap}
    desk.attacher.end(first, "detached")
    await soon(lambda: len(desk.attacher.table) == 1, "the end of the first")
    await soon(lambda: desk.registry._counts["terminals"] == 1, "its lease back")
    await desk.open("sleep 1000")


async def test_somebody_elses_terminal_is_as_unknown_as_none(desk):
    terminal = await desk.open("sleep 1000")
    assert desk.attacher.table.find(terminal.id, ADA) is terminal
    stranger = Principal(name="eve", gate="token")
    assert desk.attacher.table.find(terminal.id, stranger, oversees=True) is terminal
    for asked in (terminal.id, "no such id"):
        with pytest.raises(Problem) as told:
            desk.attacher.table.find(asked, stranger)
        assert told.value.code is Code.not_found
    assert desk.attacher.table.of(stranger) == []
