"""The rig's sshd, users, keys and agent, each proven with OpenSSH's own client."""

from __future__ import annotations

import os
import subprocess

import pytest

CONNECT_S = 10


class Ssh:
    """The plain client with a known_hosts file, and nothing of this machine's configuration."""

    def __init__(self, folder, known_hosts):
        self.known_hosts = folder / "known_hosts"
        self.known_hosts.write_text(known_hosts)
        self.options = [
            *("-F", "/dev/null", "-o", f"UserKnownHostsFile={self.known_hosts}"),
            *("-o", "GlobalKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=yes"),
            *("-o", f"ConnectTimeout={CONNECT_S}", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"),
        ]

    def argv(self, sshd, user, *words, key=None):
        identity = ["-i", str(key.path)] if key else []
        return [
            *("ssh", *self.options, *identity, "-p", str(sshd.port)),
            *words[:-1],
            f"{user}@{sshd.addresses[0]}",
            words[-1],
        ]

    def __call__(self, sshd, user, *words, key=None, env=None):
        """Log in and run the last of the words, the others being options."""
        return subprocess.run(
            self.argv(sshd, user, *words, key=key),
            env={"PATH": os.environ["PATH"], **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )


@pytest.fixture
def ssh(tmp_path):
    return lambda *known: Ssh(tmp_path, "".join(known))


@pytest.fixture
def key(make_key):
    return make_key()


@pytest.fixture
def open_sshd(sshd, key, unix_users):
    """One that lets ``key`` in as the deploy user."""
    sshd.authorize(unix_users.deploy, key)
    return sshd


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
def test_a_key_logs_in_and_its_logins_are_counted(start_sshd, unix_users, make_key, ssh, kind):
    sshd, key, other = start_sshd(host_keys=[kind]), make_key(kind), make_key(kind)
    client = ssh(sshd.known_hosts(hashed=True))
    sshd.authorize(unix_users.deploy, key)

    assert client(sshd, unix_users.deploy, "id -un", key=key).stdout == f"{unix_users.deploy}\n"
    assert client(sshd, unix_users.deploy, "-o", "BatchMode=yes", "true", key=other).returncode == 255

    tried = [(login.fingerprint, login.accepted) for login in sshd.logins() if login.method == "publickey"]
    assert tried == [(key.fingerprint, True), (other.fingerprint, False)]
    assert sshd.connections() == 2
    sshd.withdraw(unix_users.deploy)
    assert client(sshd, unix_users.deploy, "-o", "BatchMode=yes", "true", key=key).returncode == 255
