"""Which tmux server is meant: a socket that no stranger can have put there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxboard.config.load import valid_socket_path

if TYPE_CHECKING:
    from muxboard.config import Host
    from muxboard.hosts.way import Way


class SocketUnreadable(Exception):  # noqa: N818
    """The configured socket cannot be had or is a stranger's; the text says why."""


async def find_socket(way: Way, host: Host, user: str) -> str:
    """Return the path for ``tmux -S``, "" for the user's default server.

    A tmux server can make whoever attaches run its commands, so the socket must be root's or the tmux
    user's own; one that cannot be looked at is left to tmux.

    Raises:
        SocketUnreadable: With what is wrong.
        Unreached: The host cannot be asked.
    """
    if not host.tmux_socket and not host.tmux_socket_file:
        return ""
    owners = {0, await way.uid(user)}
    path = host.tmux_socket
    if host.tmux_socket_file:
        path = await _read(way, host.tmux_socket_file, owners | {await way.uid(way.login)})
    found = await way.look(path)
    if found is not None and found.uid not in owners:
        raise SocketUnreadable(f"The socket {path} belongs to another user (uid {found.uid}).")
    return path


async def _read(way: Way, path: str, owners: set[int | None]) -> str:
    """Return the first line of a file that only its owners can write."""
    found = await way.look(path)
    if found is None:
        raise SocketUnreadable(f"The socket file {path} cannot be read by {way.login}.")
    if found.kind != "-":
        raise SocketUnreadable(f"The socket file {path} is not a plain file.")
    if found.uid not in owners or found.shared:
        raise SocketUnreadable(f"The socket file {path} can be written by others.")
    socket = found.text.decode(errors="replace").split("\n", 1)[0]
    if not valid_socket_path(socket):
        raise SocketUnreadable(f"The socket file {path} does not begin with an absolute path of plain names.")
    return socket
