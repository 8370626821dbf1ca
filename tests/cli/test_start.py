"""What is wrong where the service starts: one line with what mends it, exit 2, and nothing half-started. What
only looks wrong just works."""

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from tests.rig import toml
from tests.rig.ports import free_ports, listens
from tests.rig.service import CHECKOUT, TOKEN, Service, _runtime_packages, local_host
from tests.rig.waiting import ended, until
from tests.web.harness import Socket

NOBODY = 54321  # a uid that is in no passwd
START_S = 20


class Place:
    """A machine to start on: a home, a folder for sockets, a configuration, a tmux of its own."""

    def __init__(self, tmux):
        self.folder = Path(tempfile.mkdtemp(prefix="mbst-", dir="/tmp"))
        self.runtime = self.folder / "run"
        self.runtime.mkdir(mode=0o700)
        self.config = self.folder / "muxboard.toml"
        self.tmux = tmux
        [self.port] = free_ports(1)
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PYTHONPATH": str(CHECKOUT),
            "TMUX_TMPDIR": str(tmux.folder),
            "XDG_RUNTIME_DIR": str(self.runtime),
            "MUXBOARD_TOKEN": TOKEN,
        }

    def write(self, config):
        server = {"bind": f"127.0.0.1:{self.port}", **config.get("server", {})}
        self.config.write_text(toml.dumps({"hosts": [local_host()], **config, "server": server}))

    def start(self, *, env=None, python=sys.executable, before=()):
        return subprocess.Popen(
            [*before, python, "-m", "muxboard", "serve", "-c", str(self.config)],
            env={**self.env, **(env or {})},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def refused(self, config, *, env=None, **options):
        """Start; it must end by itself, with one line. Return it without the file's name."""
        self.write(config)
        before = set(self.folder.rglob("*"))
        process = self.start(env=env, **options)
        try:
            out, err = process.communicate(timeout=START_S)
        finally:
            process.kill()
            process.wait()
        assert process.returncode == 2, err
        assert out == "", "no URL: nothing can be opened"
        assert "Traceback" not in err
        lines = [line for line in err.splitlines() if not line.startswith("{")]  # those are the log's
        assert len(lines) == 1, err
        assert lines[0].startswith(f"{self.config}: ") or lines[0].startswith("configuration: "), err
        assert not listens(self.port)
        assert set(self.folder.rglob("*")) == before, "nothing is left behind"
        assert self.children() == []
        return lines[0].partition(": ")[2]

    def children(self):
        """Whoever was started with the environment of this place, the tmux server of the test aside."""
        mark, found = f"TMUX_TMPDIR={self.tmux.folder}", []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                environ = Path(f"/proc/{process.pid}/environ").read_bytes().decode(errors="replace")
                if mark in environ.split("\0") and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(" ".join(process.cmdline()))
        return found

    def close(self):
        shutil.rmtree(self.folder)


@pytest.fixture
def place(tmux):
    made = Place(tmux)
    yield made
    made.close()


@contextlib.contextmanager
def taken():
    """A loopback port that somebody has, who takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


# --- the registry


@pytest.mark.parametrize("url", ["redis:/127.0.0.1", "redis://127.0.0.1:0/0"])
def test_a_wrong_redis_url(place, url):
    said = place.refused({"registry": {"url": url}})
    assert said.startswith('registry.url: must be "memory://", "redis://HOST:PORT/DB"')


def test_an_unreachable_redis(place):
    [port] = free_ports(1)
    url = f"redis://127.0.0.1:{port}/0"
    said = place.refused({"registry": {"url": url}})
    assert re.fullmatch(rf"registry\.url: {url} does not answer: .*: start it, or correct the URL", said), (
        said
    )


def test_a_redis_with_another_password_does_not_see_ours_told(place, redis):
    url = f"redis://:not-that-one@127.0.0.1:{redis.port}/0"
    said = place.refused({}, env={"MUXBOARD_REGISTRY_URL": url})
    assert said.startswith(f"registry.url: redis://********@127.0.0.1:{redis.port}/0 does not answer: ")
    assert "not-that-one" not in said


def test_nothing_listens_while_a_redis_says_nothing(place):
    with taken() as port:
        place.write({"registry": {"url": f"redis://127.0.0.1:{port}/0"}})
        process = place.start()
        heard = False
        while process.poll() is None:
            heard = heard or listens(place.port)
            time.sleep(0.05)
        _, err = process.communicate()
    assert process.returncode == 2, err
    assert not heard
    assert "does not answer" in err.splitlines()[-1]


# --- addresses


def test_a_taken_port(place):
    with taken() as port:
        said = place.refused({"server": {"bind": f"127.0.0.1:{port}"}})
    assert said.startswith(f"server.bind: 127.0.0.1:{port} is taken: stop who listens there (ss -tlnp)")


def test_a_taken_port_of_the_second_listener_opens_no_first(place):
    unix = place.folder / "http.sock"
    with taken() as port:
        said = place.refused({"server": {"bind": f"unix:{unix}", "metrics_bind": f"127.0.0.1:{port}"}})
    assert said.startswith(f"server.metrics_bind: 127.0.0.1:{port} is taken")


def test_an_address_that_is_not_ours(place):
    config = {"server": {"bind": "192.0.2.7:8765"}, "auth": {"gate": "token"}}
    assert place.refused(config).startswith("server.bind: 192.0.2.7:8765 is no address of this machine")


def test_a_folder_of_the_unix_socket_that_is_not_there(place):
    said = place.refused({"server": {"bind": f"unix:{place.folder}/none/http.sock"}})
    assert said.startswith(f"server.bind: there is no folder {place.folder}/none: make it")


def test_a_file_where_the_unix_socket_should_be_stays(place):
    file = place.folder / "http.sock"
    file.write_text("somebody's")
    said = place.refused({"server": {"bind": f"unix:{file}"}})
    assert said.startswith(f"server.bind: {file} exists and is not a socket: remove it")
    assert file.read_text() == "somebody's"


def test_a_unix_socket_that_somebody_listens_on_stays_theirs(place):
    path = place.folder / "http.sock"
    with socket.socket(socket.AF_UNIX) as theirs:
        theirs.bind(str(path))
        theirs.listen()
        said = place.refused({"server": {"bind": f"unix:{path}"}})
        with socket.socket(socket.AF_UNIX) as trial:
            trial.connect(str(path))
    assert said.startswith(f"server.bind: somebody listens on unix:{path} already")


# --- the audit file


def _folder(path):
    path.mkdir()


def _link(path):
    path.symlink_to("/dev/null")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (None, "No such file or directory: mkdir {folder}, for the service's user"),
        (_folder, "Is a directory: name a file in it"),
        (_link, "Too many levels of symbolic links: it is a symbolic link: name the file itself"),
        (os.mkfifo, "No such device or address: choose a file on a disk that can be written to"),
    ],
    ids=["no folder", "a folder", "a link", "a pipe that nobody reads"],
)
def test_an_unwritable_audit_path(place, make, said):
    path = place.folder / ("audit.jsonl" if make else "none/audit.jsonl")
    if make:
        make(path)
    found = place.refused({"audit": {"path": str(path)}})
    assert found == f"audit.path: {path} cannot be written to: {said.format(folder=path.parent)}"


# --- programs


def programs(place, *names):
    """A PATH with nothing but these programs."""
    folder = place.folder / "bin"
    folder.mkdir()
    folder.chmod(0o755)
    for name in names:
        (folder / name).symlink_to(shutil.which(name))
    return {"PATH": str(folder)}


def test_no_tmux_where_every_host_is_this_machine(place):
    said = place.refused({}, env=programs(place, "sh"))
    why = f"every host is this machine, and there is no tmux in {place.folder}/bin"
    assert said == f"hosts: {why}: apt-get install tmux"


class Run:
    """A service that has started, on the test's own terms."""

    def __init__(self, config, **options):
        self.service = Service(config, **options)
        self.service.wait_until_ready()

    def state(self, key):
        def known():
            hosts = self.service.request("GET", "/api/v1/inventory").json()["hosts"]
            [host] = [each for each in hosts if each["key"] == key]
            return host if host["state"] != "pending" else None

        return until(known, f"{key} to be known")

    async def echoes(self, host, user, session):
        """A terminal on the session is alive."""
        body = {"host": host, "user": user, "session": session}
        answer = self.service.request("POST", "/api/v1/terminals", json=body)
        assert answer.status == 201, answer
        path = f"/api/v1/terminals/{answer.json()['id']}/socket"
        connected = await Socket.connect(self.service.port, path, {"Authorization": f"Bearer {TOKEN}"})
        assert connected.status == 101
        await connected.echoes()
        connected.cut()


@pytest.fixture
def remote(unix_users, sshd, make_key, place):
    """Call it with a user who runs the service for the configuration of a host over ssh, session ``api``."""
    key = make_key()
    sshd.authorize(unix_users.deploy, key)
    unix_users.tmux(unix_users.deploy).new("api", "cat")
    known = place.folder / "known_hosts"
    known.write_text(sshd.known_hosts())
    host = {"key": "web1", "hostname": sshd.addresses[0], "port": sshd.port, "ssh_user": unix_users.deploy}
    return {"ssh": {"key_file": str(key.path), "known_hosts": [str(known)]}, "hosts": [host]}


@pytest.mark.gen_test(timeout=60)
async def test_without_tmux_and_ssh_here_hosts_over_ssh_just_work(place, remote, unix_users):
    """Terminals go through paramiko. A host that is this machine says what it lacks, and so does the log."""
    config = {**remote, "hosts": [*remote["hosts"], local_host()]}
    run = Run(config, env=programs(place, "sh", "setsid"))
    try:
        assert run.state("web1")["state"] == "ok"
        [user] = run.state("local")["users"]
        assert user["state"] == "tmux_missing"
        await run.echoes("web1", unix_users.deploy, "api")
        weak = [
            json.loads(line)["message"]
            for line in run.service.log.splitlines()
            if '"muxboard.config"' in line
        ]
        assert {line.partition(":")[0] for line in weak} >= {"ssh", "tmux"}
    finally:
        run.service.close()


# --- a user who is nobody


class Nobody:
    """A uid without a passwd entry, as in a container whose image knows nothing of the user that it is given.

    Attributes:
        env: Where it finds a copy of the product: the checkout may lie where it cannot look.
        python: One that it can run.
    """

    # Behind env, for setpriv itself still has root's rights when it looks for a program.
    become = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "env")

    def __init__(self, copy, folder):
        self.tmux = folder / "tmux"
        self.home = folder / "home"
        for path in (self.tmux, self.home):
            path.mkdir()
        os.chown(self.tmux, NOBODY, NOBODY)
        self.home.chmod(0o555)
        self.env = {"PYTHONPATH": str(copy), "TMUX_TMPDIR": str(self.tmux), "HOME": str(self.home)}
        self.python = next(filter(self._runs, (os.path.realpath(sys.executable), "/usr/bin/python3")))

    def _runs(self, python):
        with contextlib.suppress(OSError):
            return not subprocess.run([*self.become, python, "-c", ""], cwd="/", check=False).returncode
        return False

    @property
    def command(self):
        """What becomes nobody and is given ``serve -c FILE``, whose folder is let open."""
        given = [f"{name}={value}" for name, value in self.env.items()]
        words = " ".join([*self.become, *given, self.python])
        return ["sh", "-c", f'chmod 755 "${{3%/*}}" && chmod 644 "$3" && exec {words} -m muxboard "$@"', "sh"]

    def close(self):
        """End the tmux server that was started for it."""
        told = subprocess.run(
            [*self.become, "tmux", "display-message", "-p", "#{pid}", ";", "kill-server"],
            env={"PATH": os.environ["PATH"], **self.env},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        if pid := told.stdout.strip():
            until(lambda: ended(int(pid)), "the end of its tmux server")


@pytest.fixture(scope="module")
def product():
    """A copy of the product that everybody may read."""
    folder = Path(tempfile.mkdtemp(prefix="mbcopy-", dir="/tmp"))
    folder.chmod(0o755)
    packages = Path(sysconfig.get_path("purelib"))
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(CHECKOUT / "muxboard", folder / "muxboard", ignore=ignored)
    for name in _runtime_packages():
        if (packages / name).is_dir():
            shutil.copytree(packages / name, folder / name, ignore=ignored)
        elif (packages / name).exists():
            shutil.copy(packages / name, folder)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def nobody(product):
    folder = Path(tempfile.mkdtemp(prefix="mbnobody-", dir="/tmp"))
    folder.chmod(0o755)
    made = None
    try:
        made = Nobody(product, folder)
        yield made
    finally:
        if made is not None:
            made.close()
        shutil.rmtree(folder)


@pytest.mark.gen_test(timeout=60)
async def test_a_uid_without_a_passwd_entry_whose_home_is_read_only_just_works(
    nobody, place, remote, unix_users
):
    place.folder.chmod(0o755)
    os.chown(remote["ssh"]["key_file"], NOBODY, NOBODY)
    config = {**remote, "hosts": [*remote["hosts"], {"key": "local", "local": True}]}
    run = Run(config, command=nobody.command)
    try:
        me = str(NOBODY)
        assert run.state("web1")["state"] == "ok"
        assert [user["name"] for user in run.state("local")["users"]] == [me]
        sessions = f"/api/v1/hosts/local/users/{me}/sessions"
        made = run.service.request("POST", sessions, json={"name": "here", "command": "cat"})
        assert made.status == 201, made
        await run.echoes("local", me, "here")
        await run.echoes("web1", unix_users.deploy, "api")
        assert list(nobody.home.iterdir()) == []
    finally:
        run.service.close()


def test_an_audit_path_that_only_root_may_write(nobody, place):
    place.folder.chmod(0o755)
    path = place.folder / "audit.jsonl"
    config = {"audit": {"path": str(path)}, "hosts": [{"key": "local", "local": True}]}
    said = place.refused(config, env=nobody.env, python=nobody.python, before=nobody.become)
    mend = f"Permission denied: let the service's user write to it and to {place.folder}"
    assert said == f"audit.path: {path} cannot be written to: {mend}"


def test_a_port_that_only_root_may_have(nobody, place):
    """On a network of its own, where the ports below 1024 are root's, whatever is so here."""
    config = {
        "server": {"bind": "0.0.0.0:80"},
        "auth": {"gate": "token"},
        "hosts": [{"key": "local", "local": True}],
    }
    place.folder.chmod(0o755)
    before = ["unshare", "--net", *nobody.become]
    said = place.refused(config, env=nobody.env, python=nobody.python, before=before)
    assert said.startswith("server.bind: 0.0.0.0:80 is for root alone: choose a port from 1024 on")


def test_a_unix_socket_in_a_folder_that_only_root_may_write(nobody, place):
    place.folder.chmod(0o755)
    config = {
        "server": {"bind": f"unix:{place.folder}/http.sock"},
        "hosts": [{"key": "local", "local": True}],
    }
    said = place.refused(config, env=nobody.env, python=nobody.python, before=nobody.become)
    mend = "chown it to the service's user, or choose another"
    assert said == f"server.bind: {place.folder} cannot be written to: {mend}"
