"""The product's own hosts over ssh, on the test's loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxboard.config import Host
from muxboard.config.schema import Config, HostSecrets, Inventory, Ssh
from muxboard.config.values import Duration
from muxboard.hosts.managed import ManagedHost
from muxboard.hosts.ssh.fleet import Fleet

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class Hosts:
    """Makes hosts that share one fleet.

    Args:
        folder: Where its known_hosts file and its home are.
        environ: What the service would have of its environment.
    """

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.home = folder / "home"
        self.home.mkdir()
        self.known_hosts = folder / "known_hosts"
        self.known_hosts.touch()
        self.environ = {**environ, "HOME": str(self.home)}
        self.fleet = Fleet(self.environ)
        self.made: list[ManagedHost] = []

    def __call__(
        self,
        server: Any = None,
        user: str = "",
        *,
        secrets: HostSecrets | None = None,
        connect_s: float = 5,
        command_s: float = 5,
        ssh: Mapping[str, Any] | None = None,
        **fields: Any,
    ) -> ManagedHost:
        """Make a host at a server of the rig, with fields of ``[[hosts]]``; ``ssh`` is of ``[ssh]``."""
        given = {
            "key": f"h{len(self.made)}",
            "hostname": getattr(server, "addresses", ["127.0.0.1"])[0],
            "ssh_user": user,
        }
        if server is not None:
            given["port"] = server.port
        given |= {name: str(value) if name == "key_file" else value for name, value in fields.items()}
        inventory = Inventory(connect_timeout=Duration(connect_s), command_timeout=Duration(command_s))
        config = Config(
            inventory=inventory,
            ssh=Ssh(known_hosts=[str(self.known_hosts)], **(ssh or {})),
            hosts=[Host(**given)],
        )
        way = self.fleet.way(config.hosts[0], config, secrets)
        self.made.append(ManagedHost(config.hosts[0], inventory, way))
        return self.made[-1]

    def trust(self, *lines: str) -> None:
        """Write known hosts."""
        with self.known_hosts.open("a") as file:
            file.write("".join(lines))

    async def close(self) -> None:
        for host in self.made:
            await host.close()
        await self.fleet.close()
