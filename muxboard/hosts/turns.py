"""Each host is asked by one process at a time; the others take its report."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import time
from typing import TYPE_CHECKING

import msgspec

from muxboard.hosts.model import HostReport  # noqa: TC001  msgspec reads the annotations
from muxboard.registry.board import NOT_OURS
from muxboard.registry.registry import RegistryUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxboard.hosts.managed import ManagedHost
    from muxboard.registry.board import Board

CLAIM_S = 20.0  # whose process has died frees its host after so long
KEPT_S = 3600.0  # for a process that starts
WAIT_S = 0.05
PATIENCE_S = 5.0  # for another's turn, before somebody who has changed something asks all the same
MOST_BYTES = 1 << 20  # of a host's report: thousands of sessions. Redis is not filled by what tmux users name
TOPIC = "reports"

log = logging.getLogger("muxboard.sweep")


class Turn(msgspec.Struct, frozen=True, array_like=True):
    """What one process found on a host, and when it had asked (Unix seconds)."""

    name: str
    at: float
    report: HostReport


class Turns:
    """Whose turn it is to ask a host. Local hosts are every process's own; and while nobody can say whose
    turn it is, everyone's.

    Args:
        board: Where the processes meet.
    """

    def __init__(self, board: Board) -> None:
        self._board = board
        self._ended: dict[str, float] = {}  # name of a host → when anybody last ended a turn, loop time
        self._told: Callable[[str, HostReport], bool] = lambda _name, _report: False
        board.hear(TOPIC, self._hear)

    def listen(self, told: Callable[[str, HostReport], bool]) -> None:
        """Call this with the name of a host and what another process found there; it returns whether there is
        such a host."""
        self._told = told

    def shares(self, host: ManagedHost) -> bool:
        """Whether other processes may ask this host too."""
        return not self._board.alone and not host.config.local

    async def begin(self, host: ManagedHost, fresh_s: float) -> bool:
        """Whether to ask a host now: nobody does, or has in the last seconds. ``end`` ends the turn."""
        if not self.shares(host):
            return True
        name = name_of(host)
        if self._loop_time() - self._ended.get(name, -fresh_s) < fresh_s:
            return False
        try:
            if not await self._board.claim(f"sweep:{name}", CLAIM_S):
                return False
            if fresh_s and (turn := _turn(await self._board.get(f"report:{name}"))) is not None:
                age = time.time() - turn.at
                if 0 <= age < fresh_s:
                    await self._board.unclaim(f"sweep:{name}")
                    self._take(turn)
                    return False
        except RegistryUnavailable:
            pass
        return True

    async def begin_for_sure(self, host: ManagedHost) -> None:
        """Wait until nobody else asks a host, though not for ever."""
        until = self._loop_time() + PATIENCE_S
        while not await self.begin(host, 0.0):
            if self._loop_time() >= until:
                break
            await asyncio.sleep(WAIT_S)

    async def end(self, host: ManagedHost) -> None:
        """Tell the others what was found."""
        if not self.shares(host):
            return
        name = name_of(host)
        self._ended[name] = self._loop_time()
        record = msgspec.msgpack.encode(Turn(name, time.time(), host.report))
        if len(record) > MOST_BYTES:  # each process asks for itself
            await self._board.unclaim(f"sweep:{name}")
            return
        with contextlib.suppress(RegistryUnavailable):
            await self._board.put(f"report:{name}", record, KEPT_S)
            await self._board.tell(TOPIC, record)
        await self._board.unclaim(f"sweep:{name}")

    def _hear(self, message: bytes) -> None:
        if (turn := _turn(message)) is not None:
            self._take(turn)

    def _take(self, turn: Turn) -> None:
        if self._told(turn.name, turn.report):
            self._ended[turn.name] = self._loop_time()

    def forget(self, names: set[str]) -> None:
        """Remember the hosts of these names only."""
        self._ended = {name: at for name, at in self._ended.items() if name in names}

    def _loop_time(self) -> float:
        return asyncio.get_running_loop().time()


def name_of(host: ManagedHost) -> str:
    """Return a host's name among processes: one that is configured otherwise is another host."""
    shape = hashlib.sha256(msgspec.json.encode(host.config)).hexdigest()[:16]
    return f"{host.config.key}:{shape}"


def _turn(record: bytes | None) -> Turn | None:
    if record is None:
        return None
    try:
        return msgspec.msgpack.decode(record, type=Turn)
    except NOT_OURS as error:
        log.warning("what another process found on a host was not understood: %s", error)
        return None
