"""``muxboard.pyz``: the real file, on every Python that is here, as somebody on a bastion runs it."""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

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


def build(folder: Path) -> Path:
    command = [sys.executable, "tools/zipapp", str(folder)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("muxboard-*.pyz")
    return built


@pytest.fixture(scope="module")
def pyz(tmp_path_factory):
    folder = tmp_path_factory.mktemp("zipapp")
    folder.chmod(0o755)
    return build(folder)


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


@pytest.mark.parametrize("python", _pythons())
def test_it_serves_lists_attaches_and_checks(pyz, python, start_service, tmux, tmp_path):
    tmux.new("api", "cat")
    env = {**tmux.env, **PLAIN, "SHIV_ROOT": str(tmp_path / "root")}
    service = start_service({"hosts": [local_host()]}, env=env, command=(python, str(pyz)))
    until(lambda: service.sessions() == ["api"], "the session")
    assert b"<title>" in service.request("GET", "/").body
    asked = {"host": "local", "user": "root", "session": "api", "mode": "control", "cols": 80, "rows": 24}
    terminal = service.request("POST", "/api/v1/terminals", json=asked).json()["id"]
    place = f"/api/v1/terminals/{terminal}"
    assert service.request("POST", f"{place}/input?offset=0", body=b"typed in\r").status == 200
    until(lambda: "typed in" in tmux.capture("api"), "what was typed")
    assert service.request("GET", f"{place}/output?offset=0&wait=5").body
    service.stop()
    checked = run(pyz, "check", "-c", str(service.config_file), python=python, **env)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_it_is_small_and_the_same_when_built_again(pyz, tmp_path):
    assert pyz.stat().st_size < PLAN["most_megabytes"] * 1_000_000
    mask = os.umask(0o077)
    try:
        again = build(tmp_path)
    finally:
        os.umask(mask)
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(pyz.read_bytes()).digest()


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


@pytest.mark.parametrize("trap", ["writable", "anothers", "link", "file"])
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
    done = run(pyz, "version", SHIV_ROOT=str(folder))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert str(folder) in done.stderr
    assert "SHIV_ROOT=" in done.stderr
    assert not list(tmp_path.glob("*/*"))


def test_what_root_unpacked_serves_everybody_and_nobody_can_change_it(pyz, tmp_path):
    folder = tmp_path / "shared"
    folder.mkdir(mode=0o755)
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_uid == os.geteuid() and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o011)
    assert run(pyz, "version", SHIV_ROOT=str(folder)).returncode == 0
    (unpacked,) = folder.glob("*/site-packages")
    assert not [path for path in unpacked.rglob("*") if path.stat().st_mode & 0o022]
    nobody = {"user": 65534, "group": 65534, "extra_groups": []}
    done = subprocess.run(
        ["/usr/bin/python3", str(pyz), "version"], env={**PLAIN, "SHIV_ROOT": str(folder)}, cwd="/",
        capture_output=True, text=True, timeout=60, check=False, **nobody,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_an_old_python_is_told_in_one_line():
    """Its own syntax is old enough to be read by one."""
    source = (CHECKOUT / "packaging" / "zipapp" / "begin.py").read_text()
    ast.parse(source, feature_version=(3, 6))
