"""The systemd units: what systemd itself thinks of them, and what following them does to sessions. No systemd
runs here, so control groups are made, and emptied as KillMode= says."""

import contextlib
import json
import os
import re
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

from tests.real.fleet import typing
from tests.rig.service import CHECKOUT, local_host
from tests.rig.waiting import ended, until
from tests.web.harness import LOGIN

FOLDER = CHECKOUT / "packaging" / "systemd"
UNIT = FOLDER / "muxboard.service"
REMOTE_ONLY = FOLDER / "muxboard.service.d" / "remote-only.conf"
TMUX_UNIT = FOLDER / "tmux@.service"
STOP_S = 20
PAGE = (CHECKOUT / "docs" / "systemd.md").read_text()


def settings(*files):
    """What is set in [Service]; a drop-in goes over what comes before it."""
    lines = [line for file in files for line in file.read_text().splitlines()]
    return dict(line.split("=", 1) for line in lines if re.match(r"[A-Z]\w+=", line))


# --- what systemd thinks of them


@pytest.fixture
def unit(tmp_path):
    """Call it with files for one unit of them all, whose programs exist."""

    def unit(*files, name="muxboard.service"):
        text = "\n".join(file.read_text() for file in files)
        text = re.sub(r"(?m)^(ExecStart|ExecReload)=\S+", rf"\1={shutil.which('true')}", text)
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return unit


def analyze(*arguments):
    """Run systemd-analyze, which asks no running systemd for this."""
    done = subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, timeout=60, check=False,
        env={"PATH": os.environ["PATH"], "SYSTEMD_PAGER": "", "SYSTEMD_LOG_LEVEL": "info"},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ([UNIT], "muxboard.service"),
        ([UNIT, REMOTE_ONLY], "muxboard.service"),
        ([TMUX_UNIT], "tmux@deploy.service"),
    ],
    ids=["muxboard", "remote-only", "tmux"],
)
def test_systemd_understands_every_line(unit, files, name):
    assert analyze("verify", "--man=no", unit(*files, name=name)) == (0, "")


def test_without_local_hosts_it_is_locked_in(unit):
    """At most 2.0 of 10 by systemd's own measure."""
    status, said = analyze("security", "--offline=true", "--threshold=20", unit(UNIT, REMOTE_ONLY))
    assert status == 0, said


def test_nothing_in_the_unit_takes_sudo_away_or_confines_sessions():
    """What it starts are people's shells: these would be theirs too, and many imply NoNewPrivileges."""
    confining = re.compile(
        r"Protect|Restrict|SystemCall|Capability|Private(?!Tmp=no$)|Lock|MemoryDeny|ReadOnly|Inaccessible"
        r"|IPAddress|UMask|DynamicUser|Limit|MemoryMax|CPUQuota|NoNewPrivileges=yes"
    )
    lines = [line for line in UNIT.read_text().splitlines() if not line.startswith("#")]
    assert [line for line in lines if confining.match(line)] == []


def test_the_page_says_why_of_each_setting():
    named = {name for file in (UNIT, TMUX_UNIT) for name in settings(file)}
    plain = {"Description", "Wants", "After", "Before", "User", "Group", "WantedBy", "WorkingDirectory"}
    assert [name for name in sorted(named - plain) if f"`{name}" not in PAGE] == []


# --- what it does


class ControlGroup:
    """What systemd puts a service into: a real one. Where none can be made, who has our TMUX_TMPDIR and no
    other group's name."""

    def __init__(self, mark):
        self._mark = f"TMUX_TMPDIR={mark}"
        self._name = f"MBTEST_GROUP={secrets.token_hex(4)}"
        self.folder = None
        for line in Path("/proc/mounts").read_text().splitlines():
            _, place, kind, options, *_ = line.split()
            if kind == "cgroup2" or (kind == "cgroup" and "name=systemd" in options):
                with contextlib.suppress(OSError):
                    self.folder = Path(tempfile.mkdtemp(prefix="mbtest-", dir=place))
                    break

    @property
    def enter(self):
        """What runs the rest of a command line in it."""
        if self.folder is None:
            return ["env", self._name]
        return ["sh", "-c", f'echo $$ > {self.folder}/cgroup.procs && exec "$@"', "sh"]

    def pids(self):
        if self.folder is not None:
            return [int(pid) for pid in (self.folder / "cgroup.procs").read_text().split()]
        found = []
        for place in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                environ = place.read_text(errors="replace").split("\0")
                others = {each for each in environ if each.startswith("MBTEST_GROUP=")} - {self._name}
                if self._mark in environ and not others:
                    found.append(int(place.parent.name))
        return found

    def kill(self, *pids):
        for pid in pids or self.pids():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def close(self):
        if self.folder is not None:
            self.kill()
            until(lambda: not self.pids(), "the end of the control group")
            self.folder.rmdir()


@pytest.fixture
def make_group(tmux):
    made = []

    def make():
        made.append(ControlGroup(tmux.folder))
        return made[-1]

    yield make
    tmux.close()
    for group in made:
        group.close()


@pytest.fixture
def runtime():
    """A folder of its own with a short path."""
    folder = Path(tempfile.mkdtemp(prefix="mbrun-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def start(start_service, tmux):
    """Start what ExecStart= names in a control group."""
    program, *arguments = shlex.split(settings(UNIT)["ExecStart"])
    assert (Path(program).name, arguments[:2]) == ("muxboard", ["serve", "-c"])

    def start(group, **env):
        command = [*group.enter, "env", f"PYTHONPATH={CHECKOUT}", sys.executable, "-m", "muxboard"]
        env = {"TMUX_TMPDIR": str(tmux.folder), **env}
        return start_service({"hosts": [local_host()]}, command=command, env=env)

    return start


def stop(service, group, mode):
    """Do what systemd does to stop a unit with this KillMode=."""
    assert mode in {"process", "mixed", "control-group"}
    for pid in group.pids() if mode == "control-group" else [service.pid]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    assert service.process.wait(STOP_S) == 0, service.log
    if mode != "process":
        group.kill(*group.pids())


def create(service, name):
    body = {"name": name, "command": "cat"}
    answer = service.request("POST", f"/api/v1/hosts/local/users/{LOGIN}/sessions", json=body)
    assert answer.status == 201, answer


def server(tmux):
    return int(tmux("display-message", "-p", "#{pid}"))


@pytest.mark.gen_test(timeout=60)
async def test_sessions_that_it_made_outlive_a_restart(make_group, start, tmux):
    group = make_group()
    service = start(group)
    create(service, "made here")
    assert server(tmux) in group.pids(), "where systemd could reach it"
    connected = await typing(service, "local", LOGIN, "made here")
    connected.type("typed before\n")
    await connected.shows("typed before")
    stop(service, group, settings(UNIT)["KillMode"])
    connected.cut()
    again = start(group)
    connected = await typing(again, "local", LOGIN, "made here")
    await connected.shows("typed before")
    connected.cut()
    assert tmux.ls() == ["made here"]


def test_another_kill_mode_would_end_them(make_group, start, tmux):
    """``mixed`` asks the service alone, and then kills the rest. That is why; and these tests see it."""
    group = make_group()
    service = start(group)
    create(service, "made here")
    pid = server(tmux)
    stop(service, group, "mixed")
    until(lambda: ended(pid), "the end of the tmux server")
    assert tmux.ls() == []


def test_a_tmux_unit_keeps_a_users_sessions_out_of_its_control_group(make_group, start, tmux):
    """Then whatever is done to the service's group does nothing to them."""
    theirs, ours = make_group(), make_group()
    _, *arguments = shlex.split(settings(TMUX_UNIT)["ExecStart"])
    before = subprocess.Popen(
        [*theirs.enter, "tmux", "-f", "/dev/null", *arguments], env=tmux.env, cwd="/",
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        until(tmux.socket.exists, "its socket")
        service = start(ours)
        create(service, "made here")
        assert server(tmux) == before.pid
        assert not set(ours.pids()) - {service.pid}
        stop(service, ours, "control-group")
        assert tmux.ls() == ["made here"]
        tmux("kill-session", "-t", "=made here")
        assert before.poll() is None, "without a session as well"
    finally:
        before.terminate()
        before.wait(STOP_S)


# Some of what remote-only.conf says, by hand: ProtectSystem=, NoNewPrivileges=, CapabilityBoundingSet= and
# MemoryDenyWriteExecute= (prctl 65). One folder can be written to.
LOCK = """
mount --make-rprivate / && mount --bind "$1" "$1" && mount --bind / / && cd "$1" || exit 9
mount --bind "$1" "$1" && mount -o remount,bind,ro / && touch "$1/tried" && rm "$1/tried" || exit 8
touch /tried 2>/dev/null && exit 7
shift; exec setpriv --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
"""
DENY = "import ctypes, os, sys; ctypes.CDLL(None).prctl(65, 1, 0, 0, 0); os.execvp(sys.argv[1], sys.argv[1:])"


def status_of(pid):
    return Path(f"/proc/{pid}/status").read_text()


@pytest.mark.gen_test(timeout=60)
async def test_locked_in_it_still_reaches_hosts(start_service, unix_users, sshd, make_key, runtime):
    """By OpenSSH and through its master; nothing of it needs a right."""
    key = make_key()
    sshd.authorize(unix_users.deploy, key)
    unix_users.tmux(unix_users.deploy).new("api", "cat")
    (runtime / "known_hosts").write_text(sshd.known_hosts())
    host = {"key": "web1", "hostname": sshd.addresses[0], "port": sshd.port, "ssh_user": unix_users.deploy}
    config = {
        "ssh": {"key_file": str(key.path), "known_hosts": [str(runtime / "known_hosts")]},
        "hosts": [host],
    }
    command = ["unshare", "--mount", "sh", "-c", LOCK, "sh", str(runtime), sys.executable, "-c", DENY]
    command += ["env", f"PYTHONPATH={CHECKOUT}", sys.executable, "-m", "muxboard"]
    service = start_service(config, command=command, env={"XDG_RUNTIME_DIR": str(runtime)})
    status = status_of(service.pid)
    assert re.search(r"NoNewPrivs:\t1\n", status)
    assert re.search(r"CapBnd:\t0+\n", status)
    connected = await typing(service, "web1", unix_users.deploy, "api")
    children = [child.name() for child in psutil.Process(service.pid).children(recursive=True)]
    assert children.count("ssh") == 2, "a terminal, and its master"
    connected.cut()


def test_systemd_is_told_when_it_is_ready_and_when_it_stops(make_group, start, tmp_path):
    with (
        tempfile.TemporaryDirectory(prefix="mbn-", dir="/tmp") as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard,
    ):
        heard.bind(f"{folder}/notify")
        heard.settimeout(STOP_S)
        service = start(make_group(), NOTIFY_SOCKET=f"{folder}/notify")
        assert settings(UNIT)["Type"] == "notify"
        assert heard.recv(100) == b"READY=1"
        assert service.request("GET", "/readyz").status == 200
        service.process.send_signal(signal.SIGTERM)
        assert heard.recv(100) == b"STOPPING=1"
        assert service.process.wait(STOP_S) == 0


def test_the_journal_is_given_priorities_and_sessions_learn_nothing_of_systemd(start_service, tmux):
    """journald takes ``<N>`` off; the rest is the JSON line that it is elsewhere."""
    journal = 'export JOURNAL_STREAM=$(stat -Lc %d:%i /dev/fd/2) && exec "$@"'
    command = ["sh", "-c", journal, "sh", "env", f"PYTHONPATH={CHECKOUT}", sys.executable, "-m", "muxboard"]
    env = {"TMUX_TMPDIR": str(tmux.folder), "NOTIFY_SOCKET": "/nowhere", "INVOCATION_ID": "1"}
    config = {"hosts": [local_host()], "limits": {"lifetime": ""}}
    service = start_service(config, command=command, env=env)
    assert "token" not in service.printed_url, "it would be kept, for all who may read a journal"
    create(service, "made")
    lines = service.log.splitlines()
    assert all(re.fullmatch(r"<[2-7]>\{.*\}", line) for line in lines), lines
    found = {(line[1], json.loads(line[3:]).get("level")) for line in lines}
    assert found == {("4", "warning"), ("6", "info"), ("6", None)}, "None: audit lines"
    shown = tmux("show-environment", "-g")
    assert not re.search("JOURNAL_STREAM|NOTIFY_SOCKET|INVOCATION_ID", shown), shown


def test_an_error_of_the_configuration_is_an_error_in_the_journal(tmp_path):
    (tmp_path / "muxboard.toml").write_text("[server]\nbind = 1\n")
    log = tmp_path / "log"
    with log.open("wb") as out:
        found = os.fstat(out.fileno())
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(CHECKOUT), "HOME": str(tmp_path)}
        done = subprocess.run(
            [sys.executable, "-m", "muxboard", "serve"], cwd=tmp_path, stderr=out, check=False, timeout=60,
            env={**env, "JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"},
        )  # fmt: skip
    assert done.returncode == 2
    assert log.read_text().startswith("<3>muxboard.toml: server.bind: must be ")
