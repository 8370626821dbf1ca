"""One warm paramiko transport: made when asked for, kept, and made again after its loss."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from typing import TYPE_CHECKING

from muxboard.hosts.flight import Flight
from muxboard.hosts.ssh.attempt import Attempt, Step, Trust, end
from muxboard.hosts.ssh.breaker import Breaker
from muxboard.hosts.way import Unreached
from muxboard.tasks import Tasks, Threads

if TYPE_CHECKING:
    import paramiko

    from muxboard.config.address import Hop
    from muxboard.hosts.model import HostState
    from muxboard.hosts.ssh.login import Login

CONNECTS = 6  # key exchanges at once: more would only delay the loop and each other
PATIENCE_S = 1.0  # who has not ended by then waits for its host and no longer counts
DIALS = 64  # connections that are being made, at once
DIALS_PER_ADDRESS = 4  # sshd drops at random beyond 10 that have not logged in (MaxStartups 10:30:100)


class Gates:
    """How many connections are made at once, over all hosts."""

    def __init__(self) -> None:
        self.dials = asyncio.Semaphore(DIALS)
        self._handshakes = asyncio.Semaphore(CONNECTS)
        self._addresses: dict[str, tuple[asyncio.Semaphore, int]] = {}

    @contextlib.asynccontextmanager
    async def handshake(self):  # type: ignore[no-untyped-def]  # noqa: ANN201
        """Wait for one's turn to exchange keys. It is over after ``PATIENCE_S``: hosts that hang there
        keep nobody else waiting."""
        await self._handshakes.acquire()
        over = False

        def end_turn() -> None:
            nonlocal over
            if not over:
                over = True
                self._handshakes.release()

        timer = asyncio.get_running_loop().call_later(PATIENCE_S, end_turn)
        try:
            yield
        finally:
            timer.cancel()
            end_turn()

    @contextlib.asynccontextmanager
    async def address(self, name: str):  # type: ignore[no-untyped-def]  # noqa: ANN201
        """Wait for one's turn at an address."""
        gate, users = self._addresses.get(name, (asyncio.Semaphore(DIALS_PER_ADDRESS), 0))
        self._addresses[name] = gate, users + 1
        try:
            async with gate:
                yield
        finally:
            gate, users = self._addresses.pop(name)
            if users > 1:
                self._addresses[name] = gate, users - 1


class Connection:
    """The connection to one machine as one login user.

    Args:
        hop: Where.
        login: With what.
        trust: Which host keys are believed.
        via: The connection through which it is reached; None = directly.
        threads: For what waits.
        gates: Shared by all.
        timeout_s: For dialling, and again for the login.
    """

    def __init__(  # noqa: PLR0917
        self,
        hop: Hop,
        login: Login,
        trust: Trust,
        via: Connection | None,
        threads: Threads,
        gates: Gates,
        timeout_s: float,
    ) -> None:
        self.hop = hop
        self.users = 0
        here = f"{login.user}@{hop._replace(user='')}"
        # The hops up to here, first to last, as ``ssh -J`` takes them.
        self.way: tuple[str, ...] = (*(via.way if via is not None else ()), here)
        self.breaker = Breaker(time.monotonic)
        self._login = login
        self._trust = trust
        self._via = via
        self._threads = threads
        self._gates = gates
        self._timeout_s = timeout_s
        self._tasks = Tasks(f"connection to {hop}")
        self._flight = Flight(self._connect, self._tasks, "connect")
        self._transport: paramiko.Transport | None = None
        self._proven = False
        self._stamp: object = None
        self._failure: HostState = "pending"
        self._attempt: Attempt | None = None

    @property
    def step(self) -> Step:
        """How far the latest try has come, or came."""
        return self._attempt.step if self._attempt is not None else "reach"

    async def transport(self) -> paramiko.Transport:
        """Return a transport that is logged in.

        Raises:
            Unreached: Why there is none; the same again until the breaker lets another try pass.
        """
        if self._transport is not None:
            if self._transport.is_active():
                return self._transport
            self.drop()
        if self._stamp is not None and self._stamp != self._files(self._failure):
            self._stamp = None
            self.breaker.worked()  # another key, or other known hosts, is another try
        self.breaker.check()
        return await self._flight.join()

    def _files(self, failure: HostState) -> object:
        """What tells whether the files that a failure came of are still the same. Another host's new key is
        no reason to try a wrong login again."""
        stamps = []
        known, key = self._trust.files, (self._login.key_file,)
        for path in known if failure.startswith("host_key") else key if failure == "auth_failed" else ():
            with contextlib.suppress(OSError):
                found = os.stat(path)  # noqa: PTH116
                stamps.append((path, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns))
        return stamps

    async def _connect(self) -> paramiko.Transport:
        attempt = self._attempt = Attempt(
            self.hop, self._login, self._trust, self._via, self._threads, self._timeout_s
        )
        self._proven = False
        known, key = self._files("host_key_unknown"), self._files("auth_failed")
        if self._via is not None:
            # Before anything is taken that the way there needs as well. A failure is told again below.
            with contextlib.suppress(Unreached):
                await self._via.transport()
        try:
            async with self._gates.address(f"via {self._via.hop}" if self._via else str(self.hop)):
                async with self._gates.dials:
                    await attempt.dial()
                async with self._gates.handshake():
                    self._transport = await attempt.log_in()
        except Unreached as failure:
            # A jump's own failure is remembered there.
            if not failure.repeated:
                self.breaker.failed(failure)
                self._failure = failure.state
                self._stamp = {"auth_failed": key, "host_key_unknown": known, "host_key_changed": known}.get(
                    failure.state
                )
            raise
        finally:
            if self._transport is None:
                attempt.abort()
        return self._transport

    @property
    def proven(self) -> bool:
        """Whether this transport has been of use."""
        return self._proven

    def worked(self) -> None:
        """It was of use. A login alone is not: what fails right after it, each time, must wait longer
        each time."""
        self._proven = True
        self.breaker.worked()

    def hurry(self) -> None:
        """Try again soon after a failure, here and on the way."""
        self.breaker.hurry()
        if self._via is not None:
            self._via.hurry()

    def drop(self) -> None:
        """Give the transport up; the next caller gets a new one."""
        transport, self._transport = self._transport, None
        if transport is not None:
            end(transport, self._threads)

    async def close(self) -> None:
        """Stop what runs and let go of the transport. Idempotent."""
        await self._tasks.close()
        self.drop()
