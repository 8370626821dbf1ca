"""Terminals of the other processes that share the registry: who has them, and how they are ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

import msgspec

from muxboard.access.principal import login_ended
from muxboard.registry.board import NOT_OURS
from muxboard.registry.registry import RegistryUnavailable
from muxboard.terminals.messages import ExitReason, TerminalMode  # noqa: TC001  msgspec reads the annotations

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxboard.access.principal import Principal
    from muxboard.registry.board import Board
    from muxboard.terminals.attach import Attacher
    from muxboard.terminals.terminal import Terminal

KIND = "terminals"
TOPIC = "orders"
KEPT_S = 15.0  # whose process has died is forgotten after so long
AGAIN_S = 3.0
SOON_S = 0.05  # what changes at once is put up at once
ENDS_S = 3.0
LOOK_S = 0.05

log = logging.getLogger("muxboard.terminals")


class Shown(msgspec.Struct, frozen=True):
    """A terminal as it is shown: whose, on what, and how far it has come.

    Attributes:
        started: Unix seconds.
        connected: Whether a client is connected to it now.
        principal: Their name.
    """

    id: str
    host: str
    user: str
    session: str
    mode: TerminalMode
    cols: int
    rows: int
    started: float
    connected: bool
    bytes_in: int
    bytes_out: int
    principal: str
    client: str


class Known(Shown, frozen=True):
    """The same with its principal's key, by which processes tell whose it is."""

    key: str


class _End(msgspec.Struct, frozen=True, tag="end"):
    """End a terminal, if ``key`` is whose it is."""

    id: str
    reason: ExitReason
    key: str


class _LoggedOut(msgspec.Struct, frozen=True, tag="logged_out"):
    """A login has ended, or links have."""

    login: str
    links: tuple[str, ...]


_ORDERS = msgspec.msgpack.Decoder(_End | _LoggedOut)
_KNOWN = msgspec.msgpack.Decoder(list[Known])


def known(terminal: Terminal) -> Known:
    """Return a terminal of this process as everybody may know it."""
    return Known(
        id=terminal.id,
        key=terminal.principal.key,
        host=terminal.target.host,
        user=terminal.target.user,
        session=terminal.target.name,
        mode=terminal.mode,
        cols=terminal.cols,
        rows=terminal.rows,
        started=terminal.started,
        connected=terminal.connected,
        bytes_in=terminal.input_offset,
        bytes_out=terminal.output_offset,
        principal=terminal.principal.name,
        client=terminal.client,
    )


class Elsewhere:
    """Says which terminals are here, and knows which are elsewhere. What it knows is a few seconds old.

    Args:
        board: Where the processes meet.
        attacher: Has those that are here.
        logged_out: Ends what is here of a principal whose login has ended elsewhere.
    """

    def __init__(self, board: Board, attacher: Attacher, logged_out: Callable[[Principal], None]) -> None:
        self._board = board
        self._attacher = attacher
        self._logged_out = logged_out
        self._changed = asyncio.Event()
        self._told_any = False
        attacher.table.on_change = self._changed.set
        board.hear(TOPIC, self._obey)

    async def stay(self) -> None:
        """Put up which terminals are here, until it is cancelled."""
        while not self._board.alone:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(AGAIN_S):
                    await self._changed.wait()
                    await asyncio.sleep(SOON_S)
            self._changed.clear()
            with contextlib.suppress(RegistryUnavailable):
                await self._put()

    async def _put(self) -> None:
        here = [known(terminal) for terminal in self._attacher.table]
        if here or self._told_any:
            await self._board.put_own(KIND, msgspec.msgpack.encode(here), KEPT_S)
            self._told_any = bool(here)

    async def all(self) -> list[Known]:
        """Return the terminals of other processes.

        Raises:
            RegistryUnavailable: Nobody knows them.
        """
        found: list[Known] = []
        for record in await self._board.others(KIND):
            try:
                found += _KNOWN.decode(record)
            except NOT_OURS as error:
                log.warning("another process's terminals were not understood: %s", error)
        return found

    async def end(self, terminal: Known, reason: ExitReason) -> None:
        """End a terminal elsewhere; returns when it has ended there, or after a few seconds.

        Raises:
            RegistryUnavailable: It may go on.
        """
        await self.ask_to_end(terminal.id, reason, terminal.key)
        until = asyncio.get_running_loop().time() + ENDS_S
        while asyncio.get_running_loop().time() < until:
            if all(each.id != terminal.id for each in await self.all()):
                break
            await asyncio.sleep(LOOK_S)

    async def ask_to_end(self, terminal_id: str, reason: ExitReason, key: str) -> None:
        """Ask whoever has a terminal to end it, if it belongs to that principal; does not wait for it.

        Raises:
            RegistryUnavailable: Nobody was asked.
        """
        await self._tell(_End(terminal_id, reason, key))

    async def logged_out(self, principal: Principal) -> None:
        """End the terminals elsewhere that were opened with a principal's login or links.

        Raises:
            RegistryUnavailable: They may go on until the login would have ended.
        """
        if principal.login or principal.links:
            await self._tell(_LoggedOut(principal.login, tuple(each.id for each in principal.links)))

    async def _tell(self, order: _End | _LoggedOut) -> None:
        if not self._board.alone:
            await self._board.tell(TOPIC, msgspec.msgpack.encode(order))

    def _obey(self, message: bytes) -> None:
        match _ORDERS.decode(message):
            case _End() as order:
                for terminal in self._attacher.table:
                    if terminal.id == order.id and terminal.principal.key == order.key:
                        self._attacher.end(terminal, order.reason)
            case _LoggedOut() as order:
                self._logged_out(login_ended(order.login, *order.links))

    async def close(self) -> None:
        """Take down what was put up. Idempotent."""
        with contextlib.suppress(RegistryUnavailable):
            await self._put()
