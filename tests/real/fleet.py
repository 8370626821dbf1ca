"""A service over real sshds, and what a test asks of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tests.rig import toml
from tests.rig.waiting import until
from tests.web.harness import Socket

if TYPE_CHECKING:
    from pathlib import Path

    from tests.rig.service import Service
    from tests.rig.sshd import Sshd


def ssh_host(key: str, sshd: Sshd, user: str, **fields: Any) -> dict[str, Any]:
    """An entry of ``[[hosts]]`` for a server of the rig."""
    return {"key": key, "hostname": "127.0.0.1", "port": sshd.port, "ssh_user": user, **fields}


def config(known_hosts: Path, key_file: Path, *hosts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "ssh": {"known_hosts": [str(known_hosts)], "key_file": str(key_file)},
        "inventory": {"connect_timeout": "5s", "command_timeout": "2s"},
        "hosts": list(hosts),
        **more,
    }


def rewrite(service: Service, content: dict[str, Any]) -> None:
    """Change the service's configuration file, but for where it listens."""
    server = {"bind": "127.0.0.1:0", "drain": "3s", **content.get("server", {})}
    service.config_file.write_text(toml.dumps({**content, "server": server}))


def hosts(service: Service) -> dict[str, Any]:
    """Every host of the inventory by its key."""
    shown = service.request("GET", "/api/v1/inventory").json()["hosts"]
    return {host["key"]: host for host in shown}


def settled(service: Service) -> dict[str, Any]:
    """The same when every host has been asked."""

    def all_asked() -> dict[str, Any] | None:
        found = hosts(service)
        return found if all(host["state"] != "pending" for host in found.values()) else None

    return until(all_asked, "an answer of every host", seconds=30)


def swept(service: Service, key: str) -> dict[str, Any]:
    """A host after a sweep that began now."""
    before = hosts(service)[key]["checked_at"]
    assert service.request("POST", "/api/v1/refresh", json={"host": key}).status == 202
    return until(
        lambda: found if (found := hosts(service)[key])["checked_at"] > before else None,
        "a sweep",
        seconds=30,
    )


def users(host: dict[str, Any]) -> dict[str, Any]:
    return {user["name"]: user for user in host["users"]}


def names(user: dict[str, Any]) -> list[str]:
    return [session["name"] for session in user["sessions"]]


def path(host: str, user: str, *more: str) -> str:
    parts = [quote(part, safe="") for part in more]
    return "/".join([f"/api/v1/hosts/{host}/users/{user}/sessions", *parts])


async def attach(service: Service, host: str, user: str, session: str, mode: str = "control") -> Socket:
    """Open a terminal and connect to it."""
    body = {"host": host, "user": user, "session": session, "mode": mode, "cols": 80, "rows": 24}
    answer = service.request("POST", "/api/v1/terminals", json=body)
    assert answer.status == 201, answer
    socket = await Socket.connect(
        service.port,
        f"/api/v1/terminals/{answer.json()['id']}/socket",
        {"Authorization": f"Bearer {service.token}"},
    )
    assert socket.status == 101
    return socket


async def typing(service: Service, host: str, user: str, session: str) -> Socket:
    """The same, once what is typed comes back."""
    socket = await attach(service, host, user, session)
    await socket.echoes()
    return socket
