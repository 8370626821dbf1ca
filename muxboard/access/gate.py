"""What a gate is: how a request becomes a principal."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from muxboard.access.principal import Principal


class Denied(Exception):  # noqa: N818
    """A credential was shown and is not believed; ``args[0]`` says why, for the audit line alone."""


class Unavailable(Exception):  # noqa: N818
    """The gate cannot judge now."""


class Asked(NamedTuple):
    """What a gate may look at.

    Attributes:
        headers: Name, as it came, and value of each header line, in order.
        cookies: Name → value.
        from_proxy: Whether the peer is one of ``server.trusted_proxies``.
        request: Tornado's request, for callables.
    """

    headers: Sequence[tuple[str, str]]
    cookies: Mapping[str, str]
    from_proxy: bool
    request: Any

    def header(self, name: str) -> str | None:
        """Return a header that may come once only, None where it does not come.

        Raises:
            Denied: It comes twice, or beside a twin of it that some proxies take for the same.
        """
        wanted = name.lower()
        same = [(key, value) for key, value in self.headers if key.lower().replace("_", "-") == wanted]
        if not same:
            return None
        if len(same) > 1:
            raise Denied("doubled header")
        [(key, value)] = same
        if key.lower() != wanted:
            raise Denied("header twin")
        return value.strip(" \t")  # no other space is HTTP's

    def bearer(self) -> str | None:
        """Return the token of ``Authorization: Bearer``, None where the header does not come.

        Raises:
            Denied: The header comes with another scheme, or as ``header`` says.
        """
        value = self.header("Authorization")
        if value is None:
            return None
        scheme, _, token = value.partition(" ")
        if scheme.lower() != "bearer":
            raise Denied("not a bearer")
        return token.strip()


class Gate(ABC):
    """Lets people in.

    Attributes:
        name: As the principal's ``gate``.
        hint: What somebody is told who shows no credential.
        refusal: What somebody is told whose credential is not believed: never why.
    """

    name: str
    hint: str
    refusal: str = "Your login is not accepted here, or it has expired."

    @abstractmethod
    async def identify(self, asked: Asked) -> Principal | None:
        """Return who asks; None where no credential is shown.

        Raises:
            Denied: One is shown that is not believed.
            Unavailable: What it is judged by is not there.
        """

    async def ready(self) -> None:  # noqa: B027  most need nothing
        """Get at the start what is needed to judge: what cannot be had is in the log before anybody asks."""

    async def close(self) -> None:  # noqa: B027  most hold nothing
        """Let go of everything. Idempotent."""
