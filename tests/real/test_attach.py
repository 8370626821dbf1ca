"""Terminals on real tmux: who sees what, and why a terminal ended."""

from __future__ import annotations

import asyncio

import psutil
import pytest

from muxboard.problems import Code, Problem
from muxboard.terminals.attach import TmuxLauncher
from muxboard.terminals.messages import HelloMessage, ResetMessage
from tests.rig.soon import soon
from tests.terminals.desk import Browser, Desk

pytestmark = pytest.mark.gen_test(timeout=60)


@pytest.fixture
def desk(host, io_loop):
    desk = Desk(host, TmuxLauncher())
    yield desk
    io_loop.run_sync(desk.close)


async def test_what_is_typed_happens_and_is_seen_by_everybody(tmux, desk):
    tmux.new("api")
    ada, bob = await desk.browse("api"), await desk.browse("api")
    viewer = await desk.browse("api", mode="view")
    await soon(lambda: len(tmux.clients("api")) == 3, "three clients")
    ada.terminal.input(b"echo $((6 * 7))-answer\r")
    for browser in (ada, bob, viewer):
        await browser.until(b"42-answer")
    with pytest.raises(Problem):
        viewer.terminal.input(b"exit\r")
    assert tmux.ls() == ["api"]


async def test_a_viewer_resizes_nobody(tmux, desk):
    tmux.new("api")
    await desk.browse("api", size=(120, 40))
    await soon(lambda: "120x" in tmux("display-message", "-p", "-t", "=api:", "#{window_width}x"), "the size")
    viewer = await desk.browse("api", mode="view", size=(30, 10))
    viewer.terminal.resize(40, 12)
    await soon(lambda: len(tmux.clients("api")) == 2, "the viewer")
    await soon(lambda: "40 12" in tmux("list-clients", "-F", "#{client_width} #{client_height}"), "its size")
    assert tmux("display-message", "-p", "-t", "=api:", "#{window_width}").strip() == "120"


async def test_the_screen_is_drawn_at_the_size_that_was_asked_for(tmux, desk):
    tmux.new("api", "stty size; exec sleep 1000")
    await desk.browse("api", size=(132, 43))
    await soon(
        lambda: tmux("list-clients", "-F", "#{client_width} #{client_height}").strip() == "132 43", "it"
    )


@pytest.mark.parametrize(
    ("day", "reason"),
    [("exit", "exited"), ("kill", "killed"), ("detach", "detached"), ("kill-server", "exited")],
)
async def test_the_reason_of_an_end_is_told_apart(tmux, desk, day, reason):
    session = tmux.new("api")
    tmux.new("neighbour", "sleep 1000")
    browser = await desk.browse("api")
    await soon(lambda: tmux.clients("api"), "a client")
    if day == "exit":
        tmux.type("api", "exit")
    elif day == "kill":
        desk.attacher.mark_killed("local", desk.host.login, session, killed=True)
        await desk.host.kill(desk.host.login, session)
    elif day == "detach":
        tmux("detach-client", "-s", "=api")
    else:
        tmux("kill-server")
    assert await browser.until_exit() == reason


async def test_a_session_that_vanishes_between_finding_and_attaching_is_an_end_not_a_hang(
    tmux, desk, monkeypatch
):
    session = tmux.new("api", "sleep 1000")
    tmux.new("neighbour", "sleep 1000")

    async def find(_host, _user, _name):
        tmux("kill-session", "-t", session)
        return session

    monkeypatch.setattr(desk.programs, "find", find)
    browser = await desk.browse("api")
    assert await browser.until_exit() == "exited"
    assert b"can't find session" in browser.got


async def test_an_unknown_session_is_a_problem_not_a_terminal(tmux, desk):
    tmux.new("api-2", "sleep 1000")
    for name in ("api", "api*", "=api-2", "$0", ""):
        with pytest.raises(Problem) as told:
            await desk.open(name)
        assert told.value.code is Code.session_not_found
    assert await desk.used() == 0
    assert tmux.clients() == []


async def test_after_a_long_cut_a_fresh_attach_redraws(tmux, desk):
    tmux.new("api", "echo before; exec cat")
    browser = await desk.browse("api")
    await browser.until(b"before")
    browser.ack_all()
    browser.cut()
    back = Browser(browser.terminal).connect(99_999)
    assert [type(message) for message in back.messages] == [HelloMessage, ResetMessage]
    await back.until(b"before")
    await soon(lambda: len(tmux.clients("api")) == 1, "one client in all")


async def test_a_flood_that_nobody_reads_harms_no_other_client(tmux, desk):
    tmux.new("flood", "exec yes flooding")
    tmux.new("api", "cat")
    stalled, other = await desk.browse("flood", stalls=True), await desk.browse("api")
    await soon(lambda: stalled.terminal._backlog.flow.paused, "a full window")
    other.terminal.input(b"still here\r")
    await other.until(b"still here")
    stalled.stalls = False
    stalled.ack_all()
    at = stalled.offset
    await soon(lambda: stalled.offset > at, "a fresh screen")


async def test_a_hundred_opened_and_aborted_leave_no_client(tmux, desk):
    tmux.new("api", "sleep 1000")
    for number in range(0, 100, 10):
        terminals = await asyncio.gather(*(desk.open("api") for _ in range(10)))
        for place, terminal in enumerate(terminals):
            if (number + place) % 2:
                Browser(terminal).connect().cut()
            desk.attacher.end(terminal, "detached")
    await soon(
        lambda: not tmux.clients() and not psutil.Process().children(), "the end of all clients", seconds=15
    )
    assert tmux.ls() == ["api"]
