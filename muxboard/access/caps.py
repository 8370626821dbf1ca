"""How many terminals at once, for one principal and in all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxboard.problems import Code, Problem
from muxboard.registry.registry import Full

if TYPE_CHECKING:
    from muxboard.access.principal import Principal
    from muxboard.config import Limits
    from muxboard.registry.registry import Lease, Registry

_ALL = "terminals"
_LINKS = "terminals by links"


def _counter(principal: Principal) -> str:
    return f"{_ALL} of {principal.key}"


class Caps:
    """Leases of the right to one more terminal."""

    def __init__(self, limits: Limits, registry: Registry) -> None:
        self.per_principal = limits.attaches_per_principal
        self._global = limits.attaches_global
        self._registry = registry

    async def lease(self, principal: Principal, terminal: str, instead: str = "") -> Lease:
        """Return a lease for a terminal, perhaps in place of another one of theirs.

        Raises:
            Problem: ``attach_cap``, saying which cap and what to do.
        """
        limits = {_counter(principal): self.per_principal, _ALL: self._global}
        if principal.via:  # each link is a principal of its own: all of them together leave room for people
            limits[_LINKS] = max(1, self._global // 2)
        try:
            return await self._registry.lease(terminal, limits, instead)
        except Full as error:
            if error.args[0] == _LINKS:
                detail = (
                    f"All {limits[_LINKS]} terminals for who comes by a link are in use; try again shortly."
                )
            elif error.args[0] == _ALL:
                detail = f"All {self._global} terminals of this service are in use; try again shortly."
            else:
                detail = (
                    f"You have {self.per_principal} terminals open, the most you may; close one and retry."
                )
            raise Problem(Code.attach_cap, detail, reason=error.args[0]) from error

    async def release(self, lease: Lease) -> None:
        """Give a lease back. Idempotent."""
        await self._registry.release(lease)

    async def used(self, principal: Principal) -> int:
        """Return how many terminals a principal has open."""
        return await self._registry.count(_counter(principal))
