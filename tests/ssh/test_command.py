"""What is given to ssh, read by ssh itself: ``ssh -G`` tells what it has understood."""

from __future__ import annotations

import itertools
import os
import shlex
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxboard.config.address import Hop, valid_hostname, valid_login
from muxboard.config.values import Secret
from muxboard.hosts.ssh import command
from muxboard.hosts.ssh.attempt import Trust
from muxboard.hosts.ssh.command import Destination
from muxboard.hosts.ssh.login import Login

SECRET = "correct horse"
TRUST = Trust(("/etc/muxboard/known_hosts", "/home/with a space/known_hosts"), accept_new=True)
KEY = Login("deploy", "/home/with a space/id_ed25519")
LOGINS = {
    "agent": Login("deploy", agent="/run/agent"),
    "key": KEY,
    "passphrase": KEY._replace(passphrase=Secret(SECRET)),
    "password": Login("deploy", password=Secret(SECRET)),
}


def destination(login=KEY, jumps=(), hostname="web1.internal", port=22):
    return Destination(Hop("", hostname, port), login, TRUST, tuple(jumps), 7.6)


def understood(argv):
    """What ssh makes of its options: lower-case name → the values, in order."""
    assert argv[0] == "ssh"
    done = subprocess.run(["ssh", "-G", *argv[1:]], capture_output=True, text=True, check=True, timeout=20)
    assert not done.stderr
    found = {}
    for line in done.stdout.splitlines():
        name, _, value = line.partition(" ")
        found.setdefault(name, []).append(value)
    return found


def each_argv(there):
    return {
        "master": command.master(there, "/run/muxboard-x/h.1"),
        "attach": command.attach(there, ["tmux", "attach"], "/run/muxboard-x/h.1"),
        "alone": command.attach(there, ["tmux", "attach"]),
    }


ALWAYS = {
    "hostname": "web1.internal",
    "user": "deploy",
    "stricthostkeychecking": "true",
    "userknownhostsfile": "/etc/muxboard/known_hosts /home/with a space/known_hosts",
    "globalknownhostsfile": "/dev/null",
    "updatehostkeys": "false",
    "verifyhostkeydns": "false",
    "connecttimeout": "8",
    "connectionattempts": "1",
    "serveraliveinterval": "5",
    "serveralivecountmax": "3",
    "escapechar": "none",
    "loglevel": "ERROR",
    "forwardagent": "no",
    "forwardx11": "no",
    "permitlocalcommand": "no",
    "controlpersist": "no",
    "numberofpasswordprompts": "1",
}


@pytest.mark.parametrize("login", LOGINS)
@pytest.mark.parametrize("which", ["master", "attach", "alone"])
def test_ssh_understands_every_option(login, which):
    there = destination(LOGINS[login], port=2222)
    found = understood(each_argv(there)[which])
    assert {name: found[name] for name in ALWAYS} == {name: [value] for name, value in ALWAYS.items()}
    assert found["port"] == ["2222"]
    assert "proxycommand" not in found
    assert "proxyjump" not in found
    assert found["controlmaster"] == ["true" if which == "master" else "false"]
    assert found.get("controlpath") == (None if which == "alone" else ["/run/muxboard-x/h.1"])
    assert found["requesttty"] == ["false" if which == "master" else "force"]


@pytest.mark.parametrize(
    ("login", "wanted"),
    [
        ("agent", {"batchmode": "yes", "preferredauthentications": "publickey", "identitiesonly": "no"}),
        (
            "key",
            {
                "batchmode": "yes",
                "preferredauthentications": "publickey",
                "identitiesonly": "yes",
                "identityfile": "/home/with a space/id_ed25519",
                "identityagent": "none",
            },
        ),
        (
            "passphrase",
            {"batchmode": "no", "preferredauthentications": "publickey", "identitiesonly": "yes"},
        ),
        (
            "password",
            {
                "batchmode": "no",
                "preferredauthentications": "password,keyboard-interactive",
                "pubkeyauthentication": "false",
            },
        ),
    ],
)
def test_each_login_offers_what_it_has_and_nothing_else(login, wanted):
    found = understood(command.master(destination(LOGINS[login]), "/run/x"))
    assert {name: found[name] for name in wanted} == {name: [value] for name, value in wanted.items()}


def test_a_master_runs_nothing_and_an_attach_runs_its_command_alone():
    found = understood(command.master(destination(), "/run/x"))
    assert found["sessiontype"] == ["none"]
    argv = command.attach(destination(), ["tmux", "attach", "-t", "=a b"])
    assert argv[-3:] == ["--", "web1.internal", "exec tmux attach -t '=a b'"]
    assert understood(argv)["sessiontype"] == ["default"]


def test_a_check_asks_the_master_alone():
    argv = command.check(destination(), "/run/x")
    assert understood(argv)["controlpath"] == ["/run/x"]
    assert argv[argv.index("-O") :] == ["-O", "check", "--", "web1.internal"]


def test_the_users_own_configuration_is_not_read(tmp_path):
    """Nor for a jump: it says -F none itself."""
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text("Nonsense yes\n")
    there = destination(jumps=[(Hop("", "jump", 22), KEY)])
    for argv in (
        *each_argv(there).values(),
        command.check(there, "/run/x"),
        inner(command.master(there, "/x")),
    ):
        assert argv[1:3] == ["-F", "none"]


# --- jumps


def inner(argv):
    """The words of the ssh that ssh runs as its proxy, by way of a shell as ssh does it."""
    (proxy,) = understood(argv)["proxycommand"]
    hop = argv[argv.index("--") + 1]
    assert "%h" not in proxy.replace("%%", "")
    done = subprocess.run(
        ["/bin/sh", "-c", proxy.replace("%%", "%").replace("ssh ", "printf '%s\\0' ssh ", 1)],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    words = done.stdout.split("\0")[:-1]
    assert words[0] == "ssh", hop
    return words


@pytest.mark.parametrize("login", LOGINS)
def test_three_hops_are_an_ssh_in_an_ssh_in_an_ssh(login):
    hops = [Hop("one", "jump1.internal", 22), Hop("", "2001:db8::2", 2222), Hop("three", "192.0.2.3", 22)]
    users = ["one", "service", "three"]
    jumps = [(hop, KEY._replace(user=user)) for hop, user in zip(hops, users, strict=True)]
    argv = command.attach(destination(LOGINS[login], jumps, "2001:db8::9", 2200), ["true"], "/run/x")
    targets = ["[2001:db8::9]:2200", "[192.0.2.3]:22", "[2001:db8::2]:2222"]
    for hop, user, target in zip(hops[::-1], users[::-1], targets, strict=True):
        argv = inner(argv)
        assert argv[argv.index("-W") + 1] == target
        found = understood(argv)
        assert (found["hostname"], found["user"], found["port"]) == ([hop.hostname], [user], [str(hop.port)])
        assert found["identityfile"] == [KEY.key_file]
        assert found["preferredauthentications"] == ["publickey"]
        assert found["stricthostkeychecking"] == ["true"]
        assert found["userknownhostsfile"] == [ALWAYS["userknownhostsfile"]]
        assert found["globalknownhostsfile"] == ["/dev/null"]
        assert "controlpath" not in found
    assert "proxycommand" not in understood(argv)


def test_each_target_is_expanded_once_on_each_level():
    """A percent sign in a path is ssh's own matter where it is a path, and nobody's before."""
    trust = Trust(("/known%%hosts",), accept_new=False)
    jumps = tuple((Hop("", f"jump{number}", 22), KEY._replace(key_file="/it's mine")) for number in range(3))
    argv = command.master(destination()._replace(trust=trust, jumps=jumps), "/run/x")
    for _ in jumps:
        argv = inner(argv)
        assert 'UserKnownHostsFile="/known%%hosts"' in argv
        assert 'IdentityFile="/it\'s mine"' in argv


# --- what a user gives

names = st.text(st.sampled_from("abAZ09._-@+$%~"), min_size=1, max_size=12)


@settings(max_examples=40, deadline=None)
@given(
    names.filter(valid_hostname) | st.ip_addresses().map(str).filter(valid_hostname),
    names.filter(valid_login),
    st.integers(1, 65535),
)
def test_nothing_that_the_file_may_hold_is_an_option(hostname, user, port):
    there = destination(
        KEY._replace(user=user), [(Hop(user, hostname, port), KEY._replace(user=user))], hostname, port
    )
    for argv in (command.master(there, "/run/x"), inner(command.master(there, "/run/x"))):
        found = understood(argv)
        assert (found["hostname"], found["user"], found["port"]) == ([hostname.lower()], [user], [str(port)])


@pytest.mark.parametrize("hostname", ["-oProxyCommand=touch /tmp/x", "-F/etc/passwd", "--"])
def test_not_even_a_host_name_that_the_file_must_not_hold(hostname):
    """ssh refuses it as a name; it does not take it as an option."""
    for argv in (
        *each_argv(destination(hostname=hostname)).values(),
        command.check(destination(hostname=hostname), "/x"),
    ):
        assert argv[argv.index("--") + 1] == hostname
        done = subprocess.run(
            ["ssh", "-G", *argv[1:]], capture_output=True, text=True, check=False, timeout=20
        )
        assert "proxycommand" not in done.stdout
        assert done.returncode == 0 or "hostname contains invalid characters" in done.stderr


@pytest.mark.parametrize("login", LOGINS)
def test_no_secret_is_in_any_argv(login):
    there = destination(LOGINS[login], [(Hop("", "jump", 22), LOGINS["passphrase"])] * 2)
    words = itertools.chain(*each_argv(there).values(), command.check(there, "/run/x"))
    assert SECRET not in " ".join(words)
    assert SECRET not in repr(there)


# --- the command on the host


@pytest.mark.parametrize("word", ["'", "a\\", "!", "\n", "\0", "\x1b", "\x7f", "\t", "a'b"])
def test_words_that_some_shell_would_take_apart_are_refused(word):
    with pytest.raises(ValueError, match="not a plain word"):
        command.remote(["tmux", word])


plain = st.text(
    st.characters(exclude_categories=["C"], exclude_characters="'\\!"), max_size=20
) | st.sampled_from(
    ["", "$HOME", "$(id)", "`id`", "*", "~", "a b", "#x", "-n", "{a,b}", '"', ";", "&", "|", "=a:", "%"]
)


@settings(max_examples=25, deadline=None)
@given(st.lists(plain, max_size=5))
def test_every_login_shell_gives_the_same_words(words):
    text = command.remote(["printf", "<%s>" * len(words) or "x", *words])
    wanted = "".join(f"<{word}>" for word in words) or "x"
    for shell in ("sh", "bash", "dash"):
        done = subprocess.run(
            [shell, "-c", text],
            capture_output=True,
            check=True,
            timeout=20,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
        )
        assert done.stdout.decode() == wanted


# --- questions and versions


def test_questions_are_told_by_whom_they_are_about():
    password = destination(LOGINS["password"])
    assert command.secrets(password) == {
        "deploy@web1.internal's password:": SECRET,
        "(deploy@web1.internal) Password:": SECRET,
    }
    jumps = [(Hop("", "jump", 22), LOGINS["passphrase"])]
    assert command.secrets(destination(LOGINS["agent"], jumps)) == {
        f"Enter passphrase for key '{KEY.key_file}'": SECRET
    }
    assert command.secrets(destination(KEY, [(Hop("", "jump", 22), KEY)])) == {}


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("OpenSSH_9.2p1 Debian-2+deb12u3, OpenSSL 3.0.15", (9, 2)),
        ("OpenSSH_10.0p2, OpenSSL", (10, 0)),
        ("OpenSSH_for_Windows_8.6p1, LibreSSL 3.4.3", (8, 6)),
        ("Dropbear v2022.83", None),
        ("", None),
        ("x OpenSSH_9.2", None),
    ],
)
def test_versions(said, wanted):
    assert command.version(said) == wanted


def test_this_ssh_tells_its_version():
    done = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=True, timeout=10)
    assert command.version(done.stderr) >= command.ASKPASS_SINCE
    assert shlex.split(command.remote(["true"])) == ["exec", "true"]
