"""Hosts behind others: one connection to a jump for all of them, over one hop or two."""

from __future__ import annotations

import asyncio

import pytest

from muxboard.terminals.attach import TmuxLauncher
from tests.rig.soon import soon
from tests.ssh.test_attach import browse, clients, comes_back, echoes
from tests.terminals.desk import Desk

pytestmark = pytest.mark.gen_test(timeout=60)


@pytest.fixture
def behind(jump, unix_users, key, hosts):
    """Call it for a host behind the jump."""
    jump.first.authorize(unix_users.service, key)
    jump.last.authorize(unix_users.deploy, key)
    hosts.trust(jump.known_hosts)

    def make(via="", **fields):
        via = via or f"{unix_users.service}@127.0.0.1:{jump.first.port}"
        return hosts(jump.last, unix_users.deploy, proxy_jump=via, key_file=key.path, **fields)

    return make


async def test_twenty_hosts_share_one_connection_to_the_jump(jump, behind):
    fleet = [behind() for _ in range(20)]
    reports = await asyncio.gather(*(host.sweep() for host in fleet))
    assert {report.state for report in reports} == {"ok"}, reports
    assert jump.first.connections() == 1
    assert jump.passed() == jump.last.connections() == 20
    for host in fleet[:-1]:
        await host.close()
    assert (await fleet[-1].sweep_after_change()).state == "ok"
    assert jump.first.connections() == 1
    assert len(jump.first.pids()) == 1
    await fleet[-1].close()
    await soon(lambda: jump.first.pids() == [], "the end of the connection to the jump")


async def test_a_wrong_key_at_the_jump_is_tried_once_for_all_behind_it(jump, behind, unix_users):
    jump.first.withdraw(unix_users.service)
    fleet = [behind() for _ in range(20)]
    for _ in range(3):
        reports = await asyncio.gather(*(host.sweep_after_change() for host in fleet))
        assert {report.state for report in reports} == {"auth_failed"}
        assert all(report.problem.startswith("By way of") for report in reports)
    assert [login.accepted for login in jump.first.logins()] == [False]


async def test_two_hops(jump, behind, start_sshd, unix_users, key, hosts):  # noqa: PLR0917
    permitted = f"127.0.0.1:{jump.first.port}"
    outer = start_sshd(AllowUsers=unix_users.service, PermitOpen=permitted, LogLevel="DEBUG1")
    outer.authorize(unix_users.service, key)
    hosts.trust(outer.known_hosts())
    via = ",".join(f"{unix_users.service}@127.0.0.1:{each.port}" for each in (outer, jump.first))
    unix_users.tmux(unix_users.deploy).new("api", "cat")
    host = behind(via)
    assert (await host.sweep()).state == "ok", host.report
    desk = Desk(host, TmuxLauncher())
    browser = await browse(desk)
    await echoes(browser)
    assert jump.passed() == 2  # one for the sweeps, one for the master
    assert outer.forwards().count(("127.0.0.1", jump.first.port)) == 2
    await desk.close()
    await host.close()
    await soon(lambda: not clients(), "the end of every ssh")


@pytest.mark.parametrize("day", ["no ssh", "ssh"])
async def test_a_terminal_through_a_jump_comes_back(jump, behind, unix_users, make_hosts, key, day, tmp_path):  # noqa: PLR0917
    unix_users.tmux(unix_users.deploy).new("api", "cat")
    if day == "no ssh":
        (tmp_path / "bin").mkdir()
        for name in ("sh", "setsid", "setpriv"):
            (tmp_path / "bin" / name).symlink_to(f"/usr/bin/{name}")
        fleet = make_hosts(PATH=str(tmp_path / "bin"))
        fleet.trust(jump.known_hosts)
        via = f"{unix_users.service}@127.0.0.1:{jump.first.port}"
        host = fleet(jump.last, unix_users.deploy, proxy_jump=via, key_file=key.path)
    else:
        host = behind()
    desk = Desk(host, TmuxLauncher())
    browser = await browse(desk)
    await echoes(browser)
    for pid in jump.first.pids():
        jump.first.kill(pid)

    await comes_back(browser)
    await desk.close()


async def test_a_jump_that_may_not_forward_is_told(jump, behind, start_sshd, unix_users, key, hosts):  # noqa: PLR0917
    closed = start_sshd(AllowTcpForwarding="no")
    closed.authorize(unix_users.service, key)
    hosts.trust(closed.known_hosts())
    report = await behind(f"{unix_users.service}@127.0.0.1:{closed.port}").sweep()
    assert report.state == "unreachable"
    assert f"127.0.0.1:{closed.port} could not connect to 127.0.0.1:{jump.last.port}" in report.problem


async def test_a_hanging_jump_is_not_everybodys(jump, behind, start_badssh, unix_users, hosts, key, sshd):  # noqa: PLR0917
    """Thirty hosts behind two jumps that answer nothing; a host without a jump is asked at once."""
    sshd.authorize(unix_users.service, key)
    hosts.trust(sshd.known_hosts())
    fleet = []
    for _ in range(2):
        bad = start_badssh("channel")
        hosts.trust(bad.host_key_line)
        fleet += [behind(f"x@127.0.0.1:{bad.port}", connect_s=2) for _ in range(15)]
    good = hosts(sshd, unix_users.service, key_file=key.path, connect_s=2)
    sweeps = [asyncio.ensure_future(host.sweep()) for host in fleet]
    await asyncio.sleep(0.5)
    assert (await asyncio.wait_for(good.sweep(), 2)).state == "ok"
    for host in fleet:
        await host.close()
    await asyncio.gather(*sweeps, return_exceptions=True)
