"""A tmux server of the test's own, on a socket of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.rig.waiting import ended, until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SOCKET_PATH_MAX = 100  # sun_path holds 108 bytes


class Tmux:
    """One tmux server; it starts with the first session.

    Args:
        folder: Its ``TMUX_TMPDIR``. None for tmux's own ``/tmp/tmux-UID``, as ``sudo`` leaves it.
        user: The Unix user to run as, which takes root.
    """

    def __init__(self, folder: Path | None, user: str | None = None) -> None:
        self.folder = folder
        self.user = user
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": os.path.expanduser(f"~{user or ''}"),  # noqa: PTH111  of another user
            "LANG": "C.UTF-8",
            "SHELL": "/bin/sh",
            "PS1": "$ ",
        }
        if folder is not None:
            self.env["TMUX_TMPDIR"] = str(folder)

    @property
    def socket(self) -> Path:
        uid = os.getuid() if self.user is None else int(subprocess.check_output(["id", "-u", self.user]))
        return (self.folder or Path("/tmp")) / f"tmux-{uid}" / "default"

    def __call__(self, *arguments: str, check: bool = True) -> str:
        """Run one tmux command and return what it prints."""
        as_user = {} if self.user is None else {"user": self.user, "group": self.user, "extra_groups": []}
        done = subprocess.run(
            ["tmux", "-u", "-f", "/dev/null", *arguments],
            env=self.env,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            **as_user,
        )
        if check and done.returncode:
            raise AssertionError(f"tmux {' '.join(arguments)}: {done.stderr.strip() or done.returncode}")
        return done.stdout

    def new(
        self,
        name: str,
        command: str | Sequence[str] | None = None,
        *,
        cols: int = 80,
        rows: int = 24,
        directory: str = "/",
    ) -> str:
        """Make a detached session; return its id (``$3``). A string is run by the shell, a list as it is."""
        argv = [] if command is None else [command] if isinstance(command, str) else list(command)
        size = ["-x", str(cols), "-y", str(rows)]
        made = self(
            "new-session", "-d", "-P", "-F", "#{session_id}", "-s", name, "-c", directory, *size, *argv
        )
        return made.strip()

    def ls(self) -> list[str]:
        """The sessions' names; empty also when no server runs."""
        return self("list-sessions", "-F", "#{session_name}", check=False).splitlines()

    def capture(self, name: str, *, history: bool = False) -> str:
        """The text on the session's screen, with its history if asked for."""
        start = ["-S", "-"] if history else []
        return self("capture-pane", "-p", "-J", *start, "-t", f"={name}:")

    def clients(self, name: str | None = None) -> list[str]:
        """The attached clients' terminals, of one session or of all."""
        target = [] if name is None else ["-t", f"={name}"]
        return self("list-clients", "-F", "#{client_name}", *target, check=False).splitlines()

    def type(self, name: str, text: str) -> None:
        """Type a line into the session, as another person would."""
        self("send-keys", "-t", f"={name}:", "-l", text)
        self("send-keys", "-t", f"={name}:", "Enter")

    def wait_for(self, name: str, text: str, *, seconds: float = 10) -> str:
        """Wait until the session's screen or history holds ``text``; return all of it."""
        until(
            lambda: text in self.capture(name, history=True),
            f"{text!r} in tmux session {name!r}",
            seconds=seconds,
        )
        return self.capture(name, history=True)

    def close(self) -> None:
        """End every server below the folder, also one that a test started by itself, and remove it."""
        folder = self.socket.parent
        for socket in folder.glob("*") if folder.is_dir() else ():
            pid = self("-S", str(socket), "display-message", "-p", "#{pid}", check=False).strip()
            self("-S", str(socket), "kill-server", check=False)
            if pid:
                _gone(int(pid))
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.folder or folder)


def _gone(pid: int) -> None:
    try:
        until(lambda: ended(pid), f"the end of tmux server {pid}", seconds=5)
    except AssertionError:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        raise


@pytest.fixture
def tmux() -> Iterator[Tmux]:
    """A tmux server of this test's own."""
    server = Tmux(Path(tempfile.mkdtemp(prefix="mbtmux-", dir="/tmp")))
    try:
        assert len(str(server.socket)) < SOCKET_PATH_MAX
        yield server
    finally:
        server.close()
