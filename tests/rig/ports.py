"""Free ports, for programs that must be told one before they listen."""

from __future__ import annotations

import socket


def free_ports(count: int) -> list[int]:
    """Return different loopback ports that nobody listens on now."""
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()


def listens(port: int) -> bool:
    """Whether somebody listens on a loopback port."""
    with socket.socket() as trial:
        trial.settimeout(1)
        return trial.connect_ex(("127.0.0.1", port)) == 0
