"""ControlMasters that the service owns: one ssh that a host's terminals share, and more when full."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import signal
import subprocess
from typing import TYPE_CHECKING

from muxboard.hosts import local
from muxboard.hosts.ssh import command
from muxboard.hosts.tmux import printable
from muxboard.hosts.way import Missing, TooMuch, Unreached
from muxboard.tasks import Tasks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxboard.hosts.model import HostState
    from muxboard.hosts.ssh.command import Destination

log = logging.getLogger("muxboard.ssh")

STEP_S = 0.01
CHECK_S = 10.0  # how often a master in use is asked whether it is alive
CHECK_TIMEOUT_S = 3.0
IDLE_S = 300.0  # how long one is kept that nobody uses
COLD_S = 60.0  # after a refusal, attaches are cold for so long
SAID_BYTES = 4096


# What ssh itself says; what the host prints is not among it.
_REFUSED: dict[str, HostState] = {
    r"Permission denied \(": "auth_failed",
    r"REMOTE HOST IDENTIFICATION HAS CHANGED|REVOKED HOST KEY": "host_key_changed",
    r"Host key verification failed": "host_key_unknown",
}


class Master:
    """One ssh that others go through."""

    def __init__(self, destination: Destination, path: str, env: Mapping[str, str]) -> None:
        self.destination = destination
        self.path = path
        self.seats = 0
        self.ready = False
        self._env = env
        self._said = b""
        self._fds: list[int] = []
        self._child: subprocess.Popen[bytes] | None = None
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def start(self, timeout_s: float) -> bool:
        """Start it; return whether it can be used.

        Raises:
            OSError: No process could be had.
            Unreached: The host refuses the login, or is not the one that is known: any other ssh would
                only ask it the same again.
        """
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)  # noqa: PTH108
        self._spawn()
        try:
            async with asyncio.timeout(timeout_s):
                while not self.gone.done():
                    if os.path.exists(self.path):  # noqa: ASYNC240, PTH110
                        self.ready = True
                        return True
                    await asyncio.sleep(STEP_S)
        except TimeoutError:
            pass
        self.stop(signal.SIGKILL)
        said = printable(" ".join(self._said.decode(errors="replace").split()))[-400:]
        log.warning("no ControlMaster for %s: %s", self.destination.hop, said)
        for pattern, state in _REFUSED.items():
            if re.search(pattern, said):
                raise Unreached(state, f"ssh to {self.destination.hop} says: {said}")
        return False

    def _spawn(self) -> None:
        # setpriv: should the service be killed, its masters go as well.
        argv = ["setpriv", "--pdeathsig", "TERM", "--", *command.master(self.destination, self.path)]
        loop = asyncio.get_running_loop()
        reading, writing = os.pipe()
        try:
            self._child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=writing,
                env=dict(self._env),
                cwd="/",
                start_new_session=True,
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        os.set_blocking(reading, False)
        pidfd = os.pidfd_open(self._child.pid)
        self._fds = [reading, pidfd]
        loop.add_reader(reading, self._hear, reading)
        loop.add_reader(pidfd, self._ended)

    def _hear(self, fd: int) -> None:
        with contextlib.suppress(BlockingIOError):
            data = os.read(fd, SAID_BYTES)
            self._said = (self._said + data)[-SAID_BYTES:]
            if not data:
                asyncio.get_running_loop().remove_reader(fd)

    def _ended(self) -> None:
        if self._child is None or self._child.poll() is None:
            return
        loop = asyncio.get_running_loop()
        for fd in self._fds[:1]:
            self._hear(fd)
        for fd in self._fds:
            loop.remove_reader(fd)
            os.close(fd)
        self._fds.clear()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)  # noqa: PTH108
        if not self.gone.done():
            self.gone.set_result(None)

    async def alive(self) -> bool:
        """Whether it answers. One that does not is ended, so that what goes through it is told."""
        if self.gone.done():
            return False
        argv = command.check(self.destination, self.path)
        try:
            if (await local.run(argv, self._env, timeout_s=CHECK_TIMEOUT_S)).exit == 0:
                return True
        except (TimeoutError, Missing, TooMuch, OSError):
            pass
        log.warning("the ControlMaster for %s does not answer; it is replaced", self.destination.hop)
        self.stop(signal.SIGKILL)
        return False

    def stop(self, sign: signal.Signals = signal.SIGTERM) -> None:
        """End it, and with it what goes through it; does not wait."""
        if self._child is not None and self._child.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._child.pid, sign)
        self._ended()


class Masters:
    """The masters of one host.

    Args:
        destination: Where they go.
        folder: Where their sockets are.
        name: Short and unique; a socket's path has little room.
        env: Of the children.
        seats: How many sessions go through one.
    """

    def __init__(
        self, destination: Destination, folder: str, name: str, env: Mapping[str, str], seats: int
    ) -> None:
        self._destination = destination
        self._path = f"{folder}/{name}"
        self._env = env
        self._seats = seats
        self._masters: list[Master] = []
        self._count = 0
        self._tasks = Tasks(f"masters of {destination.hop}")
        self._starting = asyncio.Lock()
        self._cold_until = 0.0
        self._watching = False
        self._closed = False

    async def seat(self) -> Master | None:
        """Return a master with a seat taken in it; None = go without one.

        Raises:
            Unreached: The host refuses the login, or is not the one that is known.
        """
        loop = asyncio.get_running_loop()
        async with self._starting:
            if loop.time() < self._cold_until:
                return None
            self._masters = [each for each in self._masters if not each.gone.done()]
            for master in self._masters:
                if master.ready and master.seats < self._seats:
                    # Asking costs as much as attaching: it is asked meanwhile. Should it not answer, it is
                    # ended, and the terminal comes back by another.
                    self._tasks.start(master.alive(), "check")
                    return self._sit(master)
            if self._seats < 1 or self._closed:
                return None
            self._count += 1
            master = Master(self._destination, f"{self._path}.{self._count}", self._env)
            self._masters.append(master)
            try:
                ready = await master.start(self._destination.timeout_s)
            except OSError as error:
                log.warning("no ControlMaster for %s: %s", self._destination.hop, error.strerror)
                ready = False
            except BaseException:
                master.stop()
                raise
            if not ready:
                self._cold_until = loop.time() + COLD_S
                return None
            return self._sit(master)

    def _sit(self, master: Master) -> Master:
        master.seats += 1
        if not self._watching:
            self._watching = True
            self._tasks.start(self._watch(), "watch")
        return master

    def leave(self, master: Master) -> None:
        """Give a seat back."""
        master.seats -= 1

    async def _watch(self) -> None:
        """While there are masters: ask those in use whether they live, end those that nobody uses."""
        idle: dict[Master, float] = {}
        loop = asyncio.get_running_loop()
        try:
            while self._masters:
                await asyncio.sleep(CHECK_S)
                for master in tuple(self._masters):
                    if master.seats:
                        idle.pop(master, None)
                        keep = await master.alive()
                    else:
                        keep = loop.time() - idle.setdefault(master, loop.time()) < IDLE_S
                    if not keep:
                        master.stop()
                        with contextlib.suppress(ValueError):
                            self._masters.remove(master)
        finally:
            self._watching = False

    async def close(self) -> None:
        """End all masters and wait until they have gone. Idempotent."""
        self._closed = True
        await self._tasks.close()
        masters, self._masters = self._masters, []
        for master in masters:
            master.stop()
        for master in masters:
            if not master.gone.done():
                await asyncio.wait([master.gone], timeout=1)
            if not master.gone.done():
                master.stop(signal.SIGKILL)
                await asyncio.wait([master.gone], timeout=1)
