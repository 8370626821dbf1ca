"""Attaches to a host without OpenSSH's ssh: a child that does on its PTY what ``ssh -tt`` does, by paramiko.

It logs in anew, so it is slower; it is for machines that have no ssh, or one too old to be handed a secret.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import struct
import sys
import termios
from typing import TYPE_CHECKING, Any

from muxboard.config.address import Hop
from muxboard.config.values import Secret
from muxboard.hosts.ssh import command
from muxboard.hosts.ssh.askpass import ask
from muxboard.hosts.ssh.attempt import Trust
from muxboard.hosts.ssh.connection import Connection, Gates
from muxboard.hosts.ssh.login import Login
from muxboard.hosts.way import Unreached
from muxboard.tasks import Threads

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import paramiko

    from muxboard.hosts.ssh.command import Destination

READ_BYTES = 1 << 15
STATUS_S = 5.0


def start(
    destination: Destination, argv: Sequence[str], env: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """Return argv and environment of this program for one attach. No secret is in either."""

    def plain(hop: Hop, login: Login) -> list[Any]:
        return [
            list(hop),
            [login.user, login.key_file, login.agent, bool(login.passphrase), bool(login.password)],
        ]

    job = {
        "hops": [plain(*jump) for jump in destination.jumps] + [plain(destination.hop, destination.login)],
        "files": destination.trust.files,
        "timeout_s": destination.timeout_s,
        "command": command.remote(argv),
    }
    paths = os.pathsep.join(path for path in sys.path if path)
    return (
        [sys.executable, "-m", "muxboard.hosts.ssh.client"],
        {**env, "PYTHONPATH": paths, "MUXBOARD_JOB": json.dumps(job)},
    )


def _login(hop: Hop, plain: list[Any]) -> Login:
    user, key_file, agent, locked, by_password = plain
    where = os.environ.get("MUXBOARD_ASKPASS", "")
    passphrase = Secret(ask(where, f"Enter passphrase for key '{key_file[:100]}':")) if locked else None
    password = Secret(ask(where, f"{user}@{hop.hostname}'s password:")) if by_password else None
    return Login(user, key_file, passphrase, password, agent)


async def _connected(job: dict[str, Any], threads: Threads) -> tuple[list[Connection], paramiko.Channel]:
    via: Connection | None = None
    made: list[Connection] = []
    for place, plain in job["hops"]:
        hop = Hop(*place)
        trust = Trust(tuple(job["files"]), accept_new=False)
        via = Connection(hop, _login(hop, plain), trust, via, threads, Gates(), job["timeout_s"])
        made.append(via)
    transport = await made[-1].transport()
    channel = await threads.run(lambda: transport.open_session(timeout=job["timeout_s"]))
    rows, cols = _size()
    channel.get_pty(os.environ.get("TERM", "xterm-256color"), cols, rows)
    channel.exec_command(job["command"])
    return made, channel


def _size() -> tuple[int, int]:
    found = fcntl.ioctl(0, termios.TIOCGWINSZ, b"\0" * 8)
    rows, cols, _, _ = struct.unpack("HHHH", found)
    return rows, cols


def _type(channel: paramiko.Channel) -> None:
    """In a thread: what is typed goes to the host, until there is no more."""
    with contextlib.suppress(OSError):
        while data := os.read(0, READ_BYTES):
            channel.sendall(data)


def _show(channel: paramiko.Channel) -> None:
    """What the host prints goes to the PTY."""
    with contextlib.suppress(OSError):
        while data := channel.recv(READ_BYTES):
            view = memoryview(data)
            while view:
                view = view[os.write(1, view) :]


def _status(channel: paramiko.Channel) -> int:
    channel.status_event.wait(STATUS_S)
    return int(channel.exit_status)


async def _main() -> int:
    job = json.loads(os.environ.pop("MUXBOARD_JOB"))
    threads = Threads("ssh", 6)
    try:
        made, channel = await _connected(job, threads)
    except Unreached as error:
        os.write(2, f"{error.problem}\r\n".encode())
        return command.LOST
    loop = asyncio.get_running_loop()

    def resize() -> None:
        rows, cols = _size()
        channel.resize_pty(cols, rows)

    loop.add_signal_handler(signal.SIGWINCH, threads.start, resize)
    threads.start(resize)  # it may have changed since it was told
    threads.start(_type, channel)
    await threads.run(_show, channel)
    # The status comes between the end of the output and the close; without a connection it is -1.
    exit_code = await threads.run(_status, channel)
    for connection in reversed(made):
        connection.drop()
    return exit_code if exit_code >= 0 else command.LOST


if __name__ == "__main__":
    code = asyncio.run(_main())
    sys.stdout.flush()
    os._exit(code)  # the thread that reads the PTY would hold an ordinary exit up
