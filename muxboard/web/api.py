"""Who am I, and what is there."""

from __future__ import annotations

from muxboard.access.grants import Need
from muxboard.problems import Code, Problem
from muxboard.registry.registry import RegistryUnavailable
from muxboard.web import views
from muxboard.web.handler import NO_HOST, Access, Handler


class Me(Handler):
    """The principal, its reach and its caps."""

    access = {"GET": Access.principal}

    async def get(self) -> None:
        services = self.services
        principal = self.principal
        self.answer(
            views.Me(
                principal=views.PrincipalView(principal.name, principal.groups, principal.gate),
                role_by_target=views.roles(services.sweeper, services.grants, principal),
                expires_at=principal.expires_at,
                attaches=views.Attaches(await self._used(), services.caps.per_principal),
                may_oversee=services.grants.oversees(principal),
                may_mint=services.link_secret is not None and services.grants.ever(principal, Need.mint),
                links=views.links(principal),
            )
        )

    async def _used(self) -> int:
        try:
            return await self.services.caps.used(self.principal)
        except RegistryUnavailable:  # no reason to show no board
            return len(self.services.attacher.table.of(self.principal))


class Inventory(Handler):
    """The last known state of everything in reach; never waits for a host."""

    access = {"GET": Access.principal}

    def get(self) -> None:
        self.answer(views.inventory(self.services.sweeper, self.services.grants, self.principal))


class Refresh(Handler):
    """Sweeps one host or all of them soon."""

    access = {"POST": Access.change}

    def post(self) -> None:
        sweeper = self.services.sweeper
        key = self.body(views.RefreshBody).host if self._body else None
        hosts = list(sweeper.hosts.values()) if key is None else [self.host(key)]
        grants = self.services.grants
        reached = [
            host
            for host in hosts
            if any(grants.allows(self.principal, Need.list, host.config.key, user) for user in host.users)
        ]
        if key is not None and not reached:
            raise Problem(Code.not_found, NO_HOST)
        for host in reached:
            host.hurry()
        sweeper.sweep_these(reached)
        self.set_status(202)
