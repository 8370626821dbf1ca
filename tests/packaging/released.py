"""A release of what is here, built once for the run: whoever of the parallel workers asks first builds it."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.rig.service import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

BUILD_S = 110
# Of the one commit: what is built from it must not depend on who made it when.
GIT = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_AUTHOR_DATE": "1700000000 +0000",
    "GIT_COMMITTER_DATE": "1700000000 +0000",
}
INSTALLED = ("frontend/node_modules", "build")  # what a clone would set up for itself


def git(repository: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=Tests", "-c", "user.email=tests@example.com", *words]
    done = subprocess.run(
        command, cwd=repository, env={**os.environ, **GIT}, capture_output=True, text=True, check=True
    )
    return done.stdout


def clone(folder: Path) -> Path:
    """Return a repository whose only commit is what is here now, committed or not."""
    folder.mkdir()
    names = git(CHECKOUT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").rstrip("\0")
    for name in names.split("\0"):
        if (CHECKOUT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, folder / name)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "what is here")
    for name in INSTALLED:
        (folder / name).symlink_to(CHECKOUT / name)
    (folder / ".git/info/exclude").write_text("\n".join(INSTALLED))
    return folder


def release(repository: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run tools/release there, as make does."""
    command = [sys.executable, "tools/release", *map(str, words)]
    return subprocess.run(
        command, cwd=repository, capture_output=True, text=True, timeout=BUILD_S, check=False
    )


@pytest.fixture(scope="session")
def released(tmp_path_factory, worker_id):
    """The folder with every file of the release; nobody changes it."""
    base = tmp_path_factory.getbasetemp()
    room = (base if worker_id == "master" else base.parent) / "released"
    room.mkdir(exist_ok=True)
    room.chmod(0o755)  # other users run what is in it
    done = room / "done"
    with (room / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(room / "clone", ignore_errors=True)
            built = release(clone(room / "clone"), room / "dist")
            assert built.returncode == 0, built.stdout + built.stderr
            done.touch()
    return room / "dist"


@pytest.fixture(scope="session")
def pyz(released):
    """The zipapp of the release."""
    (built,) = released.glob("muxboard-*.pyz")
    return built
