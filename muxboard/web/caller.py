"""Who sends a request: what the gate says, a login of ours, and what links have opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from muxboard.access.gate import Asked, Denied
from muxboard.access.jwt import EXPIRED
from muxboard.web import cookie

if TYPE_CHECKING:
    from tornado.httputil import HTTPServerRequest

    from muxboard.access.principal import Principal
    from muxboard.access.session import Sessions
    from muxboard.web.origin import Seen
    from muxboard.web.services import Services

LINK_BEARER = "mbl."  # before what a link was redeemed for, for clients that keep no cookies
_SCHEME = f"Bearer {LINK_BEARER}"


async def find(services: Services, request: HTTPServerRequest, seen: Seen) -> Principal | None:
    """Return who asks; None when no credential is shown.

    What the gate says goes before a login of ours. Links add their sessions to what somebody may do, and
    are somebody where nobody else is.

    Raises:
        Denied: A credential is shown that is not believed.
        Unavailable: The gate cannot judge now.
    """
    authorization = request.headers.get("Authorization", "")
    if authorization.startswith(_SCHEME):
        said = cookie.verify(services.sessions, authorization.removeprefix(_SCHEME))
        holder = await services.sessions.resume(said) if said else None
        if holder is None or not holder.links:
            raise Denied(EXPIRED if said else "link session")  # what we have signed is no guess
        return replace(holder, ambient=False)
    cookies = {name: morsel.value for name, morsel in request.cookies.items()}
    from_proxy = services.origins.from_proxy(request.remote_ip or "")
    somebody = await services.gate.identify(
        Asked(list(request.headers.get_all()), cookies, from_proxy, request)
    )
    if somebody is not None and not somebody.ambient:
        return somebody  # a script: no cookie adds to what it has shown
    if somebody is None:
        somebody = await _login(services, cookies.get(cookie.name(seen), ""))
    holders = [
        holder
        for name in cookie.link_names(seen, cookies)
        if (holder := await resume(services.sessions, cookies[name])) is not None and holder.links
    ]
    if not holders:
        return somebody
    links = tuple(sorted((holder.links[0] for holder in holders), key=lambda each: -each.until))
    if somebody is None:
        somebody = next(holder for holder in holders if holder.links[0] == links[0])
    return replace(somebody, links=links)


async def _login(services: Services, value: str) -> Principal | None:
    somebody = await resume(services.sessions, value)
    # With Redis a login outlives the service, and so perhaps the gate that gave it.
    is_one = somebody is not None and not somebody.links and somebody.gate == services.gate.name
    return somebody if is_one else None


async def resume(sessions: Sessions, value: str) -> Principal | None:
    """Return whose login or link a cookie's value is, None where it is none or over."""
    said = cookie.verify(sessions, value) if value else None
    return await sessions.resume(said) if said else None
