"""Deep links: made by those who may, redeemed once, for one session."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from muxboard.access import links
from muxboard.access.grants import Need, matches
from muxboard.access.jwt import Refused
from muxboard.access.keys import KeysUnavailable
from muxboard.access.principal import LINK_GATE, Link, shown
from muxboard.config.values import Duration
from muxboard.hosts import tmux
from muxboard.problems import Code, Problem, invalid
from muxboard.web import caller, cookie, views
from muxboard.web.handler import Access, Handler

if TYPE_CHECKING:
    from muxboard.access.links import LinkToken
    from muxboard.config import Config
    from muxboard.records.audit import Event

DEFAULT_TTL = Duration(600.0)


class Links(Handler):
    """Makes links."""

    access = {"POST": Access.change}

    async def post(self) -> None:
        services = self.services
        body = self.body(views.LinkBody)
        host = self.host(body.host)
        self.reach(host, body.user, Need.mint)
        self.reach(host, body.user, Need.view if body.mode == "view" else Need.control)
        others = body.sub is not None and body.sub != self.principal.name
        if others and not services.grants.allows(self.principal, Need.oversee, body.host, body.user):
            raise Problem(Code.forbidden, "Only an admin may make links for others.")
        if self.principal.gate == LINK_GATE:
            raise Problem(Code.forbidden, "A link cannot make links.")
        if services.link_secret is None:
            raise Problem(Code.not_found, "This service makes no links: set auth.links.secret_file.")
        tmux.check_name(body.session)
        if body.sub is not None and not shown(body.sub):
            raise invalid("sub", "must be a name")
        seconds = self._seconds(body.ttl)
        link = Link(body.host, body.user, body.session, body.mode)
        token, expires_at = links.mint(services.link_secret, link, seconds, body.sub or "")
        _note(self, "link.mint", link, "ok")
        self.answer(views.LinkCreated(self._url(token), token, expires_at), 201)

    def _seconds(self, ttl: str | None) -> float:
        try:
            seconds = Duration.parse(ttl) if ttl else DEFAULT_TTL
        except ValueError as error:
            raise invalid("ttl", f"must {error}") from error
        longest = self.services.config.auth.links.max_ttl
        if not 1 <= seconds <= longest:  # a link's end is told in whole seconds
            raise invalid("ttl", f"must be 1s to {longest}")
        return seconds

    def _url(self, token: str) -> str:
        """The token stands in the fragment, which browsers do not send and proxies do not log."""
        server = self.services.config.server
        return f"{self.services.origins.base(self.seen, server.base_path)}open#{token}"


class Redeem(Handler):
    """Exchanges a link for access to its session, once."""

    access = {"POST": Access.public}

    async def post(self) -> None:
        services = self.services
        await self.check_failures()
        try:
            found = await services.links.read(self.body(views.RedeemBody).token)
        except Refused as error:
            await self.deny(f"link: {error}")
        except KeysUnavailable as error:
            raise Problem(Code.registry_unavailable, "The link cannot be checked now; try again.") from error
        link = found.link
        host = services.sweeper.hosts.get(link.host)
        if host is None or link.user not in host.users or not _may(services.config, found):
            _note(self, "link.redeem", link, "refused", "out of reach")
            raise Problem(Code.not_found, "What the link opens is not here.")
        somebody = await self.whoever()
        known = somebody is not None and somebody.gate != LINK_GATE
        if found.subject and somebody is not None and known and somebody.name != found.subject:
            _note(self, "link.redeem", link, "refused", "subject")
            raise Problem(Code.forbidden, f"The link is for {found.subject}.")
        if not await services.registry.use(f"link:{found.issuer}\n{found.id}", found.believed_until):
            _note(self, "link.redeem", link, "refused", "used")
            raise Problem(Code.unauthenticated, "The link was used already.")
        name = somebody.name if somebody is not None and known else found.subject or "link"
        seconds = float(services.config.auth.links.session)
        said, principal = services.sessions.make(name, LINK_GATE, seconds, link)
        self.principal = principal
        _note(self, "link.redeem", link, "ok")
        await self._drop_ended()
        self.keep(cookie.link_name(self.seen, principal.via), said, principal.expires_at)
        bearer = caller.LINK_BEARER + cookie.sign(services.sessions, said)
        self.answer(
            views.LinkRedeemed(
                link.host, link.user, link.session, link.mode, principal.expires_at or 0.0, bearer
            )
        )

    async def _drop_ended(self) -> None:
        """Clear cookies of links that are over; where there are too many, those that end first."""
        sessions, kept = self.services.sessions, []
        for name in cookie.link_names(self.seen, self.request.cookies, most=sys.maxsize):
            holder = await caller.resume(sessions, self.request.cookies[name].value)
            if holder is None:
                self.keep(name, "", None)
            else:
                kept.append((holder.expires_at or 0.0, name))
        for _, name in sorted(kept)[: -(cookie.MAX_LINKS - 1)]:
            self.keep(name, "", None)


def _may(config: Config, found: LinkToken) -> bool:
    """Whether the link's issuer may link there; we may link anywhere."""
    for issuer in config.auth.links.issuers:
        if issuer.issuer == found.issuer:
            return matches(issuer.hosts, found.link.host) and matches(issuer.users, found.link.user)
    return True


def _note(handler: Handler, event: Event, link: Link, result: str, code: str | None = None) -> None:
    """Write the audit line of a link."""
    about = {"host": link.host, "user": link.user, "session": link.session}
    handler.note(event, result, code, gate=LINK_GATE, mode=link.mode, **about)
