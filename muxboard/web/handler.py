"""The closed base classes of every handler.

A handler says in ``access`` what each of its methods needs; a method that is not listed there does not
exist. Before a method runs: the host is one that we answer to, the caller is known, an ambient
credential comes from a page of ours, and the rate is kept. What goes wrong is a problem.
"""

from __future__ import annotations

import base64
import contextlib
import enum
import logging
import secrets
import time
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, TypeVar, cast

import msgspec
import tornado.web
import tornado.websocket

from muxboard.access.gate import Denied, Unavailable
from muxboard.access.jwt import EXPIRED
from muxboard.access.token import TokenGate
from muxboard.config.decode import decode
from muxboard.config.values import Rate
from muxboard.problems import Code, FieldError, Problem
from muxboard.records.audit import Line
from muxboard.records.log import request_id as current_request
from muxboard.web import caller, cookie
from muxboard.web.views import FieldErrorView, ProblemView

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from muxboard.access.grants import Need
    from muxboard.access.principal import Principal
    from muxboard.hosts.managed import ManagedHost
    from muxboard.records.audit import Event
    from muxboard.terminals.messages import TerminalMode
    from muxboard.web.services import Services

log = logging.getLogger("muxboard.web")
T = TypeVar("T")

NO_HOST = "There is no such host."
EXPIRED_LINES = Rate(6, 60)  # audit lines for one client's expired tokens
PING_INTERVAL_S = 20.0
PING_TIMEOUT_S = 20.0  # so a silent peer is dropped 40 s after its last sign of life, within 45
INPUT_FRAME_BYTES = 4 << 20  # a paste may come in one frame
LINK_PROTOCOL = "muxboard.bearer."  # before a link's bearer in base64url, where a page cannot send a header
BODY_BYTES = 64 * 1024  # of a JSON request: the longest command and path fit many times
BODY_FIELDS = 32
API_CSP = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": API_CSP,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
_STATUS_CODES = {400: Code.invalid, 404: Code.not_found, 405: Code.method_not_allowed, 413: Code.too_large}


class Access(enum.Enum):
    """What a method needs."""

    public = "public"  # nothing: the page's own files, health, login
    principal = "principal"  # somebody known
    change = "change"  # the same; changes something or asks a host, so it is rated
    stream = "stream"  # the same as principal; a GET that holds on, so its origin is checked


class Guard(tornado.web.RequestHandler):
    """What HTTP handlers and sockets have in common."""

    access: ClassVar[dict[str, Access]] = {}
    services: Services
    principal: Principal

    def initialize(self, services: Services, *, any_host: bool = False) -> None:
        self.services = services
        self._any_host = any_host  # a listener of its own, for probes that know only an address
        self.request_id = secrets.token_hex(8)
        current_request.set(self.request_id)

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        for name, value in _HEADERS.items():
            self.set_header(name, value)

    def check_xsrf_cookie(self) -> None:
        """Nothing: where another application's settings ask for it, its token is not ours, and ``prepare``
        looks at the origin."""

    async def prepare(self) -> None:
        """Refuse whatever must not come as far as the method."""
        services = self.services
        request = self.request
        self.set_header("Muxboard-Request-Id", self.request_id)
        services.begin()
        self.seen = services.origins.see(request.remote_ip or "", request.protocol, request.headers)
        if not (self._any_host or services.origins.answers_to(self.seen)):
            raise Problem(Code.host_refused, "Add the name to server.allowed_hosts or set server.public_url.")
        access = self.access.get(request.method or "")
        if access is None:
            raise Problem(Code.method_not_allowed)
        if access is Access.public:
            safe = request.method in {"GET", "HEAD"}
            by_page = "Origin" in request.headers or services.origins.foreign(request.headers)
            if not safe and by_page and not services.origins.allows(self.seen, request.headers):
                raise Problem(Code.origin_refused)
            if not safe:
                await services.sessions.ready()
            return
        await services.sessions.ready()
        self.principal = await self._identify()
        safe = request.method in {"GET", "HEAD"} and access is not Access.stream
        if self.principal.ambient:
            foreign = services.origins.foreign(request.headers)
            allowed = services.origins.allows(self.seen, request.headers, request.method)
            if not allowed and (foreign or not safe):
                raise Problem(Code.origin_refused)
        if access is Access.change:
            await self.rate()

    async def _identify(self) -> Principal:
        """Return who is asking. Raises ``unauthenticated`` when nobody is."""
        principal = await self.whoever()
        if principal is None:
            raise Problem(Code.unauthenticated, self.services.gate.hint)
        return principal

    async def whoever(self) -> Principal | None:
        """Return who is asking, None where nobody says who they are. What is shown is believed, or refused
        as a whole."""
        services = self.services
        if isinstance(services.gate, TokenGate) and "Authorization" in self.request.headers:
            await self.check_failures()  # before it is looked at: it could be a guess
        try:
            principal = await caller.find(services, self.request, self.seen)
        except Unavailable as error:
            raise Problem(Code.registry_unavailable, "Logins cannot be checked now; try again.") from error
        except Denied as error:
            await self.check_failures()
            await self.deny(str(error))
        if principal is not None:
            services.attacher.fresher(principal)
            for stream in services.streams:
                stream.fresher(principal)
        return principal

    async def check_failures(self) -> None:
        """Refuse a client that has failed too often, before its credential is looked at."""
        limit = self.services.config.limits.login_failures
        wait = await self.services.registry.over("login", self.seen.network, limit)
        if wait is not None:
            await self._note_limit("login", self.seen.network, limit)
            raise Problem(Code.rate_limited, "Too many failed logins from here.", retry_after=wait)

    async def deny(self, reason: str) -> NoReturn:
        """Count a failed credential and refuse. The reason is for the audit line, never for the caller."""
        registry, network = self.services.registry, self.seen.network
        if reason == EXPIRED:  # its signature is right: a page that asks again and again, and guesses nothing
            if await self.services.here.hit("lines about expired", network, EXPIRED_LINES) is None:
                self.note("auth.denied", "refused", reason)
        else:
            await registry.hit("login", network, self.services.config.limits.login_failures)
            self.note("auth.denied", "refused", reason)
        raise Problem(Code.unauthenticated, self.services.gate.refusal)

    def keep(self, name: str, said: str, expires_at: float | None) -> None:
        """Set a cookie of ours; "" clears it."""
        framed = bool(self.services.config.server.frame_ancestors)
        value = cookie.sign(self.services.sessions, said) if said else ""
        self.add_header("Set-Cookie", cookie.header(self.seen, name, value, expires_at, framed=framed))

    async def rate(self) -> None:
        limit = self.services.config.limits.requests
        wait = await self.services.registry.hit("requests", self.principal.key, limit)
        if wait is not None:
            await self._note_limit("requests", self.principal.key, limit)
            raise Problem(Code.rate_limited, retry_after=wait)

    async def _note_limit(self, what: str, who: str, limit: Rate) -> None:
        """One line for each window: who is over the limit must not fill the disk as well."""
        if await self.services.here.hit(f"lines about {what}", who, Rate(1, limit.seconds)) is None:
            self.note("rate.limited", "refused", what)

    def note(
        self,
        event: Event,
        result: str,
        code: str | None = None,
        *,
        gate: str = "",
        host: str | None = None,
        user: str | None = None,
        session: str | None = None,
        mode: TerminalMode | None = None,
    ) -> None:
        """Write the audit line of what this request did or was refused. ``gate`` is the one by which nobody
        has come yet, by default the service's; the rest is what it is about."""
        principal: Principal | None = getattr(self, "principal", None)
        self.services.audit.note(
            Line(
                event=event,
                result=result,
                code=code,
                principal=principal.name if principal else None,
                gate=principal.gate if principal else gate or self.services.gate.name,
                client=self.seen.client,
                host=host,
                user=user,
                session=session,
                mode=mode,
                request_id=self.request_id,
            )
        )

    def host(self, key: str) -> ManagedHost:
        """Return a configured host. Raises ``not_found``."""
        host = self.services.sweeper.hosts.get(key)
        if host is None:
            raise Problem(Code.not_found, NO_HOST)
        return host

    def reach(self, host: ManagedHost, user: str, need: Need, session: str | None = None) -> None:
        """Refuse an unknown tmux user (``not_found``) and one out of reach (``forbidden``)."""
        if user not in host.users:
            raise Problem(Code.not_found, "There is no such tmux user.")
        if not self.services.grants.allows(self.principal, need, host.config.key, user, session):
            raise Problem(
                Code.forbidden, f"You may not {need.value} sessions of {user} on {host.config.key}."
            )

    # --- answers

    def answer(self, value: Any, status: int = 200) -> None:
        """Answer with JSON."""
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        self.write(msgspec.json.encode(value))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Answer with problem details, whatever went wrong."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        problem = (
            error if isinstance(error, Problem) else Problem(_STATUS_CODES.get(status_code, Code.internal))
        )
        self.services.metrics.denied.labels(problem.code.name).inc()
        self.set_status(problem.code.status)
        self.set_header("Muxboard-Request-Id", self.request_id)  # what was set before is cleared by now
        self.set_header("Content-Type", "application/problem+json")
        if problem.retry_after is not None:
            self.set_header("Retry-After", str(int(problem.retry_after + 0.999)))
        if problem.code is Code.unauthenticated:
            self.set_header("WWW-Authenticate", 'Bearer realm="muxboard"')
        view = ProblemView(
            type=f"urn:muxboard:problem:{problem.code.name}",
            title=problem.code.title,
            status=problem.code.status,
            detail=problem.detail,
            code=problem.code.name,
            request_id=self.request_id,
            errors=tuple(FieldErrorView(*error) for error in problem.errors),
        )
        self.finish(msgspec.json.encode(view))

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """A problem is an answer, not an accident."""
        if isinstance(value, Problem):
            if value.code.status >= 500:  # noqa: PLR2004
                log.warning("%s: %s", value.code.name, value.detail)
            return
        super().log_exception(typ, value, tb)

    def _handle_request_exception(self, e: BaseException) -> None:
        if isinstance(e, Problem) and not self._finished:
            self.log_exception(None, e, None)
            self.send_error(e.code.status, exc_info=(type(e), e, None))
        else:
            super()._handle_request_exception(e)

    def on_finish(self) -> None:
        """Count and log the answer; the route's name, never the path, which may hold anything."""
        route = type(self).__name__
        status = self.get_status()
        # Anybody may make up methods, and each label is kept for ever.
        method = self.request.method if self.request.method in self.SUPPORTED_METHODS else "other"
        self.services.metrics.requests.labels(route, method, str(status)).inc()
        log.debug("%s %s %s", method, route, status)


@tornado.web.stream_request_body
class Handler(Guard):
    """An HTTP handler. Its body is not read before the caller is known to be allowed one."""

    _body = b""
    _prepared = False

    async def prepare(self) -> None:
        length = self.request.headers.get("Content-Length", "0")
        # isdigit alone also takes "²", which int does not
        if length.isascii() and length.isdigit() and (len(length) > 9 or int(length) > BODY_BYTES):  # noqa: PLR2004  9 digits
            raise Problem(Code.too_large, f"A request may hold {BODY_BYTES} bytes.")
        await super().prepare()
        self._prepared = True

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        if not self._prepared:
            # Tornado closes a connection whose request is answered before it is read; a proxy that keeps
            # connections must know, or it loses the next request on it.
            self.set_header("Connection", "close")
        super().write_error(status_code, **kwargs)

    def data_received(self, chunk: bytes) -> Awaitable[None] | None:
        if len(self._body) <= BODY_BYTES:
            self._body += chunk
        return None

    def raw(self) -> bytes:
        """Return the body as it is. Raises ``too_large``."""
        if len(self._body) > BODY_BYTES:
            raise Problem(Code.too_large, f"A request may hold {BODY_BYTES} bytes.")
        return self._body

    def body(self, kind: type[T]) -> T:
        """Return the JSON body. Raises ``invalid`` with every error, or ``too_large``."""
        text = self.raw()
        errors: list[tuple[str, str]] = []
        try:
            value = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Problem(Code.invalid, "The body must be JSON.") from error
        if not isinstance(value, dict):
            raise Problem(Code.invalid, "The body must be a JSON object.")
        if len(value) > BODY_FIELDS:  # each unknown one is compared with those that there are
            raise Problem(Code.invalid, f"The body may hold {BODY_FIELDS} fields.")
        decoded = decode(kind, value, "", errors)
        if errors:
            found = tuple(FieldError(*error) for error in errors)
            raise Problem(Code.invalid, "; ".join(f"{e.path}: {e.reason}" for e in found), errors=found)
        return cast("T", decoded)

    def number(self, name: str, default: int = 0) -> int:
        """Return a query argument that is a count of bytes. Raises ``invalid``."""
        return byte_count(name, self.get_query_argument(name, str(default)))


class SocketHandler(Guard, tornado.websocket.WebSocketHandler):
    """A WebSocket handler; every refusal is an HTTP answer to the upgrade."""

    async def prepare(self) -> None:
        """No page can send a header with a socket: its bearer is one of the subprotocols that it offers."""
        headers = self.request.headers
        for offered in headers.get("Sec-WebSocket-Protocol", "").split(","):
            packed = offered.strip()
            if packed.startswith(LINK_PROTOCOL) and "Authorization" not in headers:
                with contextlib.suppress(ValueError):  # not what we gave: the request has no bearer
                    said = base64.urlsafe_b64decode(packed.removeprefix(LINK_PROTOCOL) + "==").decode("ascii")
                    if said.isprintable() and said.startswith(caller.LINK_BEARER):
                        headers["Authorization"] = f"Bearer {said}"
        await super().prepare()

    def check_origin(self, origin: str) -> bool:  # noqa: ARG002
        return True  # prepare has, more strictly: Tornado lets a missing Origin pass

    def get_compression_options(self) -> None:
        return None

    # Said here and not in the application's settings, which may be another application's.
    ping_interval = PING_INTERVAL_S
    ping_timeout = PING_TIMEOUT_S
    max_message_size = INPUT_FRAME_BYTES


def byte_count(name: str, text: str) -> int:
    """Return a byte offset from its text. Raises ``invalid``."""
    if not (text.isascii() and text.isdigit() and len(text) <= 19):  # noqa: PLR2004  63 bits
        raise Problem(
            Code.invalid,
            f"{name}: must be a count of bytes",
            errors=(FieldError(name, "must be a count of bytes"),),
        )
    return int(text)


def now() -> float:
    """Unix seconds."""
    return time.time()
