"""What logs in where, asked of real sshds; and how often a wrong key is tried."""

from __future__ import annotations

import asyncio
import socket

import pytest

from muxboard.config.schema import HostSecrets
from muxboard.config.values import Secret
from muxboard.hosts.ssh import breaker
from muxboard.problems import Code, Problem
from tests.rig.soon import soon
from tests.ssh.breakers import held

pytestmark = pytest.mark.gen_test(timeout=60)


async def state_of(host):
    report = await host.sweep_after_change()
    return report.state


def tried(sshd, method="publickey"):
    """Logins that were refused and that were not."""
    return [login.accepted for login in sshd.logins() if login.method == method]


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
async def test_a_key_file_logs_in_once_and_stays(start_sshd, unix_users, make_key, hosts, kind):
    sshd, key = start_sshd(host_keys=[kind]), make_key(kind)
    sshd.authorize(unix_users.deploy, key)
    hosts.trust(sshd.known_hosts(hashed=True))
    unix_users.tmux(unix_users.deploy).new("api", "sleep 1000")
    host = hosts(sshd, unix_users.deploy, key_file=key.path)
    for _ in range(5):
        report = await host.sweep_after_change()
        assert report.state == "ok", report
    (user,) = report.users
    assert [session.name for session in user.sessions] == ["api"]
    assert tried(sshd) == [True]
    assert sshd.connections() == 1


async def test_a_passphrase_opens_the_key_and_a_wrong_one_does_not(sshd, unix_users, make_key, hosts):
    key = make_key(passphrase="of the key")
    sshd.authorize(unix_users.deploy, key)
    hosts.trust(sshd.known_hosts())
    for passphrase, state, words in (
        ("of the key", "ok", ""),
        ("another", "auth_failed", "needs another passphrase"),
        (None, "auth_failed", "needs a passphrase"),
    ):
        secrets = HostSecrets(passphrase=Secret(passphrase) if passphrase else None)
        host = hosts(sshd, unix_users.deploy, key_file=key.path, secrets=secrets)
        report = await host.sweep()
        assert report.state == state, report
        assert words in (report.problem or "")
    assert tried(sshd) == [True], "a key that cannot be opened is not offered"


@pytest.mark.parametrize("asked", ["password", "keyboard-interactive"])
async def test_a_password_logs_in(start_sshd, unix_users, hosts, asked):
    by_questions = asked != "password"
    sshd = start_sshd(
        PasswordAuthentication="no" if by_questions else "yes",
        KbdInteractiveAuthentication="yes" if by_questions else "no",
    )
    hosts.trust(sshd.known_hosts())
    password = unix_users.password(unix_users.deploy, 'p "w\\ $x é')
    good = hosts(sshd, unix_users.deploy, secrets=HostSecrets(password=Secret(password)))
    assert await state_of(good) == "ok", good.report
    wrong = hosts(sshd, unix_users.deploy, secrets=HostSecrets(password=Secret("wrong")))
    assert await state_of(wrong) == "auth_failed"
    assert "password" in wrong.report.problem
    assert "wrong" not in wrong.report.problem


async def test_the_agents_keys_log_in(sshd, unix_users, make_key, start_agent, make_hosts):
    other, key = make_key("rsa"), make_key()
    agent = start_agent(other, key)
    sshd.authorize(unix_users.deploy, key)
    hosts = make_hosts(**agent.env)
    hosts.trust(sshd.known_hosts())
    host = hosts(sshd, unix_users.deploy)
    assert await state_of(host) == "ok", host.report
    assert [login.fingerprint for login in sshd.logins()] == [other.fingerprint, key.fingerprint]

    without = make_hosts()
    without.trust(sshd.known_hosts())
    host = without(sshd, unix_users.deploy)
    assert await state_of(host) == "auth_failed"
    assert "no agent" in host.report.problem


async def test_an_agent_that_says_nothing_is_not_waited_for(sshd, unix_users, make_hosts, tmp_path):
    """It is as if there were none; a touch of a security key comes later, while it signs."""
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "agent"))
        silent.listen()
        hosts = make_hosts(SSH_AUTH_SOCK=str(tmp_path / "agent"))
        hosts.trust(sshd.known_hosts())
        host = hosts(sshd, unix_users.deploy)
        assert await state_of(host) == "auth_failed", host.report


async def test_a_wrong_key_is_tried_once_however_many_ask(sshd, unix_users, make_key, hosts, monkeypatch):
    """Sweeps, refreshes, attaches and creations together: one try for each step of the backoff."""
    wrong = make_key()
    hosts.trust(sshd.known_hosts())
    host = hosts(sshd, unix_users.deploy, key_file=wrong.path)

    async def attach():
        with pytest.raises(Problem) as told:
            await host.find(unix_users.deploy, "api")
        assert told.value.code is Code.auth_failed
        with pytest.raises(Problem):
            await host.create(unix_users.deploy, "api", "", "")

    for _ in range(5):
        await asyncio.gather(*(host.sweep() for _ in range(20)), *(attach() for _ in range(5)))
        assert host.report.state == "auth_failed"
        host.hurry()
        assert await state_of(host) == "auth_failed"
    assert unix_users.deploy in host.report.problem
    assert tried(sshd) == [False]
    assert sshd.connections() == 1

    clock = host.way._connection.breaker._clock
    monkeypatch.setattr(
        host.way._connection.breaker, "_clock", lambda: clock() + breaker.FIRST_LOGIN_S * (1 + breaker.JITTER)
    )
    await asyncio.gather(*(host.sweep() for _ in range(20)), attach())
    assert tried(sshd) == [False, False]


async def test_the_remedy_for_a_refused_key_names_what_is_to_be_copied(sshd, unix_users, make_key, hosts):
    key = make_key()
    hosts.trust(sshd.known_hosts())
    host = hosts(sshd, unix_users.deploy, key_file=key.path)
    await host.sweep()
    assert host.report.remedy == f"ssh-copy-id -i {key.path} -p {sshd.port} {unix_users.deploy}@127.0.0.1"


async def test_another_key_in_the_file_is_another_try(sshd, unix_users, make_key, hosts):
    """Who mends it need not wait for the backoff."""
    wrong, right = make_key(), make_key()
    sshd.authorize(unix_users.deploy, right)
    hosts.trust(sshd.known_hosts())
    host = hosts(sshd, unix_users.deploy, key_file=wrong.path)
    assert await state_of(host) == "auth_failed"
    wrong.path.write_bytes(right.path.read_bytes())
    assert await state_of(host) == "ok", host.report


async def test_a_key_that_others_can_read_is_not_used(sshd, unix_users, key, hosts):
    sshd.authorize(unix_users.deploy, key)
    hosts.trust(sshd.known_hosts())
    key.path.chmod(0o644)
    host = hosts(sshd, unix_users.deploy, key_file=key.path)
    assert await state_of(host) == "auth_failed"
    assert host.report.remedy == f"chmod 600 {key.path}"
    assert sshd.logins() == []
    key.path.chmod(0o600)
    assert await state_of(host) == "ok", host.report


async def test_an_ipv6_address_is_an_address(start_sshd, unix_users, key, hosts):
    sshd = start_sshd(addresses=["::1"])
    sshd.authorize(unix_users.deploy, key)
    hosts.trust(sshd.known_hosts())
    host = hosts(sshd, unix_users.deploy, key_file=key.path)
    assert await state_of(host) == "ok", host.report


async def test_a_login_that_sshd_wants_two_things_of_is_told(start_sshd, unix_users, key, hosts):
    sshd = start_sshd(AuthenticationMethods="publickey,password")
    sshd.authorize(unix_users.deploy, key)
    hosts.trust(sshd.known_hosts())
    host = hosts(sshd, unix_users.deploy, key_file=key.path)
    assert await state_of(host) == "auth_failed"
    assert "second login step (password)" in host.report.problem


async def test_stock_max_startups_lets_thirty_hosts_in(start_sshd, unix_users, key, hosts):
    """Thirty connections to one sshd that begins to drop beyond ten."""
    from tests.rig.sshd import STOCK

    sshd = start_sshd(**STOCK)
    sshd.authorize(unix_users.deploy, key)
    hosts.trust(sshd.known_hosts())
    fleet = [hosts(sshd, unix_users.deploy, key_file=key.path, connect_s=20) for _ in range(30)]
    reports = await asyncio.gather(*(host.sweep() for host in fleet))
    assert {report.state for report in reports} == {"ok"}, [report.problem for report in reports]
    assert "drop connection" not in sshd.log


async def test_after_sshd_was_restarted_the_next_sweep_logs_in_again(sshd, unix_users, key, hosts):
    sshd.authorize(unix_users.deploy, key)
    hosts.trust(sshd.known_hosts())
    host = hosts(sshd, unix_users.deploy, key_file=key.path)
    assert await state_of(host) == "ok"
    sshd.restart()
    assert await state_of(host) == "ok", host.report
    sshd.stop()
    assert await state_of(host) == "unreachable"
    assert "Connection refused" in host.report.problem
    sshd.start()
    await soon(lambda: held(host.way._connection.breaker) == 0, "the end of the backoff")
    assert await state_of(host) == "ok", host.report
