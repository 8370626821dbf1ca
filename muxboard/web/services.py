"""What handlers may use."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxboard.access.caps import Caps
    from muxboard.access.gate import Gate
    from muxboard.access.grants import Grants
    from muxboard.access.links import LinkReader
    from muxboard.access.principal import Principal
    from muxboard.access.session import Sessions
    from muxboard.config import Config
    from muxboard.config.values import Secret
    from muxboard.hosts.sweep import Sweeper
    from muxboard.records.audit import Audit
    from muxboard.records.metrics import Metrics
    from muxboard.registry.memory import MemoryRegistry
    from muxboard.registry.registry import Registry
    from muxboard.terminals.attach import Attacher
    from muxboard.terminals.elsewhere import Elsewhere
    from muxboard.web.assets import Assets
    from muxboard.web.origin import Origins


class Stream(Protocol):
    """An answer that holds on until it is stopped, and whose it is."""

    principal: Principal

    def stop(self) -> None:
        """End it soon; does not wait."""

    def fresher(self, principal: Principal) -> None:
        """Somebody has shown a credential: a stream of theirs goes on for as long, if that is longer."""


class Services(NamedTuple):
    """Everything that the composition root has built for the handlers.

    Attributes:
        here: Counts what only this process has to bear.
        begin: Starts what is not running yet: inside another application, nobody may have.
        logged_out: Ends what was opened with a login, or by its links.
    """

    config: Config
    gate: Gate
    sessions: Sessions
    links: LinkReader
    link_secret: Secret | None
    grants: Grants
    caps: Caps
    registry: Registry
    here: MemoryRegistry
    sweeper: Sweeper
    attacher: Attacher
    elsewhere: Elsewhere
    audit: Audit
    metrics: Metrics
    origins: Origins
    assets: Assets
    streams: set[Stream]
    begin: Callable[[], None]
    logged_out: Callable[[Principal], None]
