"""Hosts that would have us compute or hold too much before their key is checked."""

from __future__ import annotations

import asyncio
import contextlib

import paramiko
import pytest

from muxboard.hosts.ssh.guard import GREETING_BYTES, PACKET_BYTES
from tests.ssh.breakers import held
from tests.ssh.test_login import state_of

pytestmark = pytest.mark.gen_test(timeout=30)


class Says:
    """A server that says one thing to everybody, as often as it is taken in."""

    def __init__(self, once: bytes, again: bytes) -> None:
        self.once, self.again = once, again
        self.said = 0

    async def serve(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            writer.write(self.once)
            while self.said < 64 << 20:
                writer.write(self.again)
                await writer.drain()
                self.said += len(self.again)
        writer.close()


@pytest.mark.parametrize(
    ("once", "words"),
    [
        (b"x", "greeting does not end"),
        (b"SSH-2.0-x\r\n" + (0x7FFFFFFC).to_bytes(4) + b"\0" * 4, "a packet of 2147483640 bytes"),
    ],
)
async def test_neither_a_greeting_nor_a_packet_is_without_end(hosts, once, words):
    says = Says(once, b"\0" * 65536)
    server = await asyncio.start_server(says.serve, "127.0.0.1", 0)
    host = hosts(user="deploy", port=server.sockets[0].getsockname()[1], key_file="/nowhere")
    try:
        assert await state_of(host) == "error"
        assert words in host.report.problem
        assert says.said < 16 * (GREETING_BYTES + PACKET_BYTES)
    finally:
        server.close()


async def test_no_power_of_the_hosts_numbers_is_computed(start_sshd, hosts):
    """8192 bits are more than a second in which nothing else of the service runs."""
    sshd = start_sshd(KexAlgorithms="diffie-hellman-group-exchange-sha256,diffie-hellman-group16-sha512")
    hosts.trust(sshd.known_hosts())
    host = hosts(sshd, "deploy", key_file="/nowhere")
    assert await state_of(host) == "error"
    assert "no acceptable kex algorithm" in host.report.problem


async def test_a_guarded_transport_is_guarded_for_its_whole_life(sshd, unix_users, make_key, hosts):
    key = make_key()
    sshd.authorize(unix_users.deploy, key)
    hosts.trust(sshd.known_hosts())
    host = hosts(sshd, unix_users.deploy, key_file=key.path)
    assert await state_of(host) == "ok"
    transport = await host.way._connection.transport()
    with pytest.raises(paramiko.SSHException, match="a packet of"):
        transport.packetizer.read_all(PACKET_BYTES + 1)


async def test_a_login_that_sshd_ends_is_a_refused_one(
    start_sshd, unix_users, make_key, start_agent, make_hosts
):
    """MaxAuthTries below the number of an agent's keys: not a broken connection, to be tried soon again."""
    sshd = start_sshd(MaxAuthTries=2)
    agent = start_agent(make_key(), make_key("rsa"), make_key("ecdsa"))
    hosts = make_hosts(**agent.env)
    hosts.trust(sshd.known_hosts())
    host = hosts(sshd, unix_users.deploy)
    assert await state_of(host) == "auth_failed", host.report
    assert held(host.way._connection.breaker) >= 29


async def test_another_hosts_new_key_is_no_reason_to_try_a_wrong_login_again(
    sshd, unix_users, make_key, hosts
):
    """As with accept-new, which writes to the file for each host of a fleet."""
    hosts.trust(sshd.known_hosts())
    key = make_key()
    host = hosts(sshd, unix_users.deploy, key_file=key.path)
    for number in range(5):
        assert await state_of(host) == "auth_failed"
        hosts.trust(key.known_host(f"192.0.2.{number}", 22) + "\n")
    assert sshd.connections() == 1
    sshd.authorize(unix_users.deploy, key)
    key.path.touch()
    assert await state_of(host) != "auth_failed", "another key file is another try"
