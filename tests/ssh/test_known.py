"""Known host keys, beside what OpenSSH's own ssh-keygen says of the same files."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import sys
import time
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxboard.hosts.ssh import known
from muxboard.hosts.ssh.known import CERT_SUFFIX, add, certified, fingerprint, judge, kinds, matches, parse
from tests.rig.agent import generate, run

HOST = "web1.example.com"


def blob(line):
    return base64.b64decode(line.split()[1])


class Keys(NamedTuple):
    """Made once: making an RSA key takes a while."""

    host: object
    other: object
    rsa: object
    ecdsa: object
    authority: object
    rsa_authority: object
    ecdsa_authority: object


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    kinds_of = ("ed25519", "ed25519", "rsa", "ecdsa", "ed25519", "rsa", "ecdsa")
    return Keys(*(generate(folder / f"key{index}", kind) for index, kind in enumerate(kinds_of)))


@pytest.fixture
def certify(tmp_path):
    """Call it with an authority, a key and more words for ssh-keygen; returns the certificate's bytes."""

    def make(authority, key, *words, names=HOST, host=True):
        path = tmp_path / "host.pub"
        path.write_text(key.public + "\n")
        as_host, for_names = ("-h",) if host else (), ("-n", names) if names else ()
        run(
            *("ssh-keygen", "-q", "-s", str(authority.path), "-I", "id", *as_host, *for_names),
            *(*words, str(path)),
        )
        return blob((tmp_path / "host-cert.pub").read_text())

    return make


def trusting(*authorities, names="*.example.com"):
    return list(parse("".join(f"@cert-authority {names} {each.public}\n" for each in authorities)))


# --- names


def found_by_keygen(path, name):
    done = subprocess.run(
        ["ssh-keygen", "-F", name, "-f", str(path)], capture_output=True, text=True, check=False, timeout=20
    )
    return {int(number) for number in re.findall(r"found: line (\d+)", done.stdout)}


labels = st.sampled_from(["a", "b", "web1", "web2", "db", "x-y"])
hosts = st.lists(labels, min_size=1, max_size=3).map(".".join) | st.sampled_from(
    ["192.0.2.7", "192.0.2.70", "2001:db8::1", "::1"]
)
bracketed = st.tuples(hosts, st.sampled_from([22, 2222, 222])).map(lambda at: known.name_of(*at))
globs = st.text(st.sampled_from("ab.*?[]:2w1"), min_size=1, max_size=6)
patterns = st.tuples(st.sampled_from(["", "", "", "!"]), bracketed | globs | bracketed.map(str.upper)).map(
    "".join
)
fields = st.lists(patterns, min_size=1, max_size=4).map(",".join)


@settings(max_examples=60, deadline=None)
@given(st.lists(fields, min_size=1, max_size=25), st.lists(bracketed, min_size=1, max_size=3))
def test_the_same_lines_are_found_as_by_keygen(keys, tmp_path_factory, names, asked):
    path = tmp_path_factory.mktemp("names") / "known_hosts"
    path.write_text("".join(f"{each} {keys.host.public}\n" for each in names))
    for name in asked:
        mine = {index for index, each in enumerate(names, 1) if matches(each, name)}
        assert mine == found_by_keygen(path, name), name


@pytest.mark.parametrize(
    ("names", "name", "found"),
    [
        ("web1", "web1", True),
        ("WEB1", "web1", True),
        ("web1", "web10", False),
        ("web?", "web1", True),
        ("web?", "web", False),
        ("*", "[web1]:2222", True),
        ("*.example.com,!web1.example.com", HOST, False),
        ("!web1.example.com,*.example.com", HOST, False),
        ("!web2.example.com", HOST, False),
        ("[web1]:2222", "[web1]:2222", True),
        ("[web1]:2222", "web1", False),
        ("web1", "[web1]:2222", False),
        ("[web1]:*", "[web1]:2222", True),
        ("[2001:db8::1]:2222", "[2001:db8::1]:2222", True),
        ("2001:DB8::1", "2001:db8::1", True),
        ("[w]eb1", "web1", False),
        ("", "web1", False),
        (",", "web1", False),
        ("|1|", "web1", False),
        ("|1||", "web1", False),
        ("|1|a|b|c", "web1", False),
        ("|1|=|=", "web1", False),
        ("|1|é|é", "web1", False),
        ("|2|AAAA|AAAA", "web1", False),
    ],
)
def test_names(names, name, found):
    assert matches(names, name) is found


@pytest.mark.parametrize("at", [(HOST, 22), (HOST, 2222), ("2001:db8::1", 22), ("2001:db8::1", 2222)])
def test_names_that_keygen_has_hashed(keys, tmp_path, at):
    path = tmp_path / "known_hosts"
    path.write_text(keys.other.known_host("elsewhere", 22) + keys.host.known_host(*at))
    run("ssh-keygen", "-H", "-f", str(path))
    assert at[0] not in path.read_text()
    lines = known.read([str(path)])
    assert len(lines) == 2
    assert judge(lines, *at, blob(keys.host.public)) == "known"
    assert judge(lines, at[0].upper(), at[1], blob(keys.host.public)) == "known"
    assert judge(lines, *at, blob(keys.other.public)) == "changed"
    assert judge(lines, at[0], 23, blob(keys.host.public)) == "unknown"


def test_a_long_line_is_looked_through_at_once(keys):
    """Each name is compared; none is compiled."""
    names = ",".join(f"h{number}" for number in range(150_000))
    assert len(names) > 1_000_000
    lines = list(parse(f"{names} {keys.host.public}\n"))
    began = time.process_time()
    assert judge(lines, "h149999", 22, blob(keys.host.public)) == "known"
    assert judge(lines, "h150000", 22, blob(keys.host.public)) == "unknown"
    assert time.process_time() - began < 2  # 0.1 s; compiled it is 14 s


# --- lines


def test_what_makes_no_sense_is_skipped_and_the_rest_is_read(keys):
    kind, key = keys.host.public.split()
    text = "\r\n".join(
        [
            "",
            "   ",
            "# web1 ssh-ed25519 AAAA",
            "web1",
            f"web1 {kind}",
            f"web1 {kind} not-base64!",
            f"web1 {kind} {key[:-3]}",
            f"web1 ssh-rsa {key}",
            f"@nonsense web1 {kind} {key}",
            "@cert-authority",
            "web1 is good",
            "\0\0\0 \0 \0",
            "é" * 1000,
            "x" * (1 << 20),
            f"@revoked web1 {kind}",
            f"   \tweb2\t{kind}  {key} a comment of words",
        ]
    )
    (line,) = parse(text)
    assert line == ("", "web2", kind, blob(keys.host.public))


def test_an_unfinished_line_is_not_another_key_of_the_host(keys, tmp_path):
    """As OpenSSH has it: nothing is known of such a host."""
    path = tmp_path / "known_hosts"
    path.write_text(f"web1 is good\nweb2 ssh-rsa {keys.host.public.split()[1]}\n")
    lines = known.read([str(path)])
    assert not found_by_keygen(path, "web1")
    (tmp_path / "web2.pub").write_text(path.read_text().splitlines()[1].partition(" ")[2])
    with pytest.raises(AssertionError, match="not a public key file"):
        run("ssh-keygen", "-lf", str(tmp_path / "web2.pub"))
    for name in ("web1", "web2"):
        assert judge(lines, name, 22, blob(keys.host.public)) == "unknown"


def test_a_return_within_a_line_does_not_end_it(keys, tmp_path):
    """A comment of an editor of other days must not hold a key."""
    path = tmp_path / "known_hosts"
    path.write_bytes(b"# old\rweb1 " + keys.host.public.encode() + b"\r\nweb2 " + keys.host.public.encode())
    lines = known.read([str(path)])
    assert [line.names for line in lines] == ["web2"]
    assert found_by_keygen(path, "web1") == set()
    assert found_by_keygen(path, "web2") == {2}


@given(
    st.text(max_size=300)
    | st.lists(st.sampled_from(["@revoked", "a", "*", "AAAA", "|1|", "\n", " ", "#"])).map(" ".join)
)
def test_any_text_has_lines(text):
    for line in parse(text):
        assert line.marker in {"", "@cert-authority", "@revoked"}
        matches(line.names, "a")


def test_files_that_are_missing_have_no_lines_and_those_that_cannot_be_read_are_errors(keys, tmp_path):
    path = tmp_path / "known_hosts"
    path.write_bytes(b"\xff\xfe\n" + keys.host.known_host("web1", 22).encode())
    assert len(known.read([str(tmp_path / "none"), str(path)])) == 1
    with pytest.raises(IsADirectoryError):
        known.read([str(path), str(tmp_path)])


# --- keys


@pytest.mark.parametrize("which", Keys._fields)
def test_fingerprints_are_keygens(keys, which):
    key = getattr(keys, which)
    told = run("ssh-keygen", "-lf", f"{key.path}.pub").split()[1]
    assert fingerprint(blob(key.public)) == told == key.fingerprint


def test_a_certificates_fingerprint_is_its_keys(keys, certify, tmp_path):
    shown = certify(keys.authority, keys.host)
    told = run("ssh-keygen", "-lf", str(tmp_path / "host-cert.pub")).split()[1]
    assert fingerprint(shown) == told == keys.host.fingerprint


def test_a_key_is_known_changed_or_unknown(keys):
    lines = list(parse(keys.host.known_host(HOST, 22) + keys.rsa.known_host(HOST, 22)))
    assert judge(lines, HOST, 22, blob(keys.host.public)) == "known"
    assert judge(lines, HOST.upper(), 22, blob(keys.rsa.public)) == "known"
    assert judge(lines, HOST, 22, blob(keys.other.public)) == "changed"
    assert judge(lines, HOST, 2222, blob(keys.host.public)) == "unknown"
    assert judge(lines, "web2", 22, blob(keys.host.public)) == "unknown"
    assert kinds(lines, HOST, 22) == ["ssh-ed25519", "ssh-rsa"]
    assert kinds(lines, HOST, 2222) == []
    assert not certified(lines, HOST, 22)


def test_a_key_of_another_type_is_a_changed_one(keys):
    """OpenSSH would call it new: whoever stands in between has keys of every type."""
    lines = list(parse(keys.rsa.known_host(HOST, 22)))
    for key in (keys.host, keys.ecdsa):
        assert judge(lines, HOST, 22, blob(key.public)) == "changed"


def test_a_host_of_an_authority_that_shows_a_plain_key_is_a_changed_one(keys):
    lines = trusting(keys.authority)
    assert certified(lines, HOST, 22)
    assert not certified(lines, "web1.example.org", 22)
    assert kinds(lines, HOST, 22) == []
    assert judge(lines, HOST, 22, blob(keys.host.public)) == "changed"
    assert judge(lines, HOST, 22, blob(keys.authority.public)) == "changed", (
        "its key vouches, it is no host's"
    )
    assert judge(lines, "web1.example.org", 22, blob(keys.host.public)) == "unknown"


def test_a_revoked_key_is_revoked_even_where_it_is_known(keys):
    lines = list(parse(keys.host.known_host(HOST, 22) + keys.host.known_host("*", 22, mark="@revoked")))
    assert judge(lines, HOST, 22, blob(keys.host.public)) == "revoked"
    assert judge(lines, "elsewhere", 22, blob(keys.host.public)) == "revoked"
    assert judge(lines, "elsewhere", 22, blob(keys.other.public)) == "unknown", (
        "of that host nothing is known"
    )
    assert kinds(lines, HOST, 22) == ["ssh-ed25519"]


# --- certificates


@pytest.mark.parametrize("authority", ["authority", "rsa_authority", "ecdsa_authority"])
@pytest.mark.parametrize("key", ["host", "rsa", "ecdsa"])
def test_a_certificate_of_a_known_authority_is_known(keys, certify, authority, key):
    by = getattr(keys, authority)
    shown = certify(by, getattr(keys, key), names="other.example.com,web1.example.com", host=True)
    assert judge(trusting(by), HOST, 22, shown) == "known"
    assert judge(trusting(by), "web2.example.com", 22, shown) == "changed", "not for this name"
    assert judge([], HOST, 22, shown) == "unknown"


@pytest.mark.parametrize(
    ("names", "known_as"), [("*.example.com", True), ("WEB1.example.com", True), ("example.com", False)]
)
def test_the_names_in_a_certificate_are_patterns(keys, certify, names, known_as):
    verdict = judge(trusting(keys.authority), HOST, 22, certify(keys.authority, keys.host, names=names))
    assert verdict == ("known" if known_as else "changed")


def test_a_certificates_port_is_in_known_hosts_alone(keys, certify):
    shown = certify(keys.authority, keys.host)
    assert judge(trusting(keys.authority, names=f"[{HOST}]:2222"), HOST, 2222, shown) == "known"
    assert judge(trusting(keys.authority, names=f"[{HOST}]:2222"), HOST, 2223, shown) == "unknown"


@pytest.mark.parametrize(
    "wrong",
    [
        {"words": ("-V", "-2h:-1h")},
        {"words": ("-V", "+1h:+2h")},
        {"names": "web2.example.com"},
        {"names": ""},
        {"host": False},
        {"words": ("-O", "critical:force-command=true")},
        {"words": ("-t", "ssh-rsa"), "by": "rsa_authority"},
    ],
    ids=["expired", "not yet", "wrong name", "no name", "a user's", "critical option", "sha-1"],
)
def test_a_certificate_that_does_not_vouch_is_a_changed_key(keys, certify, wrong):
    authority = getattr(keys, wrong.pop("by", "authority"))
    shown = certify(authority, keys.host, *wrong.pop("words", ()), **wrong)
    assert judge(trusting(authority), HOST, 22, shown) == "changed"


def test_a_certificate_of_another_authority_is_a_changed_key(keys, certify):
    shown = certify(keys.rsa_authority, keys.host)
    assert judge(trusting(keys.authority), HOST, 22, shown) == "changed"
    assert judge(trusting(keys.authority, keys.rsa_authority), HOST, 22, shown) == "known"


def test_a_certificate_of_a_known_key_needs_no_authority(keys, certify):
    """It is a key like another to who knows no authority; the host has proved that it has it."""
    shown = certify(keys.authority, keys.host)
    assert judge(list(parse(keys.host.known_host(HOST, 22))), HOST, 22, shown) == "known"
    assert judge(list(parse(keys.other.known_host(HOST, 22))), HOST, 22, shown) == "changed"


@pytest.mark.parametrize("revoked", ["host", "authority"])
def test_a_revoked_key_or_authority_makes_a_certificate_revoked(keys, certify, revoked):
    shown = certify(keys.authority, keys.host)
    line = getattr(keys, revoked).known_host("*", 22, mark="@revoked")
    assert judge([*trusting(keys.authority), *parse(line)], HOST, 22, shown) == "revoked"


@pytest.mark.parametrize("authority", ["authority", "rsa_authority", "ecdsa_authority"])
def test_a_forged_certificate_is_never_known(keys, certify, authority):
    """One bit of it is another, wherever it is."""
    by = getattr(keys, authority)
    lines = trusting(by)
    shown = bytearray(certify(by, keys.host))
    assert judge(lines, HOST, 22, bytes(shown)) == "known"
    for at in range(0, len(shown), 3):
        shown[at] ^= 1
        assert judged(lines, bytes(shown)) != "known", at
        shown[at] ^= 1


def judged(lines, key):
    """The verdict, or "nonsense": nothing else may come out of it, whatever a host sends."""
    try:
        return judge(lines, HOST, 22, key)
    except ValueError:
        return "nonsense"


def test_a_certificate_cut_short_is_never_known(keys, certify):
    shown = certify(keys.ecdsa_authority, keys.rsa)
    for length in range(len(shown)):
        assert judged(trusting(keys.ecdsa_authority), shown[:length]) in {"nonsense", "changed"}


@pytest.mark.parametrize(
    "kind",
    [
        "",
        "ssh-dss",
        "x\xffy",
        "ssh-ed25519 ssh-ed25519",
        "sk-ssh-ed25519",
        "ssh-rsa\n",
        "ecdsa-sha2-nistp999",
    ],
)
def test_a_certificate_of_a_strange_type_is_nonsense(keys, certify, kind):
    shown = certify(keys.authority, keys.host)
    usual = b"ssh-ed25519" + CERT_SUFFIX.encode()
    strange = kind.encode("latin-1") + CERT_SUFFIX.encode()
    rest = shown.removeprefix(len(usual).to_bytes(4) + usual)
    assert judged(trusting(keys.authority), len(strange).to_bytes(4) + strange + rest) == "nonsense"


@pytest.mark.parametrize("kind", [b"ssh-dss", b"ssh-ed25518"])
def test_a_certificate_of_a_strange_authority_is_nonsense(keys, certify, kind):
    """Its type stands twice, as the key's and as the signature's."""
    shown = certify(keys.authority, keys.host)
    at = shown.index(blob(keys.authority.public), len(blob(keys.host.public)))
    usual = b"\0\0\0\x0bssh-ed25519"
    strange = kind.ljust(11, b"\0")[:11]
    changed = shown[:at] + shown[at:].replace(usual, b"\0\0\0\x0b" + strange)
    assert changed != shown
    assert judged(trusting(keys.authority), changed) == "nonsense"


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=200)
    | st.tuples(
        st.sampled_from(["ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ssh-dss", "x"]),
        st.binary(max_size=300),
    ).map(lambda made: packed((made[0] + CERT_SUFFIX).encode()) + made[1])
)
def test_any_bytes_are_a_key_or_nonsense(keys, shown):
    assert judged(trusting(keys.authority), shown) in {"changed", "nonsense"}
    assert judged([], shown) in {"unknown", "nonsense"}


def packed(data):
    return len(data).to_bytes(4) + data


def test_names_that_nobody_has_signed_are_not_matched(keys, certify):
    """Whoever stands in between can write a certificate of a known authority, without its signature."""
    shown = certify(keys.authority, keys.host)
    pattern = b"*a" * 100_000
    hostile = shown.replace(packed(packed(HOST.encode())), packed(packed(pattern)))
    assert len(hostile) > len(pattern)
    began = time.process_time()
    assert judge(trusting(keys.authority), "a" * 200 + ".example.com", 22, hostile) == "changed"
    assert time.process_time() - began < 1


# --- adding


def test_a_first_key_is_written_down_for_openssh_too(keys, tmp_path):
    path = tmp_path / "folder" / "deeper" / "known_hosts"
    for host, port in ((HOST, 22), (HOST, 2222), ("2001:db8::1", 2222)):
        assert add(str(path), host, port, "ssh-ed25519", blob(keys.host.public)) == "known"
        assert found_by_keygen(path, known.name_of(host, port))
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.read_text() == "".join(
        f"{name} {keys.host.public}\n" for name in (HOST, f"[{HOST}]:2222", "[2001:db8::1]:2222")
    )


def test_what_is_known_meanwhile_is_not_written_again(keys, tmp_path):
    path = tmp_path / "known_hosts"
    text = keys.host.known_host(HOST, 22, hashed=True) + keys.other.known_host("*", 22, mark="@revoked")
    path.write_text(text)
    for key, verdict in ((keys.host, "known"), (keys.rsa, "changed"), (keys.other, "revoked")):
        kind, _ = key.public.split()
        assert add(str(path), HOST, 22, kind, blob(key.public)) == verdict
    assert path.read_text() == text


@pytest.mark.parametrize("before", ["# no end", "web2 ssh-ed25519", "\xff\xfe"])
def test_a_file_without_a_final_newline_gets_one(keys, tmp_path, before):
    path = tmp_path / "known_hosts"
    path.write_bytes(before.encode("latin-1"))
    path.chmod(0o644)
    assert add(str(path), HOST, 22, "ssh-ed25519", blob(keys.host.public)) == "known"
    assert path.read_bytes() == f"{before}\n{HOST} {keys.host.public}\n".encode("latin-1")
    assert path.stat().st_mode & 0o777 == 0o644, "whose file it was keeps what he gave it"


def test_a_file_that_cannot_be_written_is_an_error(keys, tmp_path):
    (tmp_path / "folder").mkdir(mode=0o755)
    wanted = [HOST, 22, "ssh-ed25519", blob(keys.host.public)]
    with pytest.raises(IsADirectoryError):
        add(str(tmp_path / "folder"), *wanted)
    with pytest.raises(FileExistsError):
        add("/dev/null/known_hosts", *wanted)
    path = tmp_path / "known_hosts"
    path.touch(mode=0o600)
    os.seteuid(65534)
    try:
        with pytest.raises(PermissionError):
            add(str(path), *wanted)
    finally:
        os.seteuid(0)
    assert path.read_text() == ""


def test_processes_that_add_at_once_write_one_line(keys, tmp_path):
    path = tmp_path / "known_hosts"
    program = (
        "import base64, sys, time; from muxboard.hosts.ssh import known\n"
        "from muxboard.hosts.ssh.known import add, judge\n"
        "def slow(*given): time.sleep(0.002); return judge(*given)\n"
        "known.judge = slow\n"
        "print('ready', flush=True); sys.stdin.read()\n"
        "for number in range(40):\n"
        "    print(add(sys.argv[1], f'h{number}', 22, 'ssh-ed25519', base64.b64decode(sys.argv[2])))"
    )
    argv = [sys.executable, "-c", program, str(path), keys.host.public.split()[1]]
    running = [
        subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    for process in running:
        assert process.stdout.readline() == "ready\n"
    for process in running:
        process.stdin.close()
    said = []
    for process in running:
        with process.stdout:
            said.append(process.stdout.read())
        assert process.wait(30) == 0
    assert said == ["known\n" * 40] * 3
    lines = path.read_text().splitlines()
    assert sorted(lines) == sorted(f"h{number} {keys.host.public}" for number in range(40))
