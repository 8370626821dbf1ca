"""Who is asking."""

from __future__ import annotations

from msgspec import Struct


class Principal(Struct, frozen=True):
    """Somebody who got through a gate.

    Attributes:
        name: As shown, audited and matched by grants.
        gate: Which gate let them in; names of two gates are never the same principal.
        groups: As the gate says.
        login: Id of the browser login that this request came with; "" for a bearer.
        expires_at: Unix seconds after which the identity no longer holds; None = never.
        ambient: Whether the browser sends the credential by itself, so that the request's
            origin must be checked.
    """

    name: str
    gate: str
    groups: tuple[str, ...] = ()
    login: str = ""
    expires_at: float | None = None
    ambient: bool = True

    @property
    def key(self) -> str:
        """What caps, rates and ownership count by."""
        return f"{self.gate}:{self.name}"
