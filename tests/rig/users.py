"""Real Unix users with a real sudo rule between them. Needs root, as CI has."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.rig.tmux import Tmux
from tests.rig.waiting import ended, until

if TYPE_CHECKING:
    from collections.abc import Iterator

SERVICE = "mbtestsvc"  # runs the service
DEPLOY = "mbtestdeploy"  # may be managed by it
NO_SUDO = "mbtestnosudo"  # may not
NAMES = (SERVICE, DEPLOY, NO_SUDO)

SUDOERS_FOLDER = Path("/etc/sudoers.d")
SUDOERS = SUDOERS_FOLDER / "mbtest"


class UnixUsers:
    """The users' names, and a tmux server for each."""

    service = SERVICE
    deploy = DEPLOY
    no_sudo = NO_SUDO

    def tmux(self, name: str) -> Tmux:
        """The user's tmux server, on the socket where ``sudo -u USER tmux`` finds it."""
        return Tmux(None, name)


def make() -> None:
    """Create the users, and let the service's user run tmux, and nothing else, as the deploy user."""
    for name in NAMES:
        _run("useradd", "--create-home", "--shell", "/bin/sh", name)
    tmux = shutil.which("tmux")
    SUDOERS.touch(mode=0o440)
    SUDOERS.write_text(f"{SERVICE} ALL=({DEPLOY}) NOPASSWD: {tmux}\n")
    _run("visudo", "--check", "--quiet", "--file", str(SUDOERS))


def remove() -> None:
    """Undo ``make``, also what an earlier run that was killed left behind."""
    SUDOERS.unlink(missing_ok=True)
    for name in NAMES:
        with contextlib.suppress(KeyError):
            uid = pwd.getpwnam(name).pw_uid
            _end_processes_of(uid)
            _run("userdel", "--remove", name)
            shutil.rmtree(f"/tmp/tmux-{uid}", ignore_errors=True)


def _end_processes_of(uid: int) -> None:
    found = [process for process in psutil.process_iter(["uids"]) if uid in (process.info["uids"] or ())]
    for process in found:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    until(lambda: all(ended(process.pid) for process in found), f"the end of all processes of {uid}")


def _run(*argv: str) -> None:
    # userdel says on stderr that there was no mail spool; what matters is its status.
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"{' '.join(argv)}: {done.stderr.strip()}")


@pytest.fixture(scope="session")
def _unix_users() -> Iterator[UnixUsers]:
    if os.getuid() != 0:
        pytest.fail("this test makes Unix users: run it as root, with `sudo make test`", pytrace=False)
    lock = os.open(SUDOERS_FOLDER, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two runs on one machine take turns
        remove()
        try:
            make()
            yield UnixUsers()
        finally:
            remove()
    finally:
        os.close(lock)


@pytest.fixture
def unix_users(_unix_users: UnixUsers) -> Iterator[UnixUsers]:
    """The test's Unix users. What they run ends with the test, the users with the run.

    Name it before ``start_service``: a service that one of them runs has to stop first.
    """
    try:
        yield _unix_users
    finally:
        for name in NAMES:
            _unix_users.tmux(name).close()
            _end_processes_of(pwd.getpwnam(name).pw_uid)
