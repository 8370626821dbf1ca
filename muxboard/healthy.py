"""Whether the service that runs beside us is alive: what a container's HEALTHCHECK asks every few seconds.

Of the configuration it reads ``[server]`` alone, so that neither a secret that only the service has nor an
edit elsewhere in the file that waits for a reload makes a running service look ill.
"""

from __future__ import annotations

import json
import socket
import tomllib
from typing import TYPE_CHECKING, Any

from muxboard.config.decode import decode
from muxboard.config.load import find
from muxboard.config.schema import Server
from muxboard.config.values import Bind

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT_S = 4.0  # for each step; the image's HEALTHCHECK waits 5 s in all
MAX_ANSWER_BYTES = 4096


class Unhealthy(Exception):  # noqa: N818  a state, as Problem is
    """It is not, or cannot be asked; the text says why, on one line."""


def ask(explicit: str | None, environ: Mapping[str, str], bind: str | None = None) -> str:
    """Return the address that answered.

    Args:
        explicit: The file named with ``-c``.
        environ: As ``serve`` had it; ``MUXBOARD_BIND`` overrides the file.
        bind: Overrides both (``--bind``).

    Raises:
        Unhealthy: Nothing answers there, or something else does.
    """
    server = _server(explicit, environ, bind)
    if server.metrics_bind:
        address, path = _parsed("server.metrics_bind", server.metrics_bind), "/healthz"
    else:
        address, path = server.bind, f"{server.base_path}healthz"
    if not address.path and not address.port:
        raise Unhealthy(f"{address} is another port at each start: name one")
    try:
        status, body = _get(address, path)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise Unhealthy(f"{address} does not answer: {' '.join(why.split())}") from error
    if status != "200":
        raise Unhealthy(f"{address} answers {status} to {path}")
    if _status(body) != "ok":
        raise Unhealthy(f"{address} is not muxboard's: it answers something else to {path}")
    return str(address)


def _get(address: Bind, path: str) -> tuple[str, str]:
    """One request, written by hand: http.client alone takes as long to import as all the rest."""
    if address.path:
        host, link = "localhost", socket.socket(socket.AF_UNIX)
        link.settimeout(TIMEOUT_S)
    else:
        host = f"{address.url_host}:{address.port}"  # a name that the service answers to
        link = socket.create_connection((address.url_host.strip("[]"), address.port), TIMEOUT_S)
    with link:
        if address.path:
            link.connect(address.path)
        link.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        with link.makefile("rb") as answer:
            head, _, body = answer.read(MAX_ANSWER_BYTES).decode("latin1").partition("\r\n\r\n")
    protocol, _, rest = head.partition(" ")
    if not protocol.startswith("HTTP/"):
        raise ValueError("it does not speak HTTP")
    return rest[:3], body


def _server(explicit: str | None, environ: Mapping[str, str], bind: str | None) -> Server:
    path = find(explicit, environ)
    data: dict[str, Any] = {}
    if path is not None:
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise Unhealthy(f"{path}: {getattr(error, 'strerror', None) or 'is not TOML'}") from error
    table = data.get("server", {})
    if isinstance(table, dict) and (given := bind or environ.get("MUXBOARD_BIND")):
        table = {**table, "bind": given}
    errors: list[tuple[str, str]] = []
    server: Server = decode(Server, table, "server", errors)
    if errors:
        raise Unhealthy("; ".join(f"{where}: {why}" for where, why in errors))
    return server


def _parsed(where: str, text: str) -> Bind:
    try:
        return Bind.parse(text)
    except ValueError as error:
        raise Unhealthy(f"{where}: must {error}") from error


def _status(body: str) -> object:
    try:
        told = json.loads(body)
    except ValueError:
        return None
    return told.get("status") if isinstance(told, dict) else None
