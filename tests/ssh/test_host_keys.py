"""Host keys of real sshds: what is believed, what is said of the rest, and that the remedy mends it."""

from __future__ import annotations

import asyncio
import re
import subprocess

import pytest

from muxboard.problems import Code, Problem

pytestmark = pytest.mark.gen_test(timeout=60)


@pytest.fixture
def unknown(sshd, unix_users, key, hosts):
    """Call it for a host that nothing is known of yet."""
    sshd.authorize(unix_users.service, key)
    return lambda server=sshd, **fields: hosts(server, unix_users.service, key_file=key.path, **fields)


async def paste(remedy, env=None):
    """Run what a person is told to, without the comment; return what it prints."""
    line = remedy.splitlines()[-1]
    process = await asyncio.create_subprocess_shell(
        line, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=env
    )
    out, _ = await process.communicate()
    return out.decode()


async def test_an_unknown_key_is_shown_and_its_remedy_mends_it(sshd, unknown):
    host = unknown()
    report = await host.sweep()
    fingerprint = sshd.keys["ed25519"].fingerprint
    assert report.state == "host_key_unknown"
    assert fingerprint in report.problem
    with pytest.raises(Problem) as told:
        await host.find(host.login, "api")
    assert told.value.code is Code.host_key
    assert sshd.logins() == [], "nothing was offered to it"
    assert fingerprint in await paste(report.remedy)
    # It need not wait for the backoff: other known hosts are another try.
    assert (await host.sweep_after_change()).state == "ok", host.report


async def test_the_remedy_names_a_comparison_that_works_on_the_host(sshd, unknown):
    report = await unknown().sweep()
    compare = report.remedy.splitlines()[0].partition("# on the host itself: ")[2]
    here = compare.replace("/etc/ssh/ssh_host_*_key.pub", f"{sshd.folder}/host_*.pub")
    assert here != compare
    assert sshd.keys["ed25519"].fingerprint in await paste(here)


async def test_a_changed_key_is_another_state_and_its_remedy_mends_it(sshd, unknown, hosts):
    hosts.trust(sshd.known_hosts(hashed=True))
    host = unknown()
    assert (await host.sweep()).state == "ok"
    new = sshd.replace_host_key()
    report = await host.sweep_after_change()
    assert report.state == "host_key_changed"
    assert new.fingerprint in report.problem
    assert new.fingerprint in await paste(report.remedy)
    assert (await host.sweep_after_change()).state == "ok", host.report


async def test_a_key_of_another_type_than_the_known_one_is_a_changed_one(sshd, unknown, hosts):
    """Whoever stands in between could offer a type that was never seen."""
    hosts.trust(sshd.known_hosts())
    host = unknown(host_keys="accept-new")
    sshd.replace_host_key("rsa")
    assert (await host.sweep()).state == "host_key_changed"


@pytest.mark.parametrize("kind", ["ed25519", "rsa", "ecdsa"])
async def test_the_known_kind_of_key_is_asked_for(start_sshd, unix_users, key, hosts, kind):
    sshd = start_sshd(host_keys=["ed25519", "ecdsa", "rsa"])
    sshd.authorize(unix_users.service, key)
    hosts.trust(sshd.known_hosts(key=sshd.keys[kind]))
    host = hosts(sshd, unix_users.service, key_file=key.path)
    assert (await host.sweep()).state == "ok", host.report


async def test_a_revoked_key_is_refused_though_it_is_known(sshd, unknown, hosts):
    hosts.trust(sshd.known_hosts(), sshd.known_hosts(mark="@revoked"))
    report = await unknown().sweep()
    assert report.state == "host_key_changed"
    assert "@revoked" in report.problem
    assert sshd.logins() == []


@pytest.mark.parametrize(
    ("day", "state"),
    [
        ("good", "ok"),
        ("expired", "host_key_changed"),
        ("of another name", "host_key_changed"),
        ("of another authority", "host_key_unknown"),
    ],
)
async def test_a_certificate_of_an_authority(sshd, unknown, hosts, make_key, day, state):  # noqa: PLR0917
    authority = make_key()
    hosts.trust(sshd.known_hosts(mark="@cert-authority", key=make_key() if "authority" in day else authority))
    validity = "-2h:-1h" if day == "expired" else "-5m:+1h"
    sshd.certify(authority, principals=["elsewhere"] if "name" in day else (), validity=validity)
    report = await unknown().sweep()
    if day == "of another authority":
        # It is a key that nobody vouches for, at a host that an authority should vouch for.
        assert report.state in {"host_key_unknown", "host_key_changed"}
    else:
        assert report.state == state, report
    assert bool(sshd.logins()) == (state == "ok")


async def test_accept_new_writes_the_first_key_once_and_no_other(sshd, unknown, hosts):
    fleet = [unknown(host_keys="accept-new") for _ in range(8)]
    hosts.known_hosts.write_text("other.example.com ssh-ed25519 AAAA")  # and no final newline
    reports = await asyncio.gather(*(host.sweep() for host in fleet))
    assert {report.state for report in reports} == {"ok"}
    lines = hosts.known_hosts.read_text().splitlines()
    assert lines == [
        "other.example.com ssh-ed25519 AAAA",
        f"[127.0.0.1]:{sshd.port} {sshd.keys['ed25519'].public}",
    ]
    new = sshd.replace_host_key()
    report = await fleet[0].sweep_after_change()
    assert (report.state, new.fingerprint in report.problem) == ("host_key_changed", True)
    assert hosts.known_hosts.read_text().splitlines() == lines


async def test_accept_new_that_cannot_write_is_told(sshd, unknown, hosts):
    hosts.known_hosts.unlink()
    hosts.known_hosts.mkdir()
    report = await unknown(host_keys="accept-new").sweep()
    assert report.state in {"host_key_unknown", "error"}
    assert str(hosts.known_hosts) in report.problem


# --- behind jumps


@pytest.fixture
def behind(jump, unix_users, key, hosts):
    """Call it for a host behind the jump."""
    jump.first.authorize(unix_users.service, key)
    jump.last.authorize(unix_users.deploy, key)

    def make(**fields):
        via = f"{unix_users.service}@127.0.0.1:{jump.first.port}"
        ssh = {"key_file": str(key.path)}
        return hosts(jump.last, unix_users.deploy, proxy_jump=via, ssh=ssh, **fields)

    return make


@pytest.mark.parametrize("day", ["unknown", "changed", "revoked"])
@pytest.mark.parametrize("at", ["the jump", "the host"])
async def test_a_key_on_the_way_is_told_apart(jump, behind, hosts, at, day):
    bad, good = (jump.first, jump.last) if at == "the jump" else (jump.last, jump.first)
    hosts.trust(good.known_hosts())
    if day != "unknown":
        hosts.trust(bad.known_hosts(), bad.known_hosts(mark="@revoked") if day == "revoked" else "")
    if day == "changed":
        bad.replace_host_key()
    report = await behind().sweep()
    assert report.state == ("host_key_unknown" if day == "unknown" else "host_key_changed"), report
    assert bad.keys["ed25519"].fingerprint in report.problem
    assert f"127.0.0.1:{bad.port}" in report.problem
    assert report.problem.startswith("By way of") == (at == "the jump")
    assert jump.last.logins() == []


async def test_the_remedy_for_a_host_behind_a_jump_asks_from_there(jump, behind, hosts, key, tmp_path):
    hosts.trust(jump.first.known_hosts())
    host = behind()
    report = await host.sweep()
    assert report.state == "host_key_unknown"
    (tmp_path / "bin").mkdir()
    ssh = tmp_path / "bin" / "ssh"  # what a person has in ~/.ssh/config
    ssh.write_text(
        f'#!/bin/sh\nexec /usr/bin/ssh -F none -i {key.path} -o UserKnownHostsFile={hosts.known_hosts} "$@"\n'
    )
    ssh.chmod(0o755)
    printed = await paste(report.remedy, {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin"})
    assert re.search(re.escape(jump.last.keys["ed25519"].fingerprint), printed), report.remedy
    assert (await host.sweep_after_change()).state == "ok", host.report
