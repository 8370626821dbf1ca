"""What plain commands tell about tmux on a host, purely: where it is, how old, where its servers listen."""

from __future__ import annotations

import re
from typing import NamedTuple

OLDEST_TMUX = (3, 2)
# sudo looks for tmux in the system's folders, whatever the login user's PATH is.
_FIND = """
command -v tmux || echo
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$PATH
command -v tmux
"""
FIND_TMUX = ["sh", "-c", _FIND]
_PLAIN_PATH = re.compile(r"(/[A-Za-z0-9._+-]+)+")  # nothing that a sudoers line would have to escape
_MARK = "--muxboard--"
_LISTENS = 0x10000
_SERVER = re.compile(r"\s*\d+\s+\d+ tmux: server\s*")
_FIELDS = 8  # of a line of /proc/net/unix that has a path
# $1 is a user, $2 a socket's path. /proc/net/unix lists sockets of every mount namespace.
_LOOK = f"""
ps -u "$1" -o pid= -o ppid= -o comm= 2>/dev/null
echo {_MARK}
grep -F -- "$2" /proc/net/unix 2>/dev/null
echo {_MARK}
grep -F ' /tmp ' /proc/self/mountinfo 2>/dev/null
"""


class Found(NamedTuple):
    """Where tmux is. ``path`` is the one that sudo would take; either is "" where there is none."""

    on_path: str
    path: str


def found(output: bytes) -> Found:
    """Return what ``FIND_TMUX`` printed."""
    lines = [*output.decode(errors="replace").split("\n"), "", ""]
    on_path, path = (line if _PLAIN_PATH.fullmatch(line) else "" for line in lines[:2])
    return Found(on_path, path or on_path)


def version(output: bytes) -> str | None:
    """Return the version in what ``tmux -V`` printed, such as ``3.3a``; None when it is not tmux's."""
    match = re.match(rb"tmux ([A-Za-z0-9._-]{1,20})\s*$", output)
    return match[1].decode() if match else None


def too_old(version: str) -> bool:
    """Whether a version lacks what is needed; one without a number, such as ``master``, does not."""
    match = re.match(r"(?:next-)?(\d{1,4})\.(\d{1,4})", version)
    return match is not None and (int(match[1]), int(match[2])) < OLDEST_TMUX


def missing_socket(stderr: str) -> str | None:
    """Return the path at which tmux saw no socket at all."""
    match = re.search(r"error connecting to (/.{1,120}) \(No such file or directory\)", stderr)
    return match[1] if match else None


def look_for_server(user: str, path: str) -> list[str]:
    """Return the command that tells whether a user's server listens on a socket that cannot be seen."""
    return ["sh", "-c", _LOOK, "sh", user, path]


class Server(NamedTuple):
    """A tmux server whose socket cannot be seen.

    Attributes:
        pid: Of the user's tmux server; "" where no process can be seen.
        private: Whether our own /tmp is one that systemd made for us.
    """

    pid: str
    private: bool


def hidden_server(output: bytes, path: str) -> Server | None:
    """Return the server that ``look_for_server`` found; None when there is none after all."""
    parts = output.decode(errors="replace").split(f"{_MARK}\n")
    if len(parts) != 3:  # noqa: PLR2004
        return None
    processes, sockets, mounts = (part.splitlines() for part in parts)
    parents = dict(line.split()[:2] for line in processes if _SERVER.fullmatch(line))
    servers = [pid for pid, parent in parents.items() if parent not in parents]  # a pane to be is its child
    private = any(_made_by_systemd(line.split(" ")) for line in mounts)
    listens = any(_listens(line.split(maxsplit=_FIELDS - 1), path) for line in sockets)
    if listens or (private and servers):
        return Server(servers[0] if len(servers) == 1 else "", private)
    return None


def _made_by_systemd(mount: list[str]) -> bool:
    root, point = (mount[3], mount[4]) if len(mount) > 4 else ("", "")  # noqa: PLR2004
    return point == "/tmp" and "systemd-private-" in root  # noqa: S108


def _listens(fields: list[str], path: str) -> bool:
    try:
        return len(fields) == _FIELDS and fields[-1] == path and bool(int(fields[3], 16) & _LISTENS)
    except ValueError:
        return False
