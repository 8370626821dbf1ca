"""The container image: built for real, and run as a cluster runs it that trusts nobody."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.real.fleet import attach, path
from tests.rig.agent import generate
from tests.rig.container import HARDENED, IMAGE_UID, TMPFS, Container, Machine
from tests.rig.service import CHECKOUT, local_host
from tests.rig.waiting import ended, until

pytestmark = pytest.mark.timeout(500)  # the first build on a machine begins with a Debian

MOST_BYTES = 200_000_000
UNWANTED = re.compile(
    r"bin/([\w-]*(gcc|g\+\+|cpp|clang)(-\d+)?|cc|c\+\+|ld|as|make|cargo|rustc|pip[\d.]*|git|curl|wget|hatchling)$"
    r"|(site|dist)-packages/(pip|setuptools|pkg_resources|wheel|_distutils_hack)(-[^/]*)?$"
    r"|/ensurepip$"
)
SETUID = 0o6000


@pytest.fixture(scope="module")
def image(images):
    return images.build()


@pytest.fixture(scope="module")
def files(images, image):
    return images.files(image)


@pytest.fixture
def run(images, image, tmp_path):
    """Call it with a configuration and ``Container``'s options for a running container."""
    started = []

    def run(config, **options):
        folder = tmp_path / "etc"
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
        started.append(Container(images, folder, config, **options))
        return started[-1]

    yield run
    for container in started:
        container.close()


@pytest.fixture
def machine():
    machine = Machine()
    yield machine
    machine.close()


def of_machine(machine, folder, passphrase=""):
    """The configuration for a host, with secrets as a cluster mounts them: root's, and a group may read."""
    secrets = folder / "ssh"
    secrets.mkdir()
    key = generate(secrets / "id_ed25519", passphrase=passphrase)
    (secrets / "passphrase").write_text(passphrase)
    for file in (key.path, secrets / "passphrase"):
        file.chmod(0o440)
        shutil.chown(file, 0, IMAGE_UID)
    (secrets / "known_hosts").write_text(machine.known_hosts())
    machine.authorize(machine.user, key)
    host = {
        "key": "web1",
        "hostname": "127.0.0.1",
        "port": machine.port,
        "ssh_user": machine.user,
        "tmux_socket": str(machine.socket),
    }
    ssh = {"key_file": "/etc/muxboard-ssh/id_ed25519", "known_hosts": ["/etc/muxboard-ssh/known_hosts"]}
    if passphrase:
        ssh["passphrase_file"] = "/etc/muxboard-ssh/passphrase"
    config = {"auth": {"gate": "token"}, "ssh": ssh, "hosts": [host]}
    return config, ("--volume", f"{secrets}:/etc/muxboard-ssh:ro")


def types_on(container, machine):
    """Make a session on the machine, and type into it through a WebSocket."""
    created = container.request("POST", path("web1", machine.user), json={"name": "api"})
    assert created.status == 201, created.text

    async def typed():
        socket = await attach(container, "web1", machine.user, "api")
        try:
            socket.type(b"echo $((6 * 7))-answer; id -un\r")
            await socket.shows("42-answer")
        finally:
            socket.cut()

    asyncio.run(typed())
    until(lambda: f"\n42-answer\n{machine.user}\n" in machine.tmux("capture-pane", "-p"), "what was typed")


def test_hadolint_has_nothing_to_say():
    hadolint = Path(sys.executable).with_name("hadolint")
    done = subprocess.run(
        [hadolint, CHECKOUT / "Dockerfile"], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_page_says_to_run_it_as_it_is_run_here():
    page = (CHECKOUT / "docs" / "install.md").read_text()
    for option in (f"--tmpfs {TMPFS}", "--read-only", "--cap-drop ALL", "--security-opt no-new-privileges"):
        assert f" {option} " in page
    assert f"chown -R root:{IMAGE_UID} " in page


@pytest.mark.parametrize("builder", ["buildah", "podman", "docker", ""])
def test_it_is_built_with_what_is_there(tmp_path, builder):
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("basename", "cp", "dirname", "git", "mkdir", "rm", "sh"):
        (programs / name).symlink_to(shutil.which(name))
    if builder:
        (programs / builder).write_text('#!/bin/sh\necho "$@"\n')
        (programs / builder).chmod(0o755)
    env = {"PATH": str(programs), "CONTEXT": str(tmp_path / "context"), "SOURCE_DATE_EPOCH": "7"}
    done = subprocess.run(
        [CHECKOUT / "tools/image", "--pull"], env=env, capture_output=True, text=True, check=False, timeout=60
    )
    if not builder:
        assert (done.returncode, done.stdout) == (1, "")
        assert "apt-get install buildah" in done.stderr
        return
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()[0]
    assert said.startswith("build ")
    assert said.endswith(f"--tag muxboard:latest --pull {tmp_path}/context")
    assert ("--format docker --timestamp 7" in said) == (builder != "docker")
    found = {str(path.relative_to(tmp_path / "context")) for path in (tmp_path / "context").rglob("*.*")}
    assert {name for name in found if not name.endswith(".whl")} == {
        *(".dockerignore", "requirements.lock", "packaging/container/muxboard.toml"),
    }
    assert len([name for name in found if name.endswith(".whl")]) == 1


def test_it_is_small_and_holds_nothing_to_build_with(images, image, files):
    assert images.size(image) < MOST_BYTES
    assert {"opt/muxboard/bin/muxboard", "usr/bin/sleep", "usr/bin/ssh", "usr/bin/tmux"} <= files.keys()
    assert any(re.fullmatch(r"opt/muxboard/.*/web/static/index\.html", name) for name in files)
    assert [name for name in files if UNWANTED.search(name)] == []
    assert [name for name, entry in files.items() if entry.regular and entry.mode & SETUID] == []
    mine = [name for name, entry in files.items() if IMAGE_UID in entry.owner]
    assert mine == [], "what it runs cannot be changed by it"


def test_what_stands_in_it_for_others(images, image):
    (found,) = json.loads(images.podman("image", "inspect", image).stdout)
    assert found["Config"]["User"] == f"{IMAGE_UID}:{IMAGE_UID}"
    assert found["Healthcheck"]["Test"] == ["CMD", "muxboard", "healthy"]
    labels = {name.removeprefix("org.opencontainers.image."): text for name, text in found["Labels"].items()}
    assert labels.keys() >= {"title", "description", "version", "licenses"}
    assert re.fullmatch(r"\d+\.\d+\.\d+\S*", labels["version"])


def test_built_again_it_holds_the_same_files(images, files):
    mask = os.umask(0o077)
    try:
        others = images.files(images.build(wheels_at="/mnt/"))
    finally:
        os.umask(mask)
    changed = [name for name in files.keys() | others.keys() if files.get(name) != others.get(name)]
    assert sorted(changed) == []


@pytest.mark.parametrize("passphrase", ["", "of the 'key'"])
def test_a_terminal_on_another_machine_through_a_container_that_may_do_nothing(
    run, machine, tmp_path, passphrase
):
    """With a passphrase ssh runs a program that the service has written to /tmp."""
    config, secrets = of_machine(machine, tmp_path, passphrase)
    container = run(config, options=(*HARDENED, *secrets)).wait_until_ready()
    types_on(container, machine)
    assert machine.logins()[-1].accepted
    health = container.images.podman("healthcheck", "run", container.name, check=False)
    assert health.returncode == 0, health.stdout
    assert "Traceback" not in container.log


def test_what_is_left_behind_is_reaped(run):
    container = run({"auth": {"gate": "token"}, "hosts": [local_host(tmux_users=[])]}).wait_until_ready()
    # Each shell goes before its child does, which then belongs to the first process.
    for _ in range(5):
        assert container.run("sh", "-c", "(sleep 0.2 & exec true) & exit 0").returncode == 0
    until(lambda: len(container.processes()) == 1, lambda: f"one process: {container.processes()}")
    assert psutil.STATUS_ZOMBIE not in {process.status() for process in container.processes()}


def test_a_stop_drains(run):
    container = run({"auth": {"gate": "token"}, "hosts": [local_host(tmux_users=[])]}).wait_until_ready()
    user = container.request("GET", "/api/v1/inventory").json()["hosts"][0]["users"][0]["name"]
    assert user == "muxboard"
    made = container.request("POST", path("local", user), json={"name": "api"})
    assert made.status == 201, made.text
    pids = [process.pid for process in container.processes()]

    async def told():
        socket = await attach(container, "local", user, "api")
        try:
            container.images.podman("kill", "--signal", "TERM", container.name)
            said = await socket.message("exit")
            return said["reason"], await socket.close_code()
        finally:
            socket.cut()

    assert asyncio.run(told()) == ("draining", 1012)
    assert container.exit_code() == 0
    until(lambda: all(ended(pid) for pid in pids), "the end of all of it")


def test_as_it_comes_it_listens_beyond_its_loopback_with_the_gate_that_needs(run):
    container = run(None, network="none").wait_until_ready()
    shown = container.run("muxboard", "config", "show").stdout
    assert shown.startswith("# /etc/muxboard/muxboard.toml\n")
    assert 'bind = "0.0.0.0:8765"' in shown
    assert 'gate = "token"' in shown
    assert container.run("muxboard", "healthy").stdout == "alive at 0.0.0.0:8765\n"
    assert container.inspect("{{.State.Running}}") == "true"


def test_a_bind_beyond_loopback_without_a_gate_is_refused_here_too(run):
    container = run({"server": {"bind": "0.0.0.0:0"}})
    assert container.exit_code() == 2
    assert "auth.gate" in container.log


def test_a_user_without_a_name_has_terminals_too(run, machine, tmp_path):
    """As some clusters give each namespace a range of numbers, and ssh does not start for them."""
    config, secrets = of_machine(machine, tmp_path)
    options = (*HARDENED, *secrets, "--user", "12345:10001", "--passwd=false")
    container = run(config, options=options).wait_until_ready()
    assert container.run("id", "-un").returncode != 0
    types_on(container, machine)
