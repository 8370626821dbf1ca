"""``muxboard.pyz``: the real file, on every Python that is here, as somebody on a bastion runs it."""

from __future__ import annotations

import ast
import http.client
import os
import re
import runpy
import shutil
import socket
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.rig import toml
from tests.rig.service import CHECKOUT, local_host
from tests.rig.waiting import until

PLAN = tomllib.loads((CHECKOUT / "shiv.toml").read_text())
PLAIN = {"PATH": "/usr/bin:/bin:/usr/sbin", "LANG": "C.UTF-8"}


def _pythons() -> list[str]:
    """Every Python here that the file is for; Debian's own is one of them."""
    found = {sys.executable}
    folders = [Path("/usr/bin"), Path("/usr/local/bin"), *Path.home().glob(".pyenv/versions/*/bin")]
    places = [folder / f"python{version}" for folder in folders for version in PLAN["pythons"]]
    found |= {str(place) for place in places if os.access(place, os.X_OK)}
    return sorted({os.path.realpath(path) for path in found})


def run(pyz, *words, python=sys.executable, **env):
    return subprocess.run(
        [python, str(pyz), *words],
        env={**PLAIN, **env},
        cwd="/",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture(scope="module")
def shared(pyz):
    """A folder that everybody may read, with the file and what root unpacks from it, three at once."""
    folder = Path(tempfile.mkdtemp(prefix="mbpyz-", dir="/tmp"))
    try:
        root = folder / "unpacked"
        root.mkdir()
        for each in (folder, root):
            each.chmod(0o755)
        shutil.copy2(pyz, folder / "muxboard.pyz")
        started = [
            subprocess.Popen(
                [sys.executable, folder / "muxboard.pyz", "config", "example"],
                env={**PLAIN, "SHIV_ROOT": str(root)}, cwd="/",
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            )
            for _ in range(3)
        ]  # fmt: skip
        said = [(*each.communicate(timeout=60), each.returncode) for each in started]
        yield folder, said
    finally:
        shutil.rmtree(folder)


def test_several_may_start_it_at_once_for_the_first_time(shared):
    for out, err, status in shared[1]:
        assert (status, err) == (0, "")
        assert "[server]" in out


@pytest.mark.parametrize("python", _pythons())
def test_it_serves_lists_attaches_and_checks(shared, python, start_service, tmux):
    """All of them from what one of them unpacked."""
    folder, _ = shared
    pyz = folder / "muxboard.pyz"
    tmux.new("api", "cat")
    env = {**tmux.env, **PLAIN, "SHIV_ROOT": str(folder / "unpacked")}
    service = start_service({"hosts": [local_host()]}, env=env, command=(python, str(pyz)))
    until(lambda: service.sessions() == ["api"], "the session")
    assert b"<title>" in service.request("GET", "/").body
    login = service.request("POST", "/api/v1/login", json={"token": service.token}, token=None)
    assert login.status in {200, 204}
    cookie = login.headers["Set-Cookie"].partition(";")[0]
    me = service.request("GET", "/api/v1/me", headers={"Cookie": cookie}, token=None)
    assert me.json()["principal"]["gate"] == "token"
    asked = {"host": "local", "user": "root", "session": "api", "mode": "control", "cols": 80, "rows": 24}
    terminal = service.request("POST", "/api/v1/terminals", json=asked).json()["id"]
    place = f"/api/v1/terminals/{terminal}"
    assert service.request("POST", f"{place}/input?offset=0", body=b"typed in\r").status == 200
    until(lambda: "typed in" in tmux.capture("api"), "what was typed")
    assert service.request("GET", f"{place}/output?offset=0&wait=5").body
    service.stop()
    checked = run(pyz, "check", "-c", str(service.config_file), python=python, **env)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_it_is_small(pyz):
    assert PLAN["most_megabytes"] == 16
    assert pyz.stat().st_size <= 16_000_000


def test_every_python_has_its_own_of_each_compiled_module(pyz):
    """Also a Python that is not on this machine."""
    compiled = [
        re.fullmatch(r"site-packages/(.+?)\.(abi3|cpython-(\d+)-.+)\.so", name)
        for name in zipfile.ZipFile(pyz).namelist()
        if name.endswith(".so")
    ]
    assert all(compiled), "compiled modules whose names tell no version"
    found: dict[str, set[str]] = {}
    for module in compiled:
        found.setdefault(module[1], set()).add(module[3] or "any")
    every = {version.replace(".", "") for version in ("3.11", "3.12", "3.13", "3.14")}
    assert {"_cffi_backend", "msgspec/_core"} <= set(found)
    for module, versions in found.items():
        assert "any" in versions or versions == every, module


@pytest.mark.parametrize("python", _pythons())
def test_each_python_finds_what_a_registry_over_redis_takes(shared, python):
    """Before 3.11.3, which Debian 12 has, redis-py imports one package more than after."""
    (site,) = (shared[0] / "unpacked").glob("*/site-packages")
    done = subprocess.run(
        [python, "-c", "import redis.asyncio"], env={**PLAIN, "PYTHONPATH": str(site)}, cwd="/",
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_it_serves_without_a_network_and_nothing_unpacked(pyz, tmp_path, tmux):
    """In a network of its own, which has not even loopback; the socket is a file."""
    place = tmp_path / "http.sock"
    config = tmp_path / "muxboard.toml"
    config.write_text(
        toml.dumps({"server": {"bind": f"unix:{place}"}, "auth": {"gate": "token"}, "hosts": [local_host()]})
    )
    env = {
        **tmux.env,
        **PLAIN,
        "SHIV_ROOT": str(tmp_path / "root"),
        "MUXBOARD_TOKEN": "a-token-of-tests-only",
    }
    command = ["unshare", "--net", sys.executable, str(pyz), "serve", "-c", str(config)]
    with (tmp_path / "log").open("wb") as log:
        served = subprocess.Popen(command, env=env, cwd="/", stdout=log, stderr=log)
    try:
        until(place.is_socket, lambda: (tmp_path / "log").read_text() or "the socket", seconds=30)
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(place))
        connection.request("GET", "/healthz")
        assert connection.getresponse().read() == b'{"status":"ok"}'
        connection.close()
    finally:
        served.terminate()
        assert served.wait(15) == 0, (tmp_path / "log").read_text()


def test_where_home_cannot_be_written_it_unpacks_beside_and_says_nothing(pyz, tmp_path, made):
    done = run(pyz, "config", "example", HOME="/proc/no-home")
    assert (done.returncode, done.stderr) == (0, "")
    folder = Path(f"/var/tmp/muxboard-{os.geteuid()}")
    made(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    done = run(pyz, "config", "example", HOME=str(tmp_path))
    assert done.returncode == 0
    assert list((tmp_path / ".cache" / "muxboard").glob("*/site-packages"))


@pytest.fixture
def made():
    """Call it with a folder outside of the test's that is to be removed."""
    folders = []
    yield folders.append
    for folder in folders:
        shutil.rmtree(folder)


@pytest.mark.parametrize("trap", ["writable", "anothers", "link", "file", "above"])
def test_it_never_unpacks_where_another_user_may_write(pyz, tmp_path, trap):
    folder = tmp_path / "root"
    match trap:
        case "writable":
            folder.mkdir()
            folder.chmod(0o777)
        case "anothers":
            folder.mkdir()
            os.chown(folder, 65534, 65534)
        case "link":
            (tmp_path / "elsewhere").mkdir()
            folder.symlink_to(tmp_path / "elsewhere")
        case "file":
            folder.touch()
        case "above":
            folder = tmp_path / "wide" / "root"
            folder.parent.mkdir()
            folder.parent.chmod(0o777)
    done = run(pyz, "version", SHIV_ROOT=str(folder))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert str(folder) in done.stderr
    assert "SHIV_ROOT=" in done.stderr
    assert not list(tmp_path.glob("*/*"))


@pytest.mark.parametrize("loose", ["*/", "*/site-packages/"])
def test_what_others_could_have_changed_since_is_not_run(pyz, tmp_path, loose):
    folder = tmp_path / "root"
    folder.mkdir(mode=0o755)
    assert run(pyz, "version", SHIV_ROOT=str(folder)).returncode == 0
    (inner,) = folder.glob(loose)
    inner.chmod(0o775)
    done = run(pyz, "version", SHIV_ROOT=str(folder))
    assert done.returncode == 1
    assert f"holds {inner}, which may be written by others" in done.stderr
    folder.chmod(0o700)
    assert run(pyz, "version", SHIV_ROOT=str(folder)).returncode == 0, "they do not come this far"


@pytest.mark.parametrize("root", [None, "~/unpacked", "~/deep/er"])
def test_whatever_the_umask_nobody_else_can_write_to_what_is_unpacked(pyz, tmp_path, root):
    """And a ~ is the home that was looked at."""
    given = {} if root is None else {"SHIV_ROOT": root}
    done = subprocess.run(
        [sys.executable, str(pyz), "version"], env={**PLAIN, "HOME": str(tmp_path), **given}, cwd="/",
        capture_output=True, text=True, timeout=60, check=False, umask=0,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    made = list(tmp_path.rglob("*"))
    assert any(path.name == "site-packages" for path in made)
    assert not [path for path in made if path.stat().st_mode & 0o022]


def test_the_umask_is_the_callers_own_when_it_runs():
    """Sessions that the service makes have it."""
    begin = runpy.run_path(str(CHECKOUT / "packaging" / "zipapp" / "begin.py"))
    before = os.umask(0o002)
    try:
        with begin["_closed_to_others"]():
            assert os.umask(0o022) == 0o022
        assert os.umask(0o002) == 0o002
    finally:
        os.umask(before)


def test_what_root_unpacked_serves_everybody_and_nobody_can_change_it(shared):
    folder, _ = shared
    (unpacked,) = (folder / "unpacked").glob("*/site-packages")
    assert not [path for path in unpacked.rglob("*") if path.stat().st_mode & 0o022]
    nobody = {"user": 65534, "group": 65534, "extra_groups": []}
    done = subprocess.run(
        ["/usr/bin/python3", folder / "muxboard.pyz", "version"],
        env={**PLAIN, "SHIV_ROOT": str(folder / "unpacked")}, cwd="/",
        capture_output=True, text=True, timeout=60, check=False, **nobody,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_an_old_python_is_told_in_one_line():
    """Its own syntax is old enough to be read by one."""
    source = (CHECKOUT / "packaging" / "zipapp" / "begin.py").read_text()
    ast.parse(source, feature_version=(3, 6))
