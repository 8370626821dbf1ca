"""Real Unix users with a real sudo rule between them. Needs root, as CI has."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
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
NOISY = "mbtestnoisy"  # logs in over ssh, with a shell that prints before every command
SHELLS = {SERVICE: "/bin/sh", DEPLOY: "/bin/sh", NO_SUDO: "/bin/sh", NOISY: "/bin/bash"}
NAMES = tuple(SHELLS)

NOISE = "Welcome! $HOME is \033[1m90%\033[0m full."
# bash reads it for a command over ssh too, though that is not interactive.
NOISY_BASHRC = f"printf '%s\\n' '{NOISE}'\nprintf '%s\\n' '{NOISE}' >&2\n"

SUDOERS_FOLDER = Path("/etc/sudoers.d")
SUDOERS = SUDOERS_FOLDER / "mbtest"


class UnixUsers:
    """The users' names, a password and a tmux server for each, and what a test may change of them."""

    service = SERVICE
    deploy = DEPLOY
    no_sudo = NO_SUDO
    noisy = NOISY

    def __init__(self) -> None:
        self._passwords: dict[str, str] = {}
        self._changed_shells: set[str] = set()

    def tmux(self, name: str) -> Tmux:
        """The user's tmux server, on the socket where ``sudo -u USER tmux`` finds it."""
        return Tmux(None, name)

    def password(self, name: str, wanted: str | None = None) -> str:
        """Give the user a password, a random one by default, and return it. It ends with the test."""
        password = self._passwords[name] = wanted or secrets.token_urlsafe()
        _run("chpasswd", input=f"{name}:{password}\n")
        return password

    def use_shell(self, name: str, shell: Path | str) -> None:
        """Change the login shell until the end of the test."""
        self._changed_shells.add(name)
        _run("usermod", "--shell", str(shell), name)

    def undo_changes(self) -> None:
        """Take back the passwords and shells that tests gave."""
        while self._passwords:
            name, _ = self._passwords.popitem()
            _run("usermod", "--password", "*", name)
        while self._changed_shells:
            name = self._changed_shells.pop()
            _run("usermod", "--shell", SHELLS[name], name)


def let_in(folder: Path) -> None:
    """Let every user into a temporary folder of a test's."""
    while folder != Path(tempfile.gettempdir()):
        folder.chmod(0o755)
        folder = folder.parent


def make() -> None:
    """Create the users, and let two of them run tmux, and nothing else, as the deploy user."""
    for name, shell in SHELLS.items():
        # `*` is no password: `!`, the default, would be a lock, which sshd without PAM minds.
        _run("useradd", "--create-home", "--password", "*", "--shell", shell, name)
    Path(pwd.getpwnam(NOISY).pw_dir, ".bashrc").write_text(NOISY_BASHRC)
    tmux = shutil.which("tmux")
    SUDOERS.touch(mode=0o440)
    SUDOERS.write_text(f"{SERVICE}, {NOISY} ALL=({DEPLOY}) NOPASSWD: {tmux}\n")
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


def _run(*argv: str, input: str = "") -> None:  # noqa: A002  as subprocess.run calls it
    # userdel says on stderr that there was no mail spool; what matters is its status.
    done = subprocess.run(argv, input=input, capture_output=True, text=True, check=False)
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
    """The test's Unix users. What they run and were given ends with the test, the users with the run.

    Name it before ``start_service``: a service that one of them runs has to stop first.
    """
    try:
        yield _unix_users
    finally:
        for name in NAMES:
            _unix_users.tmux(name).close()
            _end_processes_of(pwd.getpwnam(name).pw_uid)
        _unix_users.undo_changes()
