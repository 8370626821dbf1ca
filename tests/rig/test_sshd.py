"""The rig's sshd, users, keys and agent, each proven with OpenSSH's own client."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess

import psutil
import pytest

from tests.rig.agent import askpass
from tests.rig.sshd import STOCK
from tests.rig.users import NOISE
from tests.rig.waiting import ended, until

CONNECT_S = 10


class Ssh:
    """The plain client with a known_hosts file, and nothing of this machine's configuration."""

    def __init__(self, folder, known_hosts):
        self.known_hosts = folder / "known_hosts"
        self.known_hosts.write_text(known_hosts)
        self.options = [
            *("-F", "/dev/null", "-o", f"UserKnownHostsFile={self.known_hosts}"),
            *("-o", "GlobalKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=yes"),
            *("-o", "NumberOfPasswordPrompts=1"),  # PAM takes its time over a wrong one
            *("-o", f"ConnectTimeout={CONNECT_S}", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"),
        ]

    def argv(self, sshd, user, *words, key=None):
        identity = ["-i", str(key.path)] if key else []
        return [
            *("ssh", *words[:-1]),  # before the others: the first one counts
            *(*self.options, *identity, "-p", str(sshd.port)),
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


def test_a_hashed_name_is_the_hosts_with_its_port(key, ssh):
    client = ssh(key.known_host("a.example", 2222, hashed=True), key.known_host("b.example", 22, hashed=True))
    for name, found in (("[a.example]:2222", True), ("a.example", False), ("b.example", True)):
        done = subprocess.run(
            ["ssh-keygen", "-F", name, "-f", str(client.known_hosts)], capture_output=True, check=False
        )
        assert (done.returncode == 0) == found, name


def test_a_password_logs_in_through_pam(sshd, unix_users, ssh):
    password = unix_users.password(unix_users.deploy, 'p "w\\ $x é')
    client = ssh(sshd.known_hosts())
    for secret, status in ((password, 0), ("wrong", 255)):
        with askpass(secret) as env:
            done = client(sshd, unix_users.deploy, "true", env=env)
        assert done.returncode == status, done.stderr
    assert [login.accepted for login in sshd.logins() if login.method == "password"] == [True, False]

    unix_users.undo_changes()
    with askpass(password) as env:
        assert client(sshd, unix_users.deploy, "true", env=env).returncode == 255


def test_questions_and_answers_log_in(start_sshd, unix_users, ssh):
    sshd = start_sshd(PasswordAuthentication="no", KbdInteractiveAuthentication="yes")
    with askpass(unix_users.password(unix_users.deploy)) as env:
        assert ssh(sshd.known_hosts())(sshd, unix_users.deploy, "true", env=env).returncode == 0
    assert sshd.logins()[-1].method == "keyboard-interactive/pam"


def test_a_key_with_a_passphrase_needs_it(sshd, unix_users, make_key, ssh):
    key = make_key(passphrase="of the key")
    sshd.authorize(unix_users.deploy, key)
    for secret, status in (("of the key", 0), ("another", 255)):
        with askpass(secret) as env:
            done = ssh(sshd.known_hosts())(
                sshd, unix_users.deploy, "-o", "PasswordAuthentication=no", "true", key=key, env=env
            )
        assert done.returncode == status, done.stderr


def test_a_key_belongs_to_whom_it_was_made_for(unix_users, make_key):
    path = make_key(owner=unix_users.service).path
    assert (path.owner(), path.stat().st_mode & 0o777) == (unix_users.service, 0o600)
    read = ["sudo", "-n", "-u", unix_users.service, "cat", str(path)]
    assert "PRIVATE KEY" in subprocess.run(read, capture_output=True, text=True, check=True).stdout


def test_the_agent_logs_in_until_it_ends(sshd, unix_users, make_key, start_agent, ssh):
    other, key = make_key("rsa", passphrase="of another"), make_key()
    agent = start_agent(other, key)
    sshd.authorize(unix_users.deploy, key)
    client = ssh(sshd.known_hosts())
    use = ("-o", f"IdentityAgent={agent.socket}", "-o", "IdentitiesOnly=no", "-o", "BatchMode=yes")
    assert agent.fingerprints() == [other.fingerprint, key.fingerprint]
    assert client(sshd, unix_users.deploy, *use, "true").returncode == 0

    agent.forget()
    assert client(sshd, unix_users.deploy, *use, "true").returncode == 255
    agent.close()
    assert not agent.socket.exists()


def test_the_agent_serves_the_user_it_runs_as(unix_users, start_agent, key):
    agent = start_agent(key, owner=unix_users.service)
    for user, shown in ((unix_users.service, True), (unix_users.deploy, False)):
        argv = ["sudo", "-n", "-u", user, f"SSH_AUTH_SOCK={agent.socket}", "ssh-add", "-l"]
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert (key.fingerprint in done.stdout) == shown


def test_a_host_is_reached_through_another(jump, unix_users, key, ssh):
    jump.first.authorize(unix_users.service, key)
    jump.last.authorize(unix_users.deploy, key)
    client = ssh(jump.known_hosts)
    through = subprocess.list2cmdline(
        client.argv(jump.first, unix_users.service, "-W", f"127.0.0.1:{jump.last.port}", "", key=key)[:-1]
    )
    done = client(jump.last, unix_users.deploy, "-o", f"ProxyCommand={through}", "id -un", key=key)

    assert done.stdout == f"{unix_users.deploy}\n", done.stderr
    assert jump.passed() == 1
    jump.first.stop()
    assert client(jump.last, unix_users.deploy, "-o", f"ProxyCommand={through}", "true").returncode == 255


def test_the_jump_host_leads_to_nowhere_else(jump, sshd, unix_users, key, ssh):
    jump.first.authorize(unix_users.service, key)
    done = ssh(jump.known_hosts)(jump.first, unix_users.service, "-W", f"127.0.0.1:{sshd.port}", "x", key=key)
    assert done.returncode == 255
    assert sshd.connections() == 0


def test_another_host_key_is_seen(open_sshd, unix_users, key, ssh):
    before = open_sshd.known_hosts()
    port = open_sshd.port
    open_sshd.replace_host_key("ecdsa")
    assert open_sshd.port == port
    assert ssh(before)(open_sshd, unix_users.deploy, "true", key=key).returncode == 255
    assert ssh(open_sshd.known_hosts())(open_sshd, unix_users.deploy, "true", key=key).returncode == 0


def test_a_revoked_host_key_is_refused(open_sshd, unix_users, key, ssh):
    client = ssh(open_sshd.known_hosts(), open_sshd.known_hosts(mark="@revoked"))
    done = client(open_sshd, unix_users.deploy, "true", key=key)
    assert (done.returncode, "revoked" in done.stderr.lower()) == (255, True)


def test_a_certified_host_key_is_known_by_its_authority(open_sshd, unix_users, key, make_key, ssh):
    ca, other = make_key(), make_key()
    for signer, more, status in (
        (ca, {}, 0),
        (other, {}, 255),
        (ca, {"principals": ["another.example"]}, 255),
        (ca, {"validity": "-2h:-1h"}, 255),
    ):
        open_sshd.certify(signer, **more)
        client = ssh(open_sshd.known_hosts(mark="@cert-authority", key=ca))
        done = client(open_sshd, unix_users.deploy, "true", key=key)
        assert done.returncode == status, done.stderr


def test_it_listens_on_several_addresses_and_ports(start_sshd, unix_users, key, ssh):
    sshd = start_sshd(addresses=("::1", "127.0.0.1", "127.0.0.2"), ports=2, host_keys=["rsa", "ed25519"])
    sshd.authorize(unix_users.deploy, key)
    assert len(sshd.known_hosts().splitlines()) == 12
    assert ssh(sshd.known_hosts())(sshd, unix_users.deploy, "true", key=key).returncode == 0
    for address in sshd.addresses:
        for port in sshd.ports:
            with socket.create_connection((address, port), timeout=CONNECT_S) as connection:
                assert connection.recv(4) == b"SSH-"


@pytest.fixture
def master(ssh, unix_users, key, tmp_path):
    """Call it for a connection that stays, and what runs the plain client's sessions on it."""
    running = []

    def start(sshd, user=unix_users.deploy):
        control = tmp_path / "control"
        client = ssh(sshd.known_hosts())
        argv = client.argv(sshd, user, "-M", "-S", str(control), "-N", "", key=key)[:-1]
        running.append(subprocess.Popen(argv, stdin=subprocess.DEVNULL))
        until(control.exists, "the master connection")
        # The client falls back to a connection of its own, which must not be.
        return running[-1], client.argv(sshd, user, "-S", str(control), "-o", "ProxyCommand=false", "")[:-1]

    yield start
    for process in running:
        process.kill()
        process.wait()


def test_a_stock_server_refuses_the_eleventh_session(start_sshd, unix_users, key, master):
    sshd = start_sshd(**STOCK)
    sshd.authorize(unix_users.deploy, key)
    _, argv = master(sshd)
    sessions = []
    try:
        for count in range(1, 11):
            session = subprocess.Popen(
                [*argv, "echo here; exec sleep 60"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            sessions.append(session)
            assert session.stdout.readline() == b"here\n", count
        done = subprocess.run([*argv, "true"], capture_output=True, timeout=30, check=False)
        assert done.returncode == 255
        assert b"Session open refused by peer" in done.stderr
    finally:
        for session in sessions:
            session.kill()
            session.communicate()


def test_connections_beyond_a_limit_are_dropped(start_sshd):
    sshd = start_sshd(MaxStartups="3:100:3")
    with contextlib.ExitStack() as stack:
        taken = []
        for _ in range(4):
            taken.append(stack.enter_context(socket.create_connection(("127.0.0.1", sshd.port), CONNECT_S)))
            sshd_says = taken[-1].recv(4)
            assert sshd_says == (b"SSH-" if len(taken) <= 3 else b"Exce")  # "Exceeded MaxStartups"


def test_one_connection_is_frozen_and_killed(open_sshd, master, unix_users):
    process, argv = master(open_sshd)
    (pid,) = open_sshd.pids()
    with open_sshd.frozen(pid):
        with pytest.raises(subprocess.TimeoutExpired):
            subprocess.run([*argv, "true"], capture_output=True, timeout=0.5, check=False)
        assert psutil.Process(pid).status() == psutil.STATUS_STOPPED
        assert process.poll() is None
    assert subprocess.run([*argv, "true"], timeout=20, check=False).returncode == 0

    open_sshd.kill(pid)
    assert process.wait(10) == 255
    assert open_sshd.pids() == []


def test_a_frozen_server_accepts_and_says_nothing(sshd):
    def said(seconds):
        with socket.create_connection(("127.0.0.1", sshd.port), timeout=seconds) as connection:
            return connection.recv(4)

    with sshd.frozen(), pytest.raises(TimeoutError):
        said(0.5)
    assert said(CONNECT_S) == b"SSH-"


def test_a_connection_outlives_the_listener_but_not_the_fixture(open_sshd, master):
    process, argv = master(open_sshd)
    open_sshd.stop(connections=False)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", open_sshd.port), timeout=CONNECT_S)
    assert subprocess.run([*argv, "true"], timeout=20, check=False).returncode == 0
    open_sshd.start()
    (pid,) = open_sshd.pids()
    folder = open_sshd.folder

    with open_sshd.frozen():
        open_sshd.close()  # even so
    assert ended(pid)
    assert process.wait(10) == 255
    assert not folder.exists()


def test_users_differ_in_shells_noise_and_sudo(sshd, unix_users, key, ssh):
    client = ssh(sshd.known_hosts())
    list_theirs = f"sudo -n -u {unix_users.deploy} tmux ls"
    unix_users.tmux(unix_users.deploy).new("theirs")
    for user in (unix_users.service, unix_users.noisy, unix_users.no_sudo):
        sshd.authorize(user, key)

    noisy = client(sshd, unix_users.noisy, list_theirs, key=key)
    assert noisy.stdout.startswith(f"{NOISE}\ntheirs: ")
    assert noisy.stderr == f"{NOISE}\n"
    assert client(sshd, unix_users.service, list_theirs, key=key).stdout.startswith("theirs: ")
    refused = client(sshd, unix_users.no_sudo, list_theirs, key=key)
    assert (refused.returncode, refused.stderr) == (1, "sudo: a password is required\n")

    unix_users.use_shell(unix_users.service, "/usr/sbin/nologin")
    assert client(sshd, unix_users.service, "true", key=key).returncode == 1
    unix_users.undo_changes()
    assert client(sshd, unix_users.service, "true", key=key).returncode == 0
