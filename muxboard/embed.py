"""muxboard inside another Tornado application.

::

    board = Muxboard(hosts=[Host(key="local", local=True)], authorize=token_gate(os.environ["TOKEN"]))
    app = Application([*board.handlers("/mux"), (r"/", Home)])
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, Self, cast

from muxboard.access.gates import CallableGate
from muxboard.access.principal import Principal
from muxboard.access.token import TokenGate
from muxboard.config import ConfigError
from muxboard.config.load import checked
from muxboard.config.schema import Grant, Host
from muxboard.config.secrets import MIN_TOKEN_CHARS
from muxboard.config.values import Secret
from muxboard.server import Service
from muxboard.web.app import table

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping
    from types import TracebackType

    from tornado.httputil import HTTPServerRequest
    from tornado.routing import URLSpec

    from muxboard.access.gate import Gate

    Authorize = Callable[[HTTPServerRequest], Principal | Awaitable[Principal | None] | None]

__all__ = ["ConfigError", "Grant", "Host", "Muxboard", "Principal", "token_gate"]

_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*/?")


def token_gate(token: str, name: str = "operator") -> TokenGate:
    """Return a gate that lets in whoever has one token, by a form on the page or as a bearer.

    Args:
        token: At least 16 characters.
        name: The principal's name.

    Raises:
        ValueError: The token is too short.
    """
    if len(token) < MIN_TOKEN_CHARS:
        raise ValueError(f"the token must hold at least {MIN_TOKEN_CHARS} characters")
    return TokenGate(Secret(token), name)


class Muxboard:
    """A board in another Tornado application.

    Begins to sweep with ``start``, or with the first request. The application's own loop runs it.

    Args:
        hosts: As ``[[hosts]]`` in the configuration file.
        authorize: Who asks: ``token_gate``; or a function, plain or a coroutine's, that gets Tornado's
            request and returns a ``Principal`` or None. It is asked at every request. One that raises or
            does not answer in 5 s lets nobody in. A plain function runs in a thread.
        grants: As ``[[grants]]``: what principals may do. A function's principals may do nothing without.
        tables: Other tables of the file, as mappings: ``server={"public_url": …}``, ``limits=…``, ``auth=…``
            for links. ``server.public_url`` or ``server.allowed_hosts`` is needed beyond loopback.

    Raises:
        ConfigError: With every error at once.
        FileNotFoundError: The page was not built.
    """

    def __init__(
        self,
        *,
        hosts: Iterable[Host],
        authorize: Gate | Authorize,
        grants: Iterable[Grant] = (),
        **tables: Mapping[str, Any],
    ) -> None:
        self._tables: dict[str, Any] = {
            **{name: dict(table) for name, table in tables.items()},
            "hosts": [_plain(host) for host in hosts],
            "grants": [_plain(grant) for grant in grants],
        }
        is_gate = hasattr(authorize, "identify")
        self._gate = cast("Gate", authorize) if is_gate else CallableGate(cast("Authorize", authorize))
        self._service: Service | None = None
        checked(self._tables, os.environ)

    def handlers(self, prefix: str = "/") -> list[URLSpec]:
        """Return the routes for an ``Application``, every one below a prefix such as ``/mux``. Once.

        Raises:
            ConfigError: The prefix cannot be one, or a link's issuer cannot be built.
            RuntimeError: They were handed out before.
        """
        if self._service is not None:
            raise RuntimeError("the handlers of this board were handed out already")
        if not _PREFIX.fullmatch(prefix):
            raise ConfigError([f"prefix: {prefix!r}: must be a path such as /mux"])
        base = f"/{prefix.strip('/')}/" if prefix.strip("/") else "/"
        server = {**self._tables.get("server", {}), "base_path": base}
        loaded = checked({**self._tables, "server": server}, os.environ)
        self._service = Service(loaded, os.environ, gate=self._gate)
        return table(self._service.services)

    async def start(self) -> None:
        """Begin to ask the hosts, before the first request does it. Idempotent.

        Raises:
            OSError: The audit file cannot be opened.
            RuntimeError: The handlers were not handed out yet.
        """
        if self._service is None:
            raise RuntimeError("put handlers() into an application first")
        self._service.begin()

    async def stop(self) -> None:
        """End all terminals and streams, within ``server.drain``, and let go of every host. Idempotent."""
        if self._service is not None:
            await self._service.stop()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


def _plain(struct: Host | Grant) -> dict[str, Any]:
    """Return a struct as it would stand in the file, to be checked like that."""
    fields = {name: getattr(struct, name) for name in struct.__struct_fields__}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in fields.items()
        if value is not None
    }
