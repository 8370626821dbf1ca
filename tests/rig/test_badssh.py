"""Each bad ssh server is bad where it says, to OpenSSH's own client or to a plain socket."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time

import pytest

from tests.rig.badserver import BAD_BYTES, HUGE_BYTES
from tests.rig.badssh import BadSsh
from tests.rig.waiting import ended, until

HANG_S = 1.5  # beyond it, nothing happens any more on loopback


@pytest.fixture
def ssh(make_key, tmp_path):
    """Call it with a server for ``ssh``'s Popen."""
    key = make_key()

    def start(bad, *options, command="list"):
        known = tmp_path / "known_hosts"
        known.write_text(bad.host_key_line)
        argv = [
            *("ssh", "-F", "/dev/null", "-o", f"UserKnownHostsFile={known}", "-o", "BatchMode=yes"),
            *("-o", "GlobalKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=yes"),
            *("-o", "IdentityAgent=none", "-i", str(key.path), *options),
            *("-p", str(bad.port), "somebody@127.0.0.1", command),
        ]
        return subprocess.Popen(
            argv,
            env={"PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    start.key = key
    return start


def finished(process, seconds=20):
    try:
        out, err = process.communicate(timeout=seconds)
    finally:
        process.kill()
        process.communicate()
    return process.returncode, out, err.decode(errors="replace")


def has_no_end(process, seconds=HANG_S):
    try:
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(seconds)
    finally:
        process.kill()
        out, err = process.communicate()
    return out, err


def received(bad, *, seconds=HANG_S, at_most=1_000_000):
    """What a socket gets that sends nothing, and whether the other end closed it."""
    data = b""
    with socket.create_connection(("127.0.0.1", bad.port), timeout=seconds) as connection:
        deadline = time.monotonic() + seconds
        while len(data) < at_most and time.monotonic() < deadline:
            try:
                block = connection.recv(65536)
            except TimeoutError:
                return data, False
            if not block:
                return data, True
            data += block
    return data, False


def test_a_good_one_answers_and_tells_what_it_was_asked(start_badssh, ssh):
    bad = start_badssh("good")
    assert finished(ssh(bad))[:2] == (0, b"good\n")
    assert bad.connections == 1
    (command,) = bad.events("exec")
    words = [event.detail.split() for event in bad.events("auth")]
    assert [(some[:2], some[3:]) for some in words] == [
        (["none", "somebody"], []),
        (["publickey", "somebody"], ["offered"]),
        (["publickey", "somebody"], ["signed"]),
    ]
    assert words[1][2] == words[2][2] == ssh.key.fingerprint
    assert command.detail == "list"
    assert 0 < time.monotonic() - command.at < 20


def test_syn_hangs_in_connect(start_badssh, ssh):
    bad = start_badssh("syn")
    for count in (1, 2):
        with pytest.raises(TimeoutError):
            received(bad)
        assert bad.connections == count
    status, _, err = finished(ssh(bad, "-o", "ConnectTimeout=1"))
    assert (status, "timed out" in err) == (255, True)
    assert bad.connections == 3


@pytest.mark.parametrize(
    ("stage", "says", "closes"),
    [
        ("banner", b"", False),
        ("kex", b"SSH-2.0-bad_1.0\r\n", False),
        ("close_accept", b"", True),
        ("close_banner", b"SSH-2.0-bad_1.0\r\n", True),
    ],
)
def test_what_a_connection_gets_to_hear(start_badssh, stage, says, closes):
    bad = start_badssh(stage)
    assert received(bad) == (says, closes)
    assert bad.connections == 1


def test_endless_banners_do_not_end(start_badssh):
    fast, _ = received(start_badssh("endless_banner"))
    slow, closed = received(start_badssh("slow_banner"))
    assert len(fast) >= 1_000_000
    assert fast.count(b"\r\n") > 10_000
    assert 3 <= slow.count(b"\r\n") <= 20
    assert b"SSH-" not in fast + slow
    assert not closed


def test_ssh_gives_up_on_a_missing_banner_only_if_told_to(start_badssh, ssh):
    bad = start_badssh("banner")
    has_no_end(ssh(bad))
    status, _, err = finished(ssh(bad, "-o", "ConnectTimeout=1"))
    assert (status, "timed out" in err) == (255, True)
    assert bad.connections == 2


def test_ssh_hangs_at_a_slow_banner(start_badssh, ssh):
    has_no_end(ssh(start_badssh("slow_banner")))


@pytest.mark.parametrize("stage", ["kex", "kex_middle"])
def test_ssh_hangs_before_the_login_beyond_its_own_limit(start_badssh, ssh, stage):
    bad = start_badssh(stage)
    has_no_end(ssh(bad, "-o", "ConnectTimeout=1"), 3)
    assert bad.connections == 1


@pytest.mark.parametrize(
    ("stage", "reached", "not_reached"),
    [
        ("kex_middle", "kex_init", "auth"),
        ("auth", "auth", "channel"),
        ("channel", "channel", "exec"),
        ("exec", "exec", "rekey"),
        ("command", "exec", "rekey"),
    ],
)
def test_ssh_hangs_at_the_stage(start_badssh, ssh, stage, reached, not_reached):
    bad = start_badssh(stage)
    process = ssh(bad)
    bad.wait_for(reached)
    assert has_no_end(process)[0] == b""
    assert not bad.events(not_reached)


def test_keepalives_are_answered_all_the_same(start_badssh, ssh):
    bad = start_badssh("exec")
    has_no_end(ssh(bad, "-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=1"), 3.5)


def test_a_stalled_key_exchange_goes_on_with_output(start_badssh, ssh):
    bad = start_badssh("rekey_stall")
    process = ssh(bad, "-v")
    bad.wait_for("rekey")
    out, err = has_no_end(process)
    assert out.count(b"as if nothing were\n") >= 2
    assert err.count(b"SSH2_MSG_KEXINIT received") == 2
    assert err.count(b"SSH2_MSG_NEWKEYS received") == 1


@pytest.mark.parametrize(
    ("stage", "reached"),
    [
        ("close_accept", "connection"),
        ("close_banner", "connection"),
        ("close_kex_init", "kex_init"),
        ("close_auth", "auth"),
        ("close_channel", "channel"),
        ("close_exec", "exec"),
        ("close_command", "exec"),
        ("garbage", "connection"),
        ("kex_garbage", "connection"),
        ("endless_banner", "connection"),
    ],
)
def test_ssh_gives_up_at_the_stage(start_badssh, ssh, stage, reached):
    bad = start_badssh(stage)
    status, out, _ = finished(ssh(bad))
    assert (status, out) == (255, b"half a li" if stage == "close_command" else b"")
    assert bad.events()[-1].what == reached


@pytest.mark.parametrize("stage", ["endless", "endless_line", "endless_stderr", "slow"])
def test_output_has_no_end(start_badssh, ssh, stage):
    process = ssh(start_badssh(stage))
    stream = process.stderr if stage == "endless_stderr" else process.stdout
    try:
        data = stream.read(30 if stage == "slow" else 20_000_000)
    finally:
        process.kill()
        process.communicate()
    assert (b"\n" in data) == (stage != "endless_line")


def test_huge_output_ends(start_badssh, ssh):
    process = ssh(start_badssh("huge"))
    status, out, _ = finished(process, seconds=60)
    assert (status, len(out)) == (0, HUGE_BYTES)


def test_bad_bytes_come_as_they_are(start_badssh, ssh):
    process = ssh(start_badssh("bad_bytes"))
    out, err = process.communicate(timeout=20)
    assert out == BAD_BYTES
    assert err.endswith(BAD_BYTES)
    assert err.count(b"onerror=alert(1)") == 2  # the login's banner, in which ssh itself disarms the rest


def test_an_end_without_a_status(start_badssh, ssh):
    assert finished(ssh(start_badssh("no_status")))[:2] == (255, b"good\n")


def test_a_server_becomes_good(start_badssh, ssh):
    bad = start_badssh("close_auth")
    assert finished(ssh(bad))[0] == 255
    bad.become("good")
    assert finished(ssh(bad))[0] == 0
    with pytest.raises(ValueError, match="syn"):
        bad.become("syn")


@pytest.mark.parametrize("stage", ["syn", "banner"])
def test_nothing_is_left_of_a_server(stage):
    with contextlib.closing(BadSsh(stage)) as bad:
        folder, pid = bad.folder, bad.process.pid
        assert bad.connections == 0
    assert ended(pid)
    assert not folder.exists()
    with pytest.raises(ConnectionRefusedError):
        received(bad)


def test_a_stage_that_is_not_there_is_told():
    with pytest.raises(ValueError, match="slow_banner"):
        BadSsh("bannner")


def test_a_server_ends_with_whoever_started_it(start_badssh):
    bad = start_badssh("banner")
    bad.process.stdin.close()  # as the kernel does for a process that was killed
    until(lambda: ended(bad.process.pid), "the end of the server")
