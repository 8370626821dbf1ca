"""What all hosts share: threads, gates, jump connections, the folder for sockets, the askpass."""

from __future__ import annotations

import contextlib
import logging
import os
from typing import TYPE_CHECKING

from muxboard.config.address import Hop, parse_jumps
from muxboard.config.schema import HostSecrets
from muxboard.hosts import local
from muxboard.hosts.ssh import command
from muxboard.hosts.ssh.askpass import Askpass
from muxboard.hosts.ssh.attempt import Trust
from muxboard.hosts.ssh.command import Destination
from muxboard.hosts.ssh.connection import CONNECTS, DIALS, Connection, Gates
from muxboard.hosts.ssh.folder import Folder, clear, place
from muxboard.hosts.ssh.login import Login
from muxboard.hosts.ssh.remote import RemoteWay
from muxboard.hosts.way import Missing, TooMuch, Unreached
from muxboard.tasks import Threads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxboard.config import Config, Host

IO_THREADS = 12  # sending and taking in: short, unless a host stalls
CONNECT_THREADS = DIALS + CONNECTS  # log in, look names up, ask jumps to connect: each may wait for a host

logging.getLogger("paramiko").setLevel(logging.CRITICAL)  # what goes wrong is told by us, once


class Fleet:
    """Makes the ways to hosts that are not local, and keeps what they share."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._env = local.environment(environ)
        self.io = Threads("ssh-io", IO_THREADS)
        self._connects = Threads("ssh-connect", CONNECT_THREADS)
        self._gates = Gates()
        self._jumps: dict[tuple[object, ...], Connection] = {}
        self._vias: dict[Connection, Connection] = {}
        clear(place(environ))
        self._folder: Folder | None = None
        self._askpass: Askpass | None = None
        self._ssh: tuple[int, int] | None = None
        self._ssh_known = False

    def way(self, host: Host, config: Config, secrets: HostSecrets | None) -> RemoteWay:
        """Return the way to a host; it connects when it is first used."""
        destination = self.destination(host, config, secrets)
        via = None
        for index in range(len(destination.jumps)):
            via = self._jump(destination, index, via)
        connection = self._connection(destination.hop, destination, destination.login, via)
        sessions = host.max_sessions or config.ssh.max_sessions
        return RemoteWay(host.key, destination, connection, self, sessions)

    def destination(self, host: Host, config: Config, secrets: HostSecrets | None) -> Destination:
        """Return where a host is, with everything expanded."""
        secrets = secrets or HostSecrets()
        me = local.login_name()
        agent = self._environ.get("SSH_AUTH_SOCK", "")
        user = host.ssh_user or me
        key = self._path(host.key_file or config.ssh.key_file)
        if secrets.password is not None:
            login = Login(user, password=secrets.password)
            # A password is for the host alone; who stands on the way gets a key.
            by_key = Login(user, self._path(config.ssh.key_file), secrets.passphrase, None, agent)
        else:
            login = by_key = Login(user, key, secrets.passphrase, None, agent)
        jumps = tuple((hop, by_key._replace(user=hop.user or me)) for hop in parse_jumps(host.proxy_jump))
        return Destination(
            hop=Hop("", host.hostname, host.port),
            login=login,
            trust=Trust(
                tuple(self._path(path) for path in config.ssh.known_hosts),
                (host.host_keys or config.ssh.host_keys) == "accept-new",
            ),
            jumps=jumps,
            timeout_s=float(config.inventory.connect_timeout),
        )

    def _path(self, path: str) -> str:
        home = self._environ.get("HOME") or os.path.expanduser("~")  # noqa: PTH111
        return home + path[1:] if path[:1] == "~" else path

    def _connection(
        self, hop: Hop, destination: Destination, login: Login, via: Connection | None
    ) -> Connection:
        made = Connection(
            hop, login, destination.trust, via, self._connects, self._gates, destination.timeout_s
        )
        made.users = 1
        if via is not None:
            via.users += 1
            self._vias[made] = via
        return made

    def _jump(self, destination: Destination, index: int, via: Connection | None) -> Connection:
        """The connection to a jump host, which all hosts behind it share; ``users`` counts them."""
        key = (destination.jumps[: index + 1], destination.trust)
        found = self._jumps.get(key)
        if found is None:
            hop, login = destination.jumps[index]
            found = self._jumps[key] = self._connection(hop, destination, login, via)
            found.users = 0
        return found

    async def leave(self, connection: Connection) -> None:
        """Somebody needs a connection no more; the last one closes it."""
        connection.users -= 1
        if connection.users > 0:
            return
        await connection.close()
        self._jumps = {key: each for key, each in self._jumps.items() if each is not connection}
        if (via := self._vias.pop(connection, None)) is not None:
            await self.leave(via)

    # --- OpenSSH's ssh

    async def has_ssh(self, destination: Destination) -> bool:
        """Whether ssh is installed, and new enough for what it would have to ask."""
        if not self._ssh_known:
            with contextlib.suppress(Missing, TimeoutError, TooMuch, OSError):
                done = await local.run(["ssh", "-V"], self._env, timeout_s=5)
                self._ssh = command.version(done.stderr.decode(errors="replace"))
            self._ssh_known = True
        return self._ssh is not None and (
            self._ssh >= command.ASKPASS_SINCE or not command.secrets(destination)
        )

    async def ssh_environment(self, destination: Destination) -> tuple[dict[str, str], str]:
        """Return the environment of a host's ssh processes, and the ticket in it that is to be forgotten."""
        # ssh runs its ProxyCommand by $SHELL. The agent is for ssh, not for sessions.
        env = {**self._env, "SHELL": "/bin/sh"}
        if agent := self._environ.get("SSH_AUTH_SOCK", ""):
            env["SSH_AUTH_SOCK"] = agent
        answers = command.secrets(destination)
        if not answers:
            return env, ""
        if self._askpass is None:
            self._askpass = Askpass(self.folder())
        await self._askpass.open()
        ticket = self._askpass.ticket(answers)
        return {**env, **self._askpass.environment(ticket)}, ticket

    def forget(self, ticket: str) -> None:
        """A ticket's holder has ended."""
        if self._askpass is not None:
            self._askpass.forget(ticket)

    def folder(self) -> str:
        """Return our own folder for sockets, of mode 0700. Raises ``Unreached`` when it was replaced."""
        if self._folder is None:
            self._folder = Folder(place(self._environ))
        if not self._folder.sound:
            raise Unreached(
                "error", f"The folder {self._folder.path} is no longer the service's: restart it."
            )
        return self._folder.path

    async def close(self) -> None:
        """Let go of everything; the ways are closed before. Idempotent."""
        if self._askpass is not None:
            self._askpass.close()
        await self.io.close()
        await self._connects.close()
        if self._folder is not None:
            self._folder.close()
            self._folder = None
