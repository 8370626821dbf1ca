"""Which tmux server is meant: a socket that no stranger can have put there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxboard.config.load import valid_socket_path
from muxboard.hosts.way import steps

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from muxboard.config import Host
    from muxboard.hosts.way import Looked, Way


class SocketUnreadable(Exception):  # noqa: N818
    """The configured socket cannot be had or is a stranger's; the text says why."""


class NoSocket(SocketUnreadable):
    """There is none, in a folder where anybody may put one."""

    def __init__(self, path: str, user: str) -> None:
        super().__init__(
            f"There is no socket {path}, and anybody may put one into its folder: start the first session "
            f"on the host as {user}, or name a socket in a folder of {user}'s own."
        )
        self.path = path


async def find_socket(way: Way, host: Host, user: str) -> str:
    """Return the path for ``tmux -S``, "" for the user's default server.

    A tmux server can make whoever attaches run its commands, so the socket must be root's or the tmux
    user's own, and on the way to it nobody else may put another in its place. What is in a folder of theirs
    that cannot be looked into is left to tmux.

    Raises:
        SocketUnreadable: With what is wrong.
        Unreached: The host cannot be asked.
    """
    if not host.tmux_socket and not host.tmux_socket_file:
        return ""
    owners = {0, await way.uid(user)}
    trusted = owners | {await way.uid(way.login)}  # they may run tmux as the user anyway
    path = host.tmux_socket
    if host.tmux_socket_file:
        path = await _read(way, host.tmux_socket_file, trusted)
    trail = await way.trail(path)
    if not _safe("socket", path, trail, trusted):
        raise NoSocket(path, user)
    for found in (trail[len(steps(path)) - 1], trail[-1]):
        if found is not None and found.uid not in owners:
            raise SocketUnreadable(f"The socket {path} belongs to another user (uid {found.uid}).")
    return path


async def _read(way: Way, path: str, trusted: Collection[int | None]) -> str:
    """Return the first line of a file that only those can write."""
    there = _safe("socket file", path, await way.trail(path), trusted)
    found = await way.look(path) if there else None
    if found is None:
        raise SocketUnreadable(f"The socket file {path} cannot be read by {way.login}.")
    if found.kind != "-":
        raise SocketUnreadable(f"The socket file {path} is not a plain file.")
    if found.uid not in trusted or found.shared:
        raise SocketUnreadable(f"The socket file {path} can be written by others.")
    socket = found.text.decode(errors="replace").split("\n", 1)[0]
    if not valid_socket_path(socket):
        raise SocketUnreadable(f"The socket file {path} does not begin with an absolute path of plain names.")
    return socket


def _safe(what: str, path: str, trail: Sequence[Looked | None], trusted: Collection[int | None]) -> bool:
    """Return whether nobody else decides what is at a path; False: it is not there, and anybody may make it.

    Raises:
        SocketUnreadable: A stranger can put another in its place.
    """
    names = steps(path)
    if len(trail) < len(names) or trail[0] is None:
        raise SocketUnreadable(f"The way to the {what} {path} cannot be looked at.")
    led_to = ["a folder that a link leads to"] * (len(trail) - len(names))
    for way, places in ((trail[: len(names)], names), (trail[len(names) :], led_to)):
        for place, folder, inner in zip(places, way, way[1:], strict=False):
            if folder is None:
                break
            if folder.uid not in trusted:
                raise SocketUnreadable(
                    f"On the way to the {what} {path}, {place} belongs to another user (uid {folder.uid})."
                )
            if folder.kind == "d" and folder.shared and not folder.sticky:
                raise SocketUnreadable(
                    f"On the way to the {what} {path}, {place} can be written by others: chmod go-w, or +t."
                )
            if inner is None and folder.shared:
                return False
    return True
