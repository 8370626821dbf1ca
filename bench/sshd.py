"""The hosts of a fleet: loopback addresses of real sshds, a Unix user to log in as, and that user's tmux."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

import psutil

from tests.rig import sshd as rig
from tests.rig.agent import generate
from tests.rig.tmux import Tmux
from tests.rig.waiting import ended, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.workshop import Workshop

USER = "mbbench"
SESSIONS = 10  # of the user's tmux, which every host lists
PROMPT_SESSION = "prompt"
ADDRESSES = 16  # of one sshd: its MAX_LISTEN_SOCKS
NICE = 19  # hosts have cores of their own; here they leave theirs to the service and its clients
FULL_S = 0.3  # after which a connection to a full listener is one that hangs
rig.PREFIX = "mbbench-"  # a test run ends every sshd that has its own


class Place(NamedTuple):
    """One host of the fleet."""

    key: str
    address: str
    port: int


class Fleet:
    """So many hosts, gone after the block. Takes root, which has the Unix users to give."""

    def __init__(self, workshop: Workshop, count: int) -> None:
        if os.getuid() != 0:
            raise PermissionError("it makes a Unix user, as root")
        self._workshop = workshop
        self._count = count
        self._stack = contextlib.ExitStack()
        self.places: list[Place] = []
        folder = Path(tempfile.mkdtemp(prefix="fleet-", dir=workshop.folder))  # a run may have several fleets
        self.key_file = folder / "key"
        self.known_hosts = folder / "known_hosts"

    def __enter__(self) -> Self:
        _remove()
        with contextlib.ExitStack() as stack:
            stack.callback(_remove)
            self._start(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _start(self, stack: contextlib.ExitStack) -> None:
        _run("useradd", "--create-home", "--password", "*", "--shell", "/bin/sh", USER)
        key = generate(self.key_file)
        lines = []
        for first in range(0, self._count, ADDRESSES):
            numbers = range(first, min(first + ADDRESSES, self._count))
            addresses = [f"127.99.{number // 250}.{number % 250 + 1}" for number in numbers]
            sshd = rig.Sshd(addresses=addresses, LogLevel="INFO")
            stack.callback(sshd.close)
            os.setpriority(os.PRIO_PROCESS, sshd.pid, NICE)
            sshd.authorize(USER, key)
            lines.append(sshd.known_hosts())
            self.places += [
                Place(f"h{number + 1:03}", address, sshd.port)
                for number, address in zip(numbers, addresses, strict=True)
            ]
        self.known_hosts.write_text("".join(lines))
        tmux = Tmux(None, USER)
        for number in range(1, SESSIONS):
            tmux.new(f"work-{number}", ["sleep", "3600"])
        tmux.new(PROMPT_SESSION, self._workshop.programs["prompt"])
        os.setpriority(os.PRIO_PROCESS, int(tmux("display-message", "-p", "#{pid}")), NICE)

    def ssh(self, place: Place, *options: str, command: str = "") -> list[str]:
        """Return argv of OpenSSH's own client, set up as the service sets it up."""
        return [
            *("ssh", "-F", "none", "-i", str(self.key_file), "-o", "IdentitiesOnly=yes"),
            *("-o", "BatchMode=yes", "-o", "GlobalKnownHostsFile=/dev/null"),
            *(
                "-o",
                f"UserKnownHostsFile={self.known_hosts}",
                "-o",
                "EscapeChar=none",
                "-o",
                "LogLevel=ERROR",
            ),
            *(*options, "-p", str(place.port), "-l", USER, "--", place.address),
            *([command] if command else []),
        ]

    def config(self, places: list[Place]) -> str:
        """Return the part of a configuration that has these hosts; they are asked when it is wanted."""
        head = f"""\
[inventory]
interval = "1h"
[ssh]
key_file = "{self.key_file}"
known_hosts = ["{self.known_hosts}"]
max_sessions = 500
"""
        return head + "".join(
            f'[[hosts]]\nkey = "{key}"\nhostname = "{address}"\nport = {port}\nssh_user = "{USER}"\n'
            for key, address, port in places
        )


@contextlib.contextmanager
def black_holes(count: int) -> Iterator[list[Place]]:
    """Hosts that never answer: for every second one the kernel drops the SYN, the others say nothing."""
    places = []
    with contextlib.ExitStack() as stack:
        for number in range(count):
            address = f"127.98.0.{number + 1}"
            dropping = number % 2 == 0
            listener = stack.enter_context(socket.create_server((address, 0), backlog=0 if dropping else 100))
            place = listener.getsockname()
            with contextlib.suppress(TimeoutError):
                while dropping:
                    stack.enter_context(socket.create_connection(place, timeout=FULL_S))
            places.append(Place(f"hole{number + 1}", *place))
        yield places


def _remove() -> None:
    """Undo everything, also what an earlier run that was killed left behind."""
    for process in psutil.process_iter(["cmdline"]):
        if any(f"/tmp/{rig.PREFIX}" in word for word in process.info["cmdline"] or ()):  # noqa: S108
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
    for folder in Path(tempfile.gettempdir()).glob(f"{rig.PREFIX}*"):
        shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(KeyError):
        uid = pwd.getpwnam(USER).pw_uid
        found = [process for process in psutil.process_iter(["uids"]) if uid in (process.info["uids"] or ())]
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        until(lambda: all(ended(process.pid) for process in found), f"the end of all processes of {USER}")
        _run("userdel", "--remove", USER)
        shutil.rmtree(f"/tmp/tmux-{uid}", ignore_errors=True)  # noqa: S108


def _run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip()}")
