"""Where ssh may go: nothing that is an option, a quote or an expansion to it or to a shell."""

from __future__ import annotations

import os
import socket
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from muxboard.config import ConfigError, load
from muxboard.config.address import (
    MAX_HOPS,
    Hop,
    parse_jumps,
    valid_file,
    valid_hostname,
    valid_login,
)

# What OpenSSH itself refuses in host names and logins (valid_hostname, valid_ruser in its ssh.c).
REFUSED = "'`\"$\\;&<>|(){},"


def taken_by_openssh(text):
    return not text.startswith("-") and not any(
        letter in REFUSED or letter.isspace() or ord(letter) < 32 or ord(letter) == 127 for letter in text
    )


near = st.text(st.sampled_from("-ab.0_9:@%$~/[]\\'\" \n\t;,é١²\0"), max_size=10)
texts = near | st.text(max_size=20) | st.ip_addresses().map(str)


@given(texts)
@example("web1\n")
@example("-oProxyCommand=x")
@example("a" * 63 + "." + "b" * 190)
def test_a_host_name_is_always_one_to_openssh_too(text):
    if valid_hostname(text):
        assert taken_by_openssh(text)
        assert text.isascii()
        assert set(text) <= set(string.ascii_letters + string.digits + "-_.:")
        assert 0 < len(text) <= 253


@given(texts)
@example("deploy\n")
@example("-l")
@example("a$b")
def test_a_login_is_always_one_to_openssh_too(text):
    if valid_login(text):
        assert taken_by_openssh(text.removesuffix("$"))  # as Samba's machines have it
        assert set(text.removesuffix("$")) <= set(string.ascii_letters + string.digits + "-_.@+")


@given(texts | near.map("/{}".format) | near.map("~/{}".format))
@example("/x\n")
@example("/%h")
def test_a_file_is_always_one_to_openssh_too(text):
    if valid_file(text):
        assert taken_by_openssh(text.replace(",", ""))  # which parts no paths
        assert text[0] in "~/"
        assert not set(text) & set("%$*?[]#! ")
        assert "~" not in text[1:]


@given(st.ip_addresses(v=4) | st.ip_addresses(v=6))
@example("::ffff:192.0.2.1")
@example("::1")
def test_an_address_is_taken_as_the_system_writes_it(address):
    text = str(address)
    family = socket.AF_INET6 if ":" in text else socket.AF_INET
    usual = socket.inet_ntop(family, socket.inet_pton(family, text))
    assert valid_hostname(usual)
    assert valid_hostname(usual.upper())
    assert not valid_hostname(f"[{usual}]")
    assert not valid_hostname(f"{usual}%eth0")
    assert not valid_hostname(f"{usual}:")


@pytest.mark.parametrize(
    "text",
    [
        "web1",
        "WEB1.Example.COM",
        "web1.example.com.",
        "_dmarc.x",
        "a",
        "1a",
        "3com.com",
        "x" * 63,
        "xn--bcher-kva.de",
    ],
)
def test_host_names(text):
    assert valid_hostname(text)


def test_a_host_name_is_as_long_as_dns_has_it():
    longest = ".".join(["a" * 61, "b" * 63, "c" * 63, "d" * 63])
    assert len(longest) == 253
    assert valid_hostname(longest)
    assert not valid_hostname("a" + longest)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a..b",
        ".a",
        "-a",
        "a-",
        "a.-b",
        "x" * 64,
        "a b",
        "a\n",
        "a%h",
        "user@host",
        "host:22",
        "[::1]",
        "bücher.de",
        "1",
        "127.1",
        "127.0.1",
        "0177.0.0.1",
        "127.0.0.01",
        "0x7f000001",
        "0x7f.1",
        "1.0x7f",
        "0x",
        "2130706433",
        "256.0.0.1",
        "1.2.3.4.",
        "1.2.3.4.5",
        "example.1",
        "0:0:0:0:0:0:0:1",
        "2001:0db8::1",
        "2001:db8:0:0::1",
        "::ffff:c000:201",
        "fe80::1%eth0",
        "::1::",
        ":",
        "١٢٧.0.0.1",
        "²",
    ],
)
def test_other_spellings_of_hosts_are_refused(text):
    assert not valid_hostname(text)


@pytest.mark.parametrize(
    "text", ["deploy", "a", "0day", "first.last", "user@EXAMPLE.COM", "web1$", "a+b-c", "x" * 64]
)
def test_logins(text):
    assert valid_login(text)


@pytest.mark.parametrize(
    "text", ["", "-l", "-", "a b", "$", "a$b", "a\n", "%r", "a'b", "a\\b", "a;b", "é", "x" * 65, "@a"]
)
def test_other_logins_are_refused(text):
    assert not valid_login(text)


@pytest.mark.parametrize("text", ["/etc/key", "~/.ssh/id_ed25519", "~", "/a/b+c=d,e@f:g", "/a/../b"])
def test_files(text):
    assert valid_file(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "key",
        "./key",
        "~root/key",
        "/a b",
        "/a\n",
        "/%h",
        "/${HOME}",
        "/a//b",
        "/a/",
        '/a"b',
        "/a~",
        "-/a",
    ],
)
def test_other_files_are_refused(text):
    assert not valid_file(text)


# --- jumps

hostnames = st.sampled_from(["web1", "web1.example.com", "192.0.2.1", "2001:db8::1", "::1"])
logins = st.sampled_from(["", "deploy", "user@EXAMPLE.COM", "a$"])
hops = st.builds(Hop, logins, hostnames, st.integers(1, 65535))


@given(st.lists(hops, max_size=MAX_HOPS), st.sampled_from([",", ", ", " , "]))
def test_jumps_are_read_as_they_are_written(jumps, between):
    assert parse_jumps(between.join(map(str, jumps))) == tuple(jumps)


@given(texts | st.lists(st.sampled_from(["a", "@", ":", "22", ",", "[", "]", "::1", "-", " "])).map("".join))
def test_any_jumps_are_of_valid_parts_or_refused(text):
    try:
        jumps = parse_jumps(text)
    except ValueError as error:
        assert str(error).startswith("be ")  # noqa: PT017  most texts are refused
    else:
        for hop in jumps:
            assert valid_hostname(hop.hostname)
            assert not hop.user or valid_login(hop.user)
            assert 1 <= hop.port <= 65535


def test_what_a_jump_leaves_out():
    """To ssh "none" would be no jump at all; here it is a host of that name."""
    assert parse_jumps("none") == (Hop("", "none", 22),)
    assert parse_jumps("") == ()
    assert parse_jumps("a") == (Hop("", "a", 22),)
    assert parse_jumps("b@[::1],c:2222") == (Hop("b", "::1", 22), Hop("", "c", 2222))


@pytest.mark.parametrize(
    "text",
    [
        ",",
        "a,",
        ",a",
        "@a",
        "a@",
        "a:",
        "a:0",
        "a:65536",
        "a:022",
        "a:2 2",
        "a:١",
        "::1",
        "::1:22",
        "[::1",
        "[::1]22",
        "[]:22",
        "-a",
        "-a@b",
        "a b@c",
        "ssh://a",
        "a@b/c",
        ",".join(["a"] * (MAX_HOPS + 1)),
    ],
)
def test_jumps_that_are_none(text):
    with pytest.raises(ValueError, match=r'^be (at most|"user@host)'):
        parse_jumps(text)


# --- in the file

REMOTE = 'hostname = "web1"\n'
WRONG = {
    "hostname": [
        "",
        'hostname = ""',
        'hostname = "-oProxyCommand=x"',
        'hostname = "a b"',
        'hostname = "deploy@web1"',
        'hostname = "web1:22"',
        'hostname = "[::1]"',
        'hostname = "127.1"',
        'hostname = "web1\\n"',
        "hostname = 1",
    ],
    "port": [REMOTE + "port = 0", REMOTE + "port = 65536", REMOTE + 'port = "22"', REMOTE + "port = -1"],
    "ssh_user": [
        REMOTE + 'ssh_user = "-l"',
        REMOTE + 'ssh_user = "a b"',
        REMOTE + 'ssh_user = "%r"',
        "local = true\nssh_user = 'deploy'",
    ],
    "key_file": [
        REMOTE + 'key_file = "id_rsa"',
        REMOTE + 'key_file = "/a b"',
        REMOTE + 'key_file = "/%h"',
        REMOTE + 'key_file = "~root/key"',
        REMOTE + 'passphrase_env = "HOME"',
        REMOTE + 'passphrase_file = "/nowhere"',
        REMOTE + 'key_file = "/key"\npassword_env = "HOME"',
        "local = true\nkey_file = '/key'",
    ],
    "passphrase_env": [
        REMOTE + 'key_file = "/key"\npassphrase_env = "NOT_SET"',
        "local = true\npassphrase_env = 'HOME'",
    ],
    "passphrase_file": [
        REMOTE + 'key_file = "/key"\npassphrase_file = "/nowhere/at/all"',
        REMOTE + 'key_file = "/key"\npassphrase_file = "/dev/null"',
        REMOTE + 'key_file = "/key"\npassphrase_env = "HOME"\npassphrase_file = "/x"',
    ],
    "password_env": [REMOTE + 'password_env = "NOT_SET"', "local = true\npassword_env = 'HOME'"],
    "password_file": [
        REMOTE + 'password_file = "/nowhere/at/all"',
        REMOTE + 'password_file = "/etc/passwd"',
        REMOTE + 'password_file = "/"',
        REMOTE + 'password_env = "HOME"\npassword_file = "/x"',
        "local = true\npassword_file = '/x'",
    ],
    "proxy_jump": [
        REMOTE + 'proxy_jump = ","',
        REMOTE + 'proxy_jump = "a:0"',
        REMOTE + 'proxy_jump = "-J@a"',
        REMOTE + 'proxy_jump = "ssh://a"',
        "local = true\nproxy_jump = 'a'",
    ],
    "host_keys": [REMOTE + 'host_keys = "no"', REMOTE + "host_keys = false"],
    "max_sessions": [REMOTE + "max_sessions = 0", REMOTE + "max_sessions = 1001"],
    "password": [REMOTE + 'password = "it would stand in the file"'],
}
TABLE = [(text, field) for field, each in WRONG.items() for text in each]


@pytest.mark.parametrize(("text", "field"), TABLE, ids=lambda value: value.replace("\n", " "))
def test_a_wrong_host_is_refused_by_its_path(tmp_path, text, field):
    """The second of two, so that the number is told as well."""
    path = tmp_path / "muxboard.toml"
    path.write_text(f'[[hosts]]\nkey = "a"\nlocal = true\n[[hosts]]\nkey = "b"\n{text}\n')
    with pytest.raises(ConfigError) as told:
        load(str(path), {"HOME": "/root"})
    (line,) = told.value.lines
    assert line.startswith(f"{path}: hosts[1].{field}: ")
    assert "it would stand" not in line


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('key_file = "id"', "key_file"),
        ('passphrase_env = "HOME"', "key_file"),
        ('key_file = "/k"\npassphrase_env = "NOT_SET"', "passphrase_env"),
        ("known_hosts = []", "known_hosts"),
        ('known_hosts = ["~/a", "b"]', "known_hosts[1]"),
        ('known_hosts = ["/a b"]', "known_hosts[0]"),
        ('host_keys = "ask"', "host_keys"),
        ("max_sessions = 0", "max_sessions"),
    ],
)
def test_what_is_wrong_for_all_hosts_is_refused_by_its_path(tmp_path, text, field):
    path = tmp_path / "muxboard.toml"
    path.write_text(f"[ssh]\n{text}\n")
    with pytest.raises(ConfigError) as told:
        load(str(path), {"HOME": "/root"})
    (line,) = told.value.lines
    assert line.startswith(f"{path}: ssh.{field}: ")


def test_a_passphrase_in_a_pipe_is_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    path = tmp_path / "muxboard.toml"
    path.write_text(f'[[hosts]]\nkey = "a"\n{REMOTE}password_file = "{tmp_path}/pipe"\n')
    with pytest.raises(ConfigError, match="is not a plain file"):
        load(str(path), {})


def test_a_passphrase_is_the_keys_that_it_is_given_with(tmp_path):
    """A host with a key of its own does not get the passphrase of the one for all."""
    path = tmp_path / "muxboard.toml"
    path.write_text(
        '[ssh]\nkey_file = "/k"\npassphrase_env = "ALL"\n'
        f'[[hosts]]\nkey = "a"\n{REMOTE}'
        f'[[hosts]]\nkey = "b"\n{REMOTE}key_file = "/own"\n'
        f'[[hosts]]\nkey = "c"\n{REMOTE}key_file = "/own"\npassphrase_env = "OWN"\n'
        f'[[hosts]]\nkey = "d"\n{REMOTE}password_env = "WORD"\n'
        '[[hosts]]\nkey = "e"\nlocal = true\n'
    )
    loaded = load(str(path), {"ALL": "all", "OWN": "own", "WORD": "pa55"})
    found = {
        key: tuple(each and each.reveal() for each in (secrets.password, secrets.passphrase))
        for key, secrets in loaded.secrets.items()
    }
    assert found == {"a": (None, "all"), "b": (None, None), "c": (None, "own"), "d": ("pa55", "all")}
    assert "pa55" not in repr(loaded)
