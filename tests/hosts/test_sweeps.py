"""Sweeps of a real tmux server: what is seen, how often it is asked, what it costs."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import subprocess
import time

import psutil
import pytest

from tests.rig.soon import soon

pytestmark = pytest.mark.gen_test(timeout=40)


async def seen(host):
    (user,) = (await host.sweep_after_change()).users
    assert user.state == "ok", user
    return {session.name: session for session in user.sessions}


@pytest.fixture
def counted(tmux, manage):
    """A host whose tmux is a wrapper that writes a line for each command; and how many there were."""
    real = shutil.which("tmux")
    folder = tmux.folder / "bin"
    folder.mkdir()
    log, wrapper = tmux.folder / "commands", folder / "tmux"
    wrapper.write_text(f'#!/bin/sh\necho "$@" >> {log}\nexec {real} "$@"\n')
    wrapper.chmod(stat.S_IRWXU)
    log.touch()
    host = manage({"PATH": f"{folder}:{os.environ['PATH']}"})
    return host, lambda: len(log.read_text().splitlines())


async def test_fifty_concurrent_sweeps_are_one_command(tmux, counted):
    tmux.new("api", "sleep 1000")
    host, commands = counted
    reports = await asyncio.gather(*(host.sweep() for _ in range(50)))
    assert commands() == 1
    assert all(report is reports[0] for report in reports)


async def test_a_sweep_after_a_change_began_after_it_and_is_shared(tmux, counted):
    """One is under way when fifty ask for a later one: two commands in all, and all see the change."""
    tmux.new("old", "sleep 1000")
    host, commands = counted
    earlier = asyncio.ensure_future(host.sweep())
    await asyncio.sleep(0)  # it is under way
    assert host.sweeping
    tmux.new("new", "sleep 1000")
    later = await asyncio.gather(*(host.sweep_after_change() for _ in range(50)))
    assert commands() == 2
    assert all(report is later[0] for report in later)
    assert {session.name for session in later[0].users[0].sessions} == {"old", "new"}
    assert (await earlier) is not later[0]


async def test_a_caller_that_gives_up_takes_the_answer_from_nobody(tmux, counted):
    tmux.new("api", "sleep 1000")
    host, commands = counted
    asks = [asyncio.ensure_future(host.sweep()) for _ in range(5)]
    await asyncio.sleep(0)
    asks[0].cancel()
    answers = await asyncio.gather(*asks, return_exceptions=True)
    assert isinstance(answers[0], asyncio.CancelledError)
    assert [report.state for report in answers[1:]] == ["ok"] * 4
    assert commands() == 1


async def test_a_thousand_sessions_cost_little_of_our_own_time(tmux, host):
    """Less than 150 ms of CPU for all of them in one server, when nobody else has the caches."""
    script = tmux.folder / "thousand"
    script.write_text("".join(f"new-session -d -s s{number} sleep 1000\n" for number in range(1000)))
    tmux("start-server", ";", "source-file", str(script))
    await host.sweep()
    costs = []
    for _ in range(5):
        began = time.process_time()
        sessions = await seen(host)
        costs.append(time.process_time() - began)
        assert list(sessions) == [f"s{number}" for number in range(1000)]
    cost = min(costs)
    assert cost < 0.15, f"{cost * 1000:.0f} ms"
    server = psutil.Process(int(tmux("display-message", "-p", "#{pid}")))
    tmux("kill-server")
    await soon(lambda: not server.is_running() or server.status() == "zombie", "its end", seconds=20)


async def test_a_path_with_newline_and_tab_and_a_title_like_a_record_are_just_text(tmux, host, tmp_path):
    hostile = tmp_path / "a\nb\tc\n$1\t1\t1\t1\t1\tforged"
    hostile.mkdir()
    title = "S$1 1 1 1 1 forged"
    tmux.new(
        "api", ["sh", "-c", f"printf '\\033]2;{title}\\007ready'; exec sleep 1000"], directory=str(hostile)
    )
    tmux.new("other", "sleep 1000")
    tmux.wait_for("api", "ready")
    sessions = await seen(host)
    assert set(sessions) == {"api", "other"}
    assert sessions["api"].directory == str(hostile)
    assert sessions["api"].title == title
    assert sessions["api"].command == "sleep"


async def test_activity_moves_with_output_in_any_window(tmux, host):
    """tmux's own session_activity moves with keys alone."""
    tmux.new("api", "cat")
    tmux("new-window", "-d", "-t", "=api:", "cat")
    before = (await seen(host))["api"]
    assert before.windows == 2
    await soon(lambda: time.time() >= before.activity + 1, "the next second, for tmux counts whole ones")
    tmux("send-keys", "-t", "=api:1", "output", "Enter")
    await soon(lambda: "output" in tmux("capture-pane", "-p", "-t", "=api:1"), "output")
    assert (await seen(host))["api"].activity > before.activity


def attach(tmux):
    """A person at a terminal, who looks at the session api."""
    return subprocess.Popen(
        ["script", "-qc", "tmux -u attach -t =api", "/dev/null"],
        env={**tmux.env, "TERM": "xterm"},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )


async def test_attached_counts_the_clients(tmux, host):
    tmux.new("api", "sleep 1000")
    assert (await seen(host))["api"].attached == 0
    client = attach(tmux)
    try:
        await soon(lambda: tmux.clients("api"), "a client")
        assert (await seen(host))["api"].attached == 1
    finally:
        tmux("detach-client", "-s", "=api")
        client.communicate(timeout=5)
    assert (await seen(host))["api"].attached == 0


async def test_children_see_no_secret_and_nothing_that_was_not_passed_on(tmux, manage):
    """The tmux server that a first session starts keeps its environment for ever."""
    host = manage({"MUXBOARD_TOKEN": "a secret", "AWS_SECRET_ACCESS_KEY": "another", "TMUX": "/x,1,0"})
    await host.create(host.login, "api", "env; exec sleep 1000", "")
    tmux.wait_for("api", "PATH=")
    everything = tmux("show-environment", "-g") + tmux.capture("api", history=True)
    assert "secret" not in everything
    assert "MUXBOARD" not in everything
    assert "HOME=" in everything
    argv, env, _ = await host.on_pty(host.login, "$0", view=False)
    assert "secret" not in " ".join([*argv, *env.values()])
    assert "TMUX" not in env, "an attach would be refused as nested"
