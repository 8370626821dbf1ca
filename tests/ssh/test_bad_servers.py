"""Servers that hang, close or talk nonsense at one stage each: the right state and words, in time, alone."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
import time

import psutil
import pytest

from muxboard.config.schema import Inventory
from muxboard.config.values import Duration
from muxboard.hosts.sweep import Sweeper
from tests.rig.badssh import CLOSES, HANGS, NONSENSE
from tests.rig.soon import soon
from tests.rig.waiting import until
from tests.ssh.breakers import held

pytestmark = pytest.mark.gen_test(timeout=60)

CONNECT_S, COMMAND_S = 1.0, 1.5
MIB = 1 << 20

# A host's state, and words of its problem.
EXPECTED = {
    "syn": ("unreachable", "timed out"),
    "banner": ("timeout", "no ssh greeting"),
    "endless_banner": ("error", "broke the ssh connection off"),
    "slow_banner": ("timeout", "key exchange"),
    "garbage": ("error", "broke the ssh connection off"),
    "kex": ("timeout", "key exchange"),
    "kex_middle": ("timeout", "key exchange"),
    "auth": ("timeout", "did not answer the login"),
    "channel": ("timeout", "did not open a session"),
    "exec": ("timeout", "did not open a session"),
    "command": ("timeout", "does not run a command"),
    "rekey_stall": ("unreachable", "ended the connection"),
    "close_accept": ("unreachable", "before its ssh greeting"),
    "close_banner": ("error", "broke the ssh connection off"),
    "close_kex_init": ("error", "broke the ssh connection off"),
    "close_auth": ("auth_failed", "refused somebody"),  # so that it is not tried as often
    "close_channel": ("unreachable", "ended the connection"),
    "close_exec": ("unreachable", "ended the connection"),
    "close_command": ("unreachable", "ended the connection"),
    "kex_garbage": ("error", "broke the ssh connection off"),
    "endless": ("timeout", "prints without end"),
    "endless_stderr": ("timeout", "prints without end"),
    "endless_line": ("timeout", "prints without end"),
    "slow": ("timeout", "does not run a command"),
    "huge": ("timeout", "prints without end"),
    "bad_bytes": ("error", "gets no shell"),
    "no_status": ("unreachable", "ended the connection"),
}


def test_every_stage_is_expected_to_be_something():
    assert EXPECTED.keys() == {**HANGS, **CLOSES, **NONSENSE}.keys()


@pytest.mark.parametrize("stage", EXPECTED)
async def test_a_bad_server_is_told_in_time_and_left_alone(start_badssh, key, hosts, stage):
    """Twenty sweeps at once and as many right after are one try; nothing of it is left."""
    bad = start_badssh(stage)
    hosts.trust(bad.host_key_line)
    state, words = EXPECTED[stage]
    # What prints without end is cut short by how much it prints; on a busy machine that takes its time.
    command_s = 10 * COMMAND_S if words == "prints without end" else COMMAND_S
    host = hosts(bad, "somebody", key_file=key.path, connect_s=CONNECT_S, command_s=command_s)
    began = time.monotonic()
    reports = await asyncio.gather(*(host.sweep() for _ in range(20)))
    took = time.monotonic() - began
    report = reports[0]
    assert (report.state, words in (report.problem or "")) == (state, True), report
    assert (report.problem + (report.remedy or "").replace("\n", "")).isprintable()
    assert took < 2 * CONNECT_S + command_s + 3
    connections = bad.connections
    await asyncio.gather(*(host.sweep_after_change() for _ in range(20)))
    assert bad.connections == connections <= 4
    assert host.report.state == state
    await host.close()
    await soon(lambda: not threads_of_transports(), "the end of paramiko's threads", seconds=8)


def threads_of_transports():
    return [thread for thread in threading.enumerate() if "Transport" in type(thread).__name__]


@pytest.mark.parametrize("stage", ["auth", "close_exec", "banner", "command"])
async def test_a_server_that_was_mended_is_ok_again(  # noqa: PLR0917
    start_badssh, key, hosts, stage, sshd, unix_users
):
    """The bad one is replaced by a real one behind the same address."""
    bad = start_badssh(stage)
    sshd.authorize(unix_users.service, key)
    hosts.trust(bad.host_key_line, sshd.known_hosts())
    host = hosts(bad, unix_users.service, key_file=key.path, connect_s=CONNECT_S, command_s=COMMAND_S)
    assert (await host.sweep()).state != "ok"
    connection = host.way._connection
    connection.hop = connection.hop._replace(port=sshd.port)
    await soon(lambda: held(connection.breaker) == 0, "the end of the backoff")
    report = await host.sweep_after_change()
    assert (report.state, report.problem) == ("ok", None)


async def test_what_fails_right_after_the_login_waits_longer_each_time(start_badssh, key, hosts):
    bad = start_badssh("close_exec")
    hosts.trust(bad.host_key_line)
    host = hosts(bad, "somebody", key_file=key.path)
    breaker = host.way._connection.breaker
    waits = []
    for _ in range(4):
        breaker._until = 0
        await host.sweep()
        waits.append(held(breaker))
    assert all(later > 1.5 * sooner for sooner, later in itertools.pairwise(waits)), waits
    assert bad.connections == 4


@pytest.mark.parametrize("stage", ["endless", "endless_stderr", "endless_line", "huge"])
async def test_output_without_an_end_is_bounded_and_blocks_nothing(start_badssh, key, hosts, stage):
    """16 MiB for one command, and what paramiko holds on the way; other work goes on meanwhile."""
    bad = start_badssh(stage)
    hosts.trust(bad.host_key_line)
    host = hosts(bad, "somebody", key_file=key.path, command_s=10)
    process = psutil.Process()
    before, peak, lag = process.memory_info().rss, 0, 0.0
    sweep = asyncio.ensure_future(host.sweep())
    while not sweep.done():
        began = time.monotonic()
        await asyncio.sleep(0.01)
        lag = max(lag, time.monotonic() - began - 0.01)
        peak = max(peak, process.memory_info().rss - before)
    assert (await sweep).state == "timeout"
    assert peak < 80 * MIB, f"{peak / MIB:.0f} MiB"
    assert lag < 1, f"{lag * 1000:.0f} ms"
    await host.close()


async def test_five_that_hang_change_nothing_for_forty_five(start_badssh, sshd, unix_users, key, hosts):
    """All in one sweeper: the good ones are asked as often and answer as fast as without the others."""
    sshd.authorize(unix_users.service, key)
    unix_users.tmux(unix_users.service).new("api", "sleep 1000")
    hosts.trust(sshd.known_hosts())
    good = [hosts(sshd, unix_users.service, key_file=key.path) for _ in range(45)]
    bad = []
    for stage in ("syn", "banner", "kex", "auth", "command"):
        server = start_badssh(stage)
        hosts.trust(server.host_key_line)
        bad.append(hosts(server, "somebody", key_file=key.path, connect_s=3, command_s=3))
    inventory = Inventory(interval=Duration(3600), watched_interval=Duration(3600))

    async def sweeps(which):
        sweeper = Sweeper({host.config.key: host for host in which}, inventory)
        done = dict.fromkeys((host.config.key for host in which), 0)

        def count(report, _changed):
            done[report.key] += 1

        sweeper.observe(count)
        began = time.monotonic()
        sweeper.sweep_all()
        await soon(
            lambda: all(done[host.config.key] for host in good), "an answer of each good one", seconds=40
        )
        took = time.monotonic() - began
        states = {host.report.state for host in good}
        await sweeper.close()
        return took, states

    await sweeps(good)
    alone, states = await sweeps(good)
    assert states == {"ok"}
    for _ in range(3):
        together, states = await sweeps([*bad, *good])
        assert states == {"ok"}
        assert together < 5 * alone + 0.5, (alone, together)
    assert all([session.name for session in host.report.users[0].sessions] == ["api"] for host in good)


async def test_many_that_hang_leave_their_turns_to_others(start_badssh, sshd, unix_users, key, hosts):
    """Twenty hang in the key exchange, where six may be at once; a good one does not wait for them all."""
    bad = start_badssh("kex_middle")
    sshd.authorize(unix_users.service, key)
    hosts.trust(sshd.known_hosts(), bad.host_key_line)
    hanging = [hosts(bad, "somebody", key_file=key.path, connect_s=8) for _ in range(12)]
    others = [start_badssh("auth") for _ in range(2)]
    for server in others:
        hosts.trust(server.host_key_line)
        hanging += [hosts(server, "somebody", key_file=key.path, connect_s=8) for _ in range(4)]
    good = hosts(sshd, unix_users.service, key_file=key.path, connect_s=8)
    sweeps = [asyncio.ensure_future(host.sweep()) for host in hanging]
    await soon(lambda: bad.connections >= 4, "some that hang")
    began = time.monotonic()
    assert (await good.sweep()).state == "ok"
    assert time.monotonic() - began < 6
    for host in hanging:
        await host.close()
    await asyncio.gather(*sweeps, return_exceptions=True)


async def test_a_connection_that_falls_silent_is_noticed_and_made_anew(sshd, unix_users, key, hosts):
    """As after a network that dropped everything: a sweep times out, a later one is answered."""
    sshd.authorize(unix_users.service, key)
    hosts.trust(sshd.known_hosts())
    host = hosts(sshd, unix_users.service, key_file=key.path, connect_s=1, command_s=1)
    assert (await host.sweep()).state == "ok"
    with sshd.frozen(*sshd.pids()):  # the listener goes on
        assert (await host.sweep_after_change()).state == "timeout"
        report = await host.sweep_after_change()
        assert (report.state, report.problem) == ("ok", None), report
    assert sshd.connections() == 2


def test_what_a_host_prints_is_harmless_wherever_it_is_shown(start_badssh, key, start_service, tmp_path):
    bad = start_badssh("bad_bytes")
    known = tmp_path / "known_hosts"
    known.write_text(bad.host_key_line)
    service = start_service(
        {
            "ssh": {"known_hosts": [str(known)], "key_file": str(key.path)},
            "hosts": [{"key": "bad", "hostname": "127.0.0.1", "port": bad.port, "ssh_user": "somebody"}],
        }
    )

    def seen():
        answer = service.request("GET", "/api/v1/inventory")
        (host,) = answer.json()["hosts"]
        return (answer, host) if host["state"] != "pending" else None

    answer, host = until(seen, "its state")
    assert host["state"] == "error"
    for text in (host["problem"], service.log):
        assert "\x1b" not in text
        assert "\u202e" not in text
        assert "\0" not in text
    assert b"\x1b" not in answer.body
    assert json.loads(answer.body)
    terminal = {"host": "bad", "user": "somebody", "session": "x", "mode": "control", "cols": 80, "rows": 24}
    refused = service.request("POST", "/api/v1/terminals", json=terminal)
    assert (refused.status, refused.json()["code"]) == (502, "host_error")
    assert "\x1b" not in refused.text
