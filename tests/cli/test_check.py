"""``muxboard check`` against real sshds, tmux servers and sudo, and servers that are bad at one stage."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from muxboard.config import load
from muxboard.hosts.configured import Configured
from tests.rig.ports import free_ports
from tests.rig.service import CHECKOUT
from tests.rig.users import let_in

TMUX = shutil.which("tmux")
ALL_SSH = ["reach", "host_key", "login", "session", "max_sessions"]


@pytest.fixture
def deploy_tmux(unix_users):
    server = unix_users.tmux(unix_users.deploy)
    server.new("api", "cat")
    return server


def test_a_host_that_is_good_in_every_step(fleet, sshd, unix_users, deploy_tmux):
    svc, deploy = unix_users.service, unix_users.deploy
    fleet.add("web1", sshd, svc, tmux_users=[svc, deploy], label="web one")
    found = fleet.checked()["web1"]
    assert found.host.keys() == {"key", "label", "hostname", "local", "state", "steps"}
    assert found.host["steps"][0].keys() == {"name", "user", "state", "value", "problem", "remedy"}
    assert list(found.steps) == [
        *ALL_SSH, f"tmux {svc}", f"socket {svc}", f"sudo {deploy}", f"tmux {deploy}", f"socket {deploy}",
    ]  # fmt: skip
    assert set(found.states().values()) == {"ok"}
    assert re.fullmatch(r"\d+\.\d+[a-z]?", found.steps[f"tmux {deploy}"]["value"])
    assert found.steps[f"socket {svc}"]["value"] == "no server"
    assert found.steps[f"socket {deploy}"]["value"] == "1 session"
    assert len(sshd.logins()) == 1
    assert sshd.connections() == 1


def test_without_a_terminal_it_is_plain_lines(fleet, sshd, unix_users, deploy_tmux):
    fleet.add("web1", sshd, unix_users.service, tmux_users=[unix_users.deploy])
    fleet.add("web2", sshd, unix_users.service, tmux_users=[unix_users.no_sudo])
    done = fleet("check")
    assert done.returncode == 1
    assert "\x1b" not in done.stdout
    lines = done.stdout.splitlines()
    assert lines[0] == "muxboard.toml: valid, 2 hosts"
    (ok,) = [line for line in lines if line.startswith("ok")]
    assert re.fullmatch(rf"ok      web1  tmux \S+; {unix_users.deploy} 1 session", ok)
    (failed,) = [index for index, line in enumerate(lines) if line.startswith("FAILED")]
    assert lines[failed].startswith(f"FAILED  web2  sudo of {unix_users.no_sudo}: ")
    assert lines[failed + 1].startswith("        add by visudo: ")
    assert lines[-1].startswith("2 hosts: 1 ok, 1 failed")


def test_the_sudoers_line_is_the_one_that_mends_it(fleet, sshd, unix_users):
    svc, no_sudo = unix_users.service, unix_users.no_sudo
    fleet.add("web1", sshd, svc, tmux_users=[svc, no_sudo])
    found = fleet.checked()["web1"]
    assert list(found.failed) == [f"sudo {no_sudo}"]
    assert found.failed[f"sudo {no_sudo}"]["remedy"] == f"{svc} ALL=({no_sudo}) NOPASSWD: {TMUX}"
    assert found.states()[f"tmux {svc}"] == "ok"
    assert found.states()[f"tmux {no_sudo}"] == found.states()[f"socket {no_sudo}"] == "skipped"


def test_the_sudoers_line_has_the_path_of_tmux_on_that_host(run, program):
    """Also where none of the system's folders has it; the board's is the same."""
    folder = program("tmux", "echo tmux 3.3a")
    sudo = program("sudo", "echo 'sudo: a password is required' >&2; exit 1")
    hide = f'mount --bind /dev/null {TMUX} && exec "$@"'
    options = {
        "config": '[[hosts]]\nkey = "here"\nlocal = true\ntmux_users = ["daemon"]\n',
        "env": {"PATH": f"{sudo}:{folder}:{os.environ['PATH']}"},
        "before": ["unshare", "--mount", "sh", "-c", hide, "sh"],
    }
    (step, *_) = json.loads(run("check", "--json", **options).stdout)["hosts"][0]["steps"]
    assert (step["name"], step["value"]) == ("sudo", "refused")
    assert step["remedy"].endswith(f" ALL=(daemon) NOPASSWD: {folder}/tmux")
    assert f"ALL=(daemon) NOPASSWD: {folder}/tmux" in run("ls", **options).stdout


def test_a_user_that_is_not_there(fleet, sshd, unix_users):
    fleet.add("web1", sshd, unix_users.service, tmux_users=["mbtestnobody"])
    failed = fleet.checked()["web1"].failed
    assert list(failed) == ["sudo mbtestnobody"]
    assert failed["sudo mbtestnobody"]["remedy"] == "useradd -m mbtestnobody"


def test_an_unknown_host_key_shows_its_fingerprint_and_how_to_compare_it(fleet, sshd, unix_users):
    fleet.add("web1", sshd, unix_users.service)
    fleet.known_hosts.write_text("")
    found = fleet.checked()["web1"]
    step = found.failed["host_key"]
    assert step["value"] == "unknown"
    assert sshd.keys["ed25519"].fingerprint in step["problem"]
    assert "ssh-keyscan" in step["remedy"]
    assert found.states()["login"] == "skipped"
    assert sshd.logins() == []
    printed = fleet("check").stdout
    assert all(f"        {line}\n" in printed for line in step["remedy"].splitlines())
    assert fleet.known_hosts.read_text() == ""


def test_a_changed_host_key_is_another_failure(fleet, sshd, unix_users):
    fleet.add("web1", sshd, unix_users.service)
    new = sshd.replace_host_key()
    step = fleet.checked()["web1"].failed["host_key"]
    assert (step["value"], new.fingerprint in step["problem"]) == ("changed", True)
    assert "ssh-keygen -R" in step["remedy"]


def test_a_wrong_key_is_offered_once(fleet, sshd, unix_users, make_key):
    fleet.add("web1", sshd, unix_users.service, key_file=str(make_key().path))
    found = fleet.checked()["web1"]
    assert list(found.failed) == ["login"]
    assert "ssh-copy-id" in found.failed["login"]["remedy"]
    assert (found.states()["host_key"], found.states()["session"]) == ("ok", "skipped")
    assert len(sshd.logins()) == 1


def test_nothing_there_is_told_by_what_is_missing(fleet, sshd, unix_users):
    with socket.socket() as taken:  # bound and not listening: nobody else gets the port
        taken.bind(("127.0.0.1", 0))
        for key, hostname, port in (
            ("closed", "127.0.0.1", taken.getsockname()[1]),
            ("nameless", "no-such-host.invalid", 22),
        ):
            fleet.hosts.append({"key": key, "hostname": hostname, "port": port})
        found = fleet.checked()
    assert list(found["closed"].failed) == list(found["nameless"].failed) == ["reach"]
    assert "refused" in found["closed"].failed["reach"]["problem"]
    assert "no-such-host.invalid has no address" in found["nameless"].failed["reach"]["problem"]


@pytest.fixture
def usual_bin(tmp_path_factory):
    """Call it with names of programs for a folder that has them and what every host has."""

    def link(*names):
        folder = tmp_path_factory.mktemp("usual")
        let_in(folder)
        for name in {*names, *("sh", "timeout", "true", "id", "ls", "ps", "grep", "head")}:
            (folder / name).symlink_to(shutil.which(name))
        return folder

    return link


def test_tmux_that_is_not_on_the_path(fleet, start_sshd, unix_users, usual_bin):
    svc = unix_users.service
    sshd = start_sshd(SetEnv=f"PATH={usual_bin('sudo')}")
    fleet.add("web1", sshd, svc, tmux_users=[svc, unix_users.deploy])
    found = fleet.checked()["web1"]
    assert list(found.failed) == [f"tmux {svc}"], "sudo has a path of its own"
    step = found.failed[f"tmux {svc}"]
    assert step["value"] == "missing"
    assert f"tmux is {TMUX}, which is not on the PATH" in step["problem"]
    assert found.states()[f"socket {svc}"] == "skipped"


def test_sudo_that_is_not_there(fleet, start_sshd, unix_users, usual_bin):
    sshd = start_sshd(SetEnv=f"PATH={usual_bin()}")
    fleet.add("web1", sshd, unix_users.service, tmux_users=[unix_users.deploy])
    step = fleet.checked()["web1"].failed[f"sudo {unix_users.deploy}"]
    assert (step["value"], step["remedy"]) == ("missing", "apt-get install sudo")


@pytest.mark.parametrize(
    ("said", "value", "problem"),
    [
        ("tmux 3.1c", "3.1c old", "tmux 3.1c is too old: 3.2 or newer is needed."),
        ("tmux 2.9", "2.9 old", "tmux 2.9 is too old: 3.2 or newer is needed."),
        ("screen 4.9", "unknown", "tmux -V printed 'screen 4.9' instead of a version."),
    ],
)
def test_an_old_tmux(fleet, start_sshd, unix_users, program, said, value, problem):  # noqa: PLR0917
    folder = program("tmux", f'case "$*" in *-V) echo "{said}";; *) exec {TMUX} "$@";; esac')
    sshd = start_sshd(SetEnv=f"PATH={folder}:{os.environ['PATH']}")
    fleet.add("web1", sshd, unix_users.service)
    found = fleet.checked()["web1"]
    assert {name: (step["value"], step["problem"]) for name, step in found.failed.items()} == {
        f"tmux {unix_users.service}": (value, problem)
    }


@pytest.mark.parametrize(
    "said", ["tmux 3.2", "tmux 3.10a", "tmux next-3.8", "tmux master", "tmux openbsd-7.4"]
)
def test_a_tmux_that_is_new_enough(run, program, said):
    folder = program("tmux", f"echo {said}")
    done = run("check", "--json", env={"PATH": f"{folder}:{os.environ['PATH']}"})
    (host,) = json.loads(done.stdout)["hosts"]
    assert [(step["state"], step["value"]) for step in host["steps"] if step["name"] == "tmux"] == [
        ("ok", said.removeprefix("tmux "))
    ]


@pytest.mark.parametrize(("granted", "said"), [(1, 10), (3, 10), (10, 10), (12, 10), (1, 1)])
def test_max_sessions_is_counted(fleet, start_sshd, unix_users, granted, said):
    sshd = start_sshd(MaxSessions=granted)
    fleet.add("web1", sshd, unix_users.service, max_sessions=said)
    found = fleet.checked()["web1"]
    if granted >= said:
        assert found.failed == {}
        assert found.steps["max_sessions"]["value"] == str(said)
        return
    assert list(found.failed) == ["max_sessions"]
    remedy = found.failed["max_sessions"]["remedy"]
    assert f"max_sessions = {granted} " in remedy
    assert f"MaxSessions {said} " in remedy
    fleet.hosts[0]["max_sessions"] = granted
    assert fleet.checked()["web1"].failed == {}


def test_no_session_at_all(fleet, start_sshd, unix_users):
    fleet.add("web1", start_sshd(MaxSessions=0), unix_users.service)
    assert list(fleet.checked()["web1"].failed) == ["session"]


BAD = {
    "syn": "reach", "banner": "reach", "endless_banner": "host_key", "garbage": "host_key", "kex": "host_key",
    "kex_middle": "host_key", "kex_garbage": "host_key", "auth": "login", "channel": "session",
    "exec": "session", "command": "session", "close_accept": "reach", "close_banner": "host_key",
    "close_auth": "login", "close_channel": "session", "close_exec": "session",
}  # fmt: skip


def test_hosts_that_hang_or_close_fail_at_their_step_and_alone(
    fleet, sshd, unix_users, deploy_tmux, start_badssh
):
    """Each is told by the step at which it is bad, and together they take no longer than one."""
    fleet.inventory = {"connect_timeout": "2s", "command_timeout": "2s"}
    fleet.add("good", sshd, unix_users.service, tmux_users=[unix_users.deploy])
    for stage in BAD:
        fleet.add_bad(stage, start_badssh(stage))
    begun = time.monotonic()
    found = fleet.checked()
    took = time.monotonic() - begun
    assert found.pop("good").state == "ok"
    assert {stage: list(host.failed) for stage, host in found.items()} == {
        stage: [step] for stage, step in BAD.items()
    }
    assert all(step["problem"] for host in found.values() for step in host.failed.values())
    assert took < 15


def test_what_a_host_prints_is_neither_markup_nor_escape(fleet, start_badssh, on_terminal):
    for stage in ("bad_bytes", "garbage", "kex_garbage"):
        fleet.add_bad(stage, start_badssh(stage))
    fleet.inventory = {"connect_timeout": "2s", "command_timeout": "2s"}
    for arguments in (["check"], ["ls"]):
        done = fleet(*arguments)
        assert not set(done.stdout) & set("\x1b\x07\x9b\u202e\x00\r"), done.stdout
        terminal = on_terminal(*arguments)
        terminal.to_the_end()
        assert "\x1b]" not in terminal.raw
        assert not set(terminal.raw) & set("\x07\x9b\u202e\x00")


def test_twenty_hosts_at_once(fleet, start_sshd, unix_users, deploy_tmux):
    sshds = [  # one listens on at most 16 addresses
        start_sshd(addresses=[f"127.0.0.{number}" for number in numbers])
        for numbers in (range(11, 21), range(21, 31))
    ]
    for sshd in sshds:
        fleet.add("", sshd, unix_users.service, tmux_users=[unix_users.deploy])
        first = fleet.hosts.pop()
        for address in sshd.addresses:
            fleet.hosts.append({**first, "key": address.replace(".", "-"), "hostname": address})
    found = fleet.checked()
    assert len(found) == 20
    assert {host.state for host in found.values()} == {"ok"}
    assert [sshd.connections() for sshd in sshds] == [10, 10]


def test_a_jump_host_that_refuses_is_named_and_tried_once(fleet, jump, unix_users):
    first, last = jump.first, jump.last
    fleet.trust(jump.known_hosts)
    last.authorize(unix_users.deploy, fleet.key)
    via = f"{unix_users.service}@{first.addresses[0]}:{first.port}"
    for number in range(3):
        fleet.hosts.append(
            {
                "key": f"web{number}",
                "hostname": last.addresses[0],
                "port": last.port,
                "ssh_user": unix_users.deploy,
                "proxy_jump": via,
            }
        )
    found = fleet.checked()
    assert {tuple(host.failed) for host in found.values()} == {("reach",)}
    assert all(f"By way of {via}" in host.failed["reach"]["problem"] for host in found.values())
    assert len(first.logins()) == 1
    first.authorize(unix_users.service, fleet.key)
    assert {host.state for host in fleet.checked().values()} == {"ok"}


# --- this machine


def test_this_machine_needs_no_ssh(run, tmux):
    tmux.new("api", "cat")
    done = run("check", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, found["ok"], found["source"], found["weak"]) == (0, True, "", [])
    (host,) = found["hosts"]
    assert [step["name"] for step in host["steps"]] == ["tmux", "socket"]
    assert host["steps"][1]["value"] == "1 session"


def test_a_socket_whose_file_is_gone(run, tmux):
    tmux.new("api", "cat")
    pid = int(tmux("display-message", "-p", "#{pid}"))
    tmux.socket.rename(tmux.socket.parent / "away")
    try:
        done = run("check", "--json")
        (step,) = [step for step in json.loads(done.stdout)["hosts"][0]["steps"] if step["name"] == "socket"]
    finally:
        (tmux.socket.parent / "away").rename(tmux.socket)
    assert (done.returncode, step["state"], step["value"]) == (1, "failed", "hidden")
    assert str(tmux.socket) in step["problem"]
    assert "kill -USR1" in step["remedy"]
    assert pid


def test_the_tmp_that_systemd_makes_is_recognised(run, unix_users, deploy_tmux):
    """With the mount that PrivateTmp=true makes."""
    folder = "/tmp/systemd-private-0123456789abcdef-muxboard.service-abcdef/tmp"
    # What lies in /tmp itself would be out of sight: the checkout, where it is a clone there.
    kept = f"{folder}/{CHECKOUT.relative_to('/tmp')}" if CHECKOUT.is_relative_to("/tmp") else ""
    keep = f"&& mkdir -p {kept} && mount --bind {CHECKOUT} {kept}" if kept else ""
    script = f'mkdir -p {folder} && chmod 1777 {folder} {keep} && mount --rbind {folder} /tmp && exec "$@"'
    config = f'[[hosts]]\nkey = "local"\nlocal = true\ntmux_users = ["{unix_users.deploy}"]\n'
    try:
        done = run(
            *("check", "--json"), config=config, before=["unshare", "--mount", "sh", "-c", script, "sh"],
            env={"TMPDIR": "/var/tmp"},
        )  # fmt: skip
    finally:
        shutil.rmtree(Path(folder).parent)
    (step,) = [step for step in json.loads(done.stdout)["hosts"][0]["steps"] if step["name"] == "socket"]
    assert (done.returncode, step["value"]) == (1, "PrivateTmp")
    assert re.search(r"tmux server \(pid \d+\) runs, but /tmp/tmux-\d+/default is not", step["problem"])
    assert "PrivateTmp=false" in step["remedy"]


def test_no_server_is_no_failure(run):
    done = run("check", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["hosts"][0]["steps"][1]["value"] == "no server"


# --- the configuration


def test_offline_asks_no_host(fleet, sshd, unix_users):
    fleet.add("web1", sshd, unix_users.service)
    done = fleet("check", "--offline")
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "muxboard.toml: valid, 1 host")
    assert json.loads(fleet("check", "--offline", "--json").stdout)["hosts"] == []
    assert sshd.connections() == 0


def test_each_weak_setting_is_a_line_with_its_remedy(run):
    config = '[auth]\ngate = "token"\n[server]\nbind = "0.0.0.0:8765"\n[ssh]\nhost_keys = "accept-new"\n'
    done = run("check", "--offline", config=config + '[[hosts]]\nkey = "a"\nhostname = "a"\n')
    weak = [line for line in done.stdout.splitlines() if line.startswith("weak    ")]
    assert done.returncode == 0
    assert [line.split()[1] for line in weak] == [
        "server.bind:", "auth.token:", "grants:", "ssh.host_keys:", "audit.path:",
    ]  # fmt: skip
    assert "behind a proxy with TLS" in weak[0]


# --- on a terminal


def test_the_table_is_drawn_while_hosts_answer_and_stays(fleet, start_badssh, sshd, unix_users, on_terminal):
    fleet.inventory = {"connect_timeout": "3s", "command_timeout": "3s"}
    fleet.add("web1", sshd, unix_users.service)
    fleet.add_bad("hangs", start_badssh("auth"))
    fleet.write()
    terminal = on_terminal("check")
    terminal.wait_for(r"hangs +ok +ok +\.\.\.")
    terminal.wait_for("2 hosts: 1 ok, 1 under way")
    assert terminal.to_the_end() == 1
    lines = terminal.lines
    head = next(index for index, line in enumerate(lines) if line.startswith("HOST "))
    assert lines[head].split() == [
        "HOST", "REACH", "HOST", "KEY", "LOGIN", "SESSION", "TMUX", "SOCKET",
    ]  # fmt: skip
    assert lines[head + 1].split()[:4] == ["web1", "ok", "ok", "ok"]
    assert lines[head + 2].split() == ["hangs", "ok", "ok", "timeout", "-", "-", "-"]
    assert any(line.startswith("FAILED  hangs  login: ") for line in lines)
    assert "\x1b[31m" in terminal.raw or "\x1b[1;31m" in terminal.raw


def test_no_color_and_a_narrow_terminal(fleet, sshd, unix_users, on_terminal):
    fleet.add("a-host-with-quite-a-long-name-for-forty-columns", sshd, unix_users.service)
    fleet.write()
    terminal = on_terminal("check", cols=40, NO_COLOR="1")
    assert terminal.to_the_end() == 0
    assert not re.search(r"\x1b\[(\d+;)*3\dm", terminal.raw)
    head = next(index for index, line in enumerate(terminal.lines) if line.startswith("HOST"))
    assert all(len(line) <= 40 for line in terminal.lines[head : head + 2])


@pytest.fixture
def half_hangs(fleet, start_badssh, sshd, unix_users, deploy_tmux):
    """A good host, and one that lets everybody wait."""
    fleet.inventory = {"connect_timeout": "30s", "command_timeout": "30s"}
    fleet.add("web1", sshd, unix_users.service, tmux_users=[unix_users.deploy])
    bad = start_badssh("auth")
    fleet.add_bad("hangs", bad)
    fleet.write()
    return bad


@pytest.mark.parametrize(
    ("command", "known", "last"), [("check", "1 session", "1 unfinished"), ("ls", "1 session", "1 not yet")]
)
def test_ctrl_c_ends_the_table_with_what_is_known(half_hangs, on_terminal, command, known, last):
    terminal = on_terminal(command)
    half_hangs.wait_for("auth")
    terminal.wait_for(known)
    begun = time.monotonic()
    terminal.process.sendintr()
    assert terminal.to_the_end() == 130
    assert time.monotonic() - begun < 5
    assert "Traceback" not in terminal.raw
    assert any(line.startswith("web1 ") for line in terminal.lines)
    assert last in "\n".join(terminal.lines)


@pytest.mark.parametrize("arguments", [["check"], ["check", "--json"], ["ls"], ["ls", "--json"]])
def test_ctrl_c_ends_plain_lines_and_json_too(half_hangs, plain_env, tmp_path, arguments):
    with subprocess.Popen(
        [sys.executable, "-m", "muxboard", *arguments], cwd=tmp_path, env=plain_env,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        half_hangs.wait_for("auth")
        time.sleep(1)  # for the good host; nothing is printed until the end with --json
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (130, "")
    assert "web1" in out
    if "--json" in arguments:
        states = {host["key"]: host["state"] for host in json.loads(out)["hosts"]}
        assert states == {"web1": "ok", "hangs": "unfinished" if "check" in arguments else "pending"}


@pytest.mark.gen_test(timeout=30)
async def test_sessions_that_were_opened_to_count_them_are_closed(io_loop, fleet, start_sshd, unix_users):
    fleet.add("web1", start_sshd(MaxSessions=4), unix_users.service)
    fleet.write()
    configured = Configured(load(str(fleet.folder / "muxboard.toml"), {}), {"HOME": str(fleet.folder)})
    way = configured.hosts["web1"].way
    try:
        assert (await way.run(["id"], timeout_s=5)).exit == 0
        for _ in range(3):
            assert await way.granted(10, timeout_s=5) == 4
            assert await way.granted(2, timeout_s=5) == 2
    finally:
        await configured.close()


# --- the registry


def test_a_registry_that_answers_is_nothing_to_tell(run, redis):
    env = {"MUXBOARD_REGISTRY_URL": redis.url, "MUXBOARD_TOKEN": "sixteen characters"}
    done = run("check", "--json", env=env)
    assert (done.returncode, json.loads(done.stdout)["failed"]) == (0, [])


def test_a_registry_that_does_not_answer_is_a_failure(run):
    url = f"redis://127.0.0.1:{free_ports(1)[0]}/0"
    env = {"MUXBOARD_REGISTRY_URL": url, "MUXBOARD_TOKEN": "sixteen characters"}
    done = run("check", "--json", env=env)
    [failed] = json.loads(done.stdout)["failed"]
    assert (done.returncode, failed["path"]) == (1, "registry.url")
    assert failed["problem"].startswith(f"{url} does not answer: ")
    assert run("check", "--offline", env=env).returncode == 0


@pytest.mark.parametrize(
    ("url", "token", "said"),
    [
        ("redis://127.0.0.1:1/0", {}, "auth.token: replicas need one token: set MUXBOARD_TOKEN"),
        ("redis://127.0.0.1:1/0?foo=1", {"MUXBOARD_TOKEN": "sixteen characters"}, "registry.url: "),
        (
            "rediss://127.0.0.1:1/0?ssl_ca_certs=/nowhere",
            {"MUXBOARD_TOKEN": "sixteen characters"},
            "registry.url: ssl_ca_certs: /nowhere cannot be read",
        ),
    ],
)
def test_what_serve_refuses_is_refused_before(run, url, token, said):
    done = run("check", "--offline", env={"MUXBOARD_REGISTRY_URL": url, **token})
    assert done.returncode == 2
    assert done.stderr.startswith(f"configuration: {said}"), done.stderr


def test_a_socket_that_anybody_might_make_is_no_server(run):
    """It is not even asked: whoever made it meanwhile would have this user's tmux do what they like."""
    config = '[[hosts]]\nkey = "local"\nlocal = true\ntmux_socket = "/tmp/there-is-no-such-socket"\n'
    done = run("check", "--json", config=config)
    assert done.returncode == 0
    assert json.loads(done.stdout)["hosts"][0]["steps"][1]["value"] == "no server"
