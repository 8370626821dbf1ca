"""The one route table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tornado.routing import URLSpec
from tornado.web import Application

from muxboard.web import api, events, health, links, login, pages, poll, sessions, socket, stream, terminals

if TYPE_CHECKING:
    from muxboard.web.handler import Guard
    from muxboard.web.services import Services

_ID = r"([A-Za-z0-9_-]{1,64})"
_PART = r"([^/]{1,8192})"  # 300 characters of four bytes each are 3600 when percent-encoded
_USER = rf"api/v1/hosts/{_PART}/users/{_PART}/sessions"

# Path below base_path → handler. Pages first, then the API.
ROUTES: tuple[tuple[str, type[Guard]], ...] = (
    (r"", pages.Page),
    (rf"h/{_PART}", pages.Page),
    (rf"h/{_PART}/{_PART}/{_PART}", pages.Page),
    (r"login", pages.Page),
    (r"open", pages.Page),
    (r"admin", pages.Page),
    (r"assets/([A-Za-z0-9._-]{1,128})", pages.AssetFile),
    (r"embed\.js", pages.EmbedFile),
    (r"api/v1/me", api.Me),
    (r"api/v1/inventory", api.Inventory),
    (r"api/v1/events", events.Events),
    (r"api/v1/refresh", api.Refresh),
    (_USER, sessions.Sessions),
    (rf"{_USER}/{_PART}", sessions.Session),
    (rf"{_USER}/{_PART}/preview", sessions.Preview),
    (rf"{_USER}/{_PART}/scrollback", sessions.Scrollback),
    (r"api/v1/terminals", terminals.Terminals),
    (rf"api/v1/terminals/{_ID}", terminals.OneTerminal),
    (rf"api/v1/terminals/{_ID}/socket", socket.TerminalSocket),
    (rf"api/v1/terminals/{_ID}/stream", stream.TerminalStream),
    (rf"api/v1/terminals/{_ID}/output", poll.Output),
    (rf"api/v1/terminals/{_ID}/input", poll.Input),
    (rf"api/v1/terminals/{_ID}/control", poll.Control),
    (r"api/v1/links", links.Links),
    (r"api/v1/links/redeem", links.Redeem),
    (r"api/v1/login", login.Login),
    (r"api/v1/logout", login.Logout),
)
HEALTH: tuple[tuple[str, type[Guard]], ...] = ((r"healthz", health.Healthz), (r"readyz", health.Readyz))


def application(services: Services) -> Application:
    """Return the main listener's application."""
    return _application(table(services), services)


def table(services: Services) -> list[URLSpec]:
    """Return every route of the main listener, below ``base_path``."""
    base = services.config.server.base_path
    routes = ROUTES if services.config.server.metrics_bind else ROUTES + HEALTH
    found = [_spec(base + path, handler, services) for path, handler in routes]
    if base != "/":
        found.append(_spec(base.rstrip("/"), pages.ToBase, services))
    return found


def health_application(services: Services) -> Application:
    """Return the application of the second listener: health and metrics, under any host name."""
    routes: tuple[tuple[str, type[Guard]], ...] = (*HEALTH, (r"metrics", health.MetricsText))
    return _application(
        [_spec("/" + path, handler, services, any_host=True) for path, handler in routes], services
    )


def _spec(path: str, handler: type[Guard], services: Services, **options: Any) -> URLSpec:
    return URLSpec(path + "$", handler, {"services": services, **options})


def _application(table: list[URLSpec], services: Services) -> Application:
    return Application(
        table,
        default_handler_class=pages.NotFound,
        default_handler_args={"services": services},
        log_function=lambda _handler: None,  # handlers write their own lines
    )
