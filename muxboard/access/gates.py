"""The gates that need no key of a proxy: a header, another application's cookie, nothing, a callable."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import logging
import time
from typing import TYPE_CHECKING, Any

from itsdangerous import BadPayload, BadSignature, SignatureExpired, URLSafeTimedSerializer
from msgspec.structs import replace

from muxboard.access.gate import Asked, Denied, Gate
from muxboard.access.jwt import EXPIRED
from muxboard.access.principal import Principal, shown
from muxboard.access.proxied import groups
from muxboard.tasks import Strangers

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxboard.config.schema_auth import CookieGate as CookieConfig
    from muxboard.config.schema_auth import HeaderGate as HeaderConfig
    from muxboard.config.values import Secret

log = logging.getLogger("muxboard.access")

CALL_S = 5.0
# What says nothing of its end holds for so long after it was last shown: the page shows it again in time, and
# whoever has logged out in front of us loses what they had opened.
SHOWN_S = 900.0
MAX_CALLS = 32  # at once; more that hang would be more threads
LONGEST_S = 10 * 365 * 86400.0
_NAMES = ("name", "user", "username", "email", "sub")


class HeaderGate(Gate):
    """Believes a header, from trusted proxies alone; from anybody else it is a lie and refused as such."""

    name = "header"
    hint = "Come through the proxy in front of this service: it logs you in."

    def __init__(self, config: HeaderConfig) -> None:
        self._config = config

    async def identify(self, asked: Asked) -> Principal | None:
        value = asked.header(self._config.header)
        listed = asked.header(self._config.groups_header) if self._config.groups_header else None
        if value is None and listed is None:
            return None
        if not asked.from_proxy:
            raise Denied("not from a trusted proxy")
        name = shown(value)
        if not name:
            raise Denied("no name")
        if "," in name:  # a proxy between has joined two headers: one of them is not the proxy's in front
            raise Denied("joined header")
        found = groups([part.strip(" \t") for part in (listed or "").split(",")])
        return Principal(name, self.name, found, expires_at=time.time() + SHOWN_S)


class CookieGate(Gate):
    """Believes a cookie that another application has signed with itsdangerous."""

    name = "cookie"
    hint = "Log in to the application that this service belongs to."

    def __init__(self, config: CookieConfig, secret: Secret) -> None:
        self._config = config
        self._serializer = URLSafeTimedSerializer(secret.reveal(), salt=config.salt)

    async def identify(self, asked: Asked) -> Principal | None:
        value = asked.cookies.get(self._config.name)
        if value is None:
            return None
        max_age = int(min(self._config.max_age, LONGEST_S))
        try:
            said, signed = self._serializer.loads(value, max_age=max_age, return_timestamp=True)
        except SignatureExpired as error:
            raise Denied("expired") from error
        except BadSignature as error:
            raise Denied("signature") from error
        except BadPayload as error:
            raise Denied("malformed") from error
        facts = said if isinstance(said, dict) else {"name": said}
        name = next((text for key in _NAMES if (text := shown(facts.get(key)))), "")
        if not name:
            raise Denied("no name")
        return Principal(
            name, self.name, groups(facts.get("groups")), expires_at=signed.timestamp() + max_age
        )


class NoGate(Gate):
    """Lets everybody in."""

    name = "none"
    hint = ""

    async def identify(self, asked: Asked) -> Principal | None:  # noqa: ARG002
        return Principal("anybody", self.name)


class CallableGate(Gate):
    """Asks a function of the operator's. One that raises, hangs or returns something else lets nobody in.

    Args:
        authorize: Gets Tornado's request; returns a ``Principal`` or None, or is a coroutine function that
            does. A plain function runs in a thread, so that it may wait.
    """

    name = "callable"
    hint = "You are not let in here."

    def __init__(self, authorize: Callable[[Any], Any]) -> None:
        self._authorize = authorize
        self._threads = Strangers("authorize", MAX_CALLS)

    async def identify(self, asked: Asked) -> Principal | None:
        try:
            async with asyncio.timeout(CALL_S):
                found = await self._call(asked.request)
        except (TimeoutError, BlockingIOError) as error:
            log.error("the gate's callable did not answer within %g s", CALL_S)  # noqa: TRY400  no traceback
            raise Denied("the callable did not answer") from error
        except Exception as error:
            log.exception("the gate's callable failed")
            raise Denied("the callable failed") from error
        if found is None:
            return None
        if isinstance(found, Principal):
            if not shown(found.name):
                raise Denied("no name")
            if found.expires_at is not None and not found.expires_at > time.time():
                raise Denied(EXPIRED)
            # Other gates' names mean other rights, and links are ours to give.
            until = time.time() + SHOWN_S if found.expires_at is None else found.expires_at
            return replace(found, gate=self.name, login="", links=(), via="", expires_at=until)
        log.error("the gate's callable returned %s, not a Principal", type(found).__name__)
        raise Denied("not a principal")

    async def _call(self, request: Any) -> Any:
        called = getattr(self._authorize, "__call__", None)  # noqa: B004  objects may be coroutine functions too
        if inspect.iscoroutinefunction(self._authorize) or inspect.iscoroutinefunction(called):
            return await self._authorize(request)
        found = await self._threads.run(self._authorize, request)
        return await found if inspect.isawaitable(found) else found


def load_callable(name: str) -> Callable[[Any], Any]:
    """Return the callable ``package.module:name``.

    Raises:
        ValueError: There is none.
    """
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"cannot be imported: {error}") from error
    if not callable(found):
        raise ValueError("is not callable")  # noqa: TRY004
    return found  # type: ignore[no-any-return]
