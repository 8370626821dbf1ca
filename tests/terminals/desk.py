"""A desk for terminals: the product's own attacher, plain programs, and browsers that behave or not."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from muxboard.access.caps import Caps
from muxboard.access.grants import Grants
from muxboard.access.principal import Principal
from muxboard.config import Limits
from muxboard.config.schema import Audit as AuditConfig
from muxboard.config.values import Duration, Size
from muxboard.hosts import local
from muxboard.hosts.way import Child
from muxboard.problems import Code, Problem
from muxboard.records.audit import Audit
from muxboard.records.metrics import Metrics
from muxboard.registry.memory import MemoryRegistry
from muxboard.terminals.attach import Attacher, Request
from muxboard.terminals.flow import MOST_BYTES
from muxboard.terminals.messages import ExitMessage, HelloMessage, ResetMessage, ServerMessage
from tests.rig.soon import soon

if TYPE_CHECKING:
    import os

    from muxboard.hosts.managed import ManagedHost
    from muxboard.terminals.terminal import Terminal

ADA = Principal(name="ada", gate="token")


class Programs:
    """Launches plain programs: a session's name is the shell script that runs; one in ``gone`` is none."""

    raw = False
    redraws = False

    def __init__(self) -> None:
        self.gone: set[str] = set()
        self.env = local.environment({})

    async def find(self, host: ManagedHost, user: str, name: str) -> str:
        if name in self.gone:
            raise Problem(Code.session_not_found)
        return name

    async def child(self, host: ManagedHost, target: Any, mode: str) -> Child:
        return Child(["sh", "-c", target.name], self.env, lambda: None)

    def lost(self, host: ManagedHost, exit_code: int | None) -> bool:
        return False

    async def ended(self, host: ManagedHost, target: Any) -> str:
        return "exited"


class Browser:
    """What a connection is told. It acks in steps of an eighth of the window, unless it ``stalls``."""

    def __init__(self, terminal: Terminal, *, stalls: bool = False) -> None:
        self.terminal = terminal
        self.stalls = stalls
        self.got = bytearray()
        self.offset = 0
        self.acked = 0
        self.messages: list[ServerMessage] = []
        self.after_the_end = 0
        self.loop_steps = 0

    def connect(self, offset: int | None = None) -> Browser:
        """Connect, by default where this browser was."""
        self.terminal.connect(self, self.offset if offset is None else offset)
        return self

    def cut(self) -> None:
        """The link breaks."""
        self.terminal.disconnect(self)

    # --- what a terminal says

    def output(self, data: bytes) -> None:
        if self.exit is not None:
            self.after_the_end += 1
        self.got += data
        self.offset += len(data)
        if not self.stalls:
            self.parse()

    def message(self, message: ServerMessage) -> None:
        self.messages.append(message)
        if isinstance(message, HelloMessage | ResetMessage):
            self.offset = message.offset

    def ended(self, message: ExitMessage) -> None:
        self.messages.append(message)

    # --- what a test asks

    def parse(self) -> None:
        """Ack all that came, in a later turn of the loop, as a browser does."""
        if self.offset - self.acked >= MOST_BYTES // 8:
            self.acked = self.offset
            asyncio.get_running_loop().call_soon(self._ack, self.acked)

    def _ack(self, offset: int) -> None:
        if self.terminal._sink is self:
            self.terminal.ack(offset)

    def ack_all(self) -> None:
        self.acked = self.offset
        self.terminal.ack(self.offset)

    def of(self, kind: type) -> list[Any]:
        return [message for message in self.messages if isinstance(message, kind)]

    @property
    def exit(self) -> ExitMessage | None:
        return next(iter(self.of(ExitMessage)), None)

    async def until(self, text: bytes, *, seconds: float = 10) -> bytes:
        """Wait until the output holds ``text``; return all of it."""
        await soon(lambda: text in self.got, f"{text!r} in {bytes(self.got[-200:])!r}", seconds=seconds)
        return bytes(self.got)

    async def until_exit(self, *, seconds: float = 10) -> str:
        """Wait for the last message; return its reason."""
        message = await soon(lambda: self.exit, f"an exit after {bytes(self.got[-200:])!r}", seconds=seconds)
        return message.reason


class Desk:
    """Opens terminals and sees to it that nothing is left of them."""

    def __init__(
        self, host: ManagedHost, launcher: Any = None, audit: os.PathLike[str] | str = "", **limits: Any
    ) -> None:
        self.host = host
        self.programs = launcher or Programs()
        self.registry = MemoryRegistry()
        self.limits = Limits(**{"attaches_per_principal": 500, "attaches_global": 500, **_limits(limits)})
        self.caps = Caps(self.limits, self.registry)
        self.audit = Audit(AuditConfig(path=str(audit)))
        self.attacher = Attacher(
            limits=self.limits,
            grants=Grants([]),
            caps=self.caps,
            audit=self.audit,
            metrics=Metrics(),
            launcher=self.programs,
        )

    def request(
        self,
        session: str,
        mode: str = "control",
        principal: Principal = ADA,
        size: tuple[int, int] = (80, 24),
    ) -> Request:
        return Request(principal, self.host, self.host.login, session, mode, *size, "127.0.0.1", "request")  # type: ignore[arg-type]

    async def open(self, session: str, **fields: Any) -> Terminal:
        return await self.attacher.open(self.request(session, **fields))

    async def browse(self, session: str, *, stalls: bool = False, **fields: Any) -> Browser:
        """Open a terminal and connect to it."""
        return Browser(await self.open(session, **fields), stalls=stalls).connect()

    async def used(self) -> int:
        return await self.registry.count("terminals")

    async def close(self) -> None:
        with contextlib.suppress(Problem):
            await self.attacher.drain(10)
        assert len(self.attacher.table) == 0
        assert await self.used() == 0, "a lease is left"
        self.audit.close()
        await self.registry.close()


def _limits(limits: dict[str, Any]) -> dict[str, Any]:
    kinds = {"lifetime": Duration, "idle": Duration, "resume": Duration, "output_queue": Size}
    return {name: kinds.get(name, int)(value) for name, value in limits.items()}
