"""What a script would do about many hosts: OpenSSH's ControlMasters, and one ``ssh -S`` for each question."""

from __future__ import annotations

import asyncio
import contextlib
import resource
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from bench.process import Process

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bench.sshd import Fleet, Place
    from bench.workshop import Workshop

START_S = 60.0
AT_ONCE = 8
LIST = "tmux -u list-sessions \\; list-panes -a"
# OpenSSH's first choice takes it five times the CPU. The masters are there when the clock starts.
CHEAP = ("-o", "KexAlgorithms=curve25519-sha256")


class Masters:
    """A master for each host, all started beforehand."""

    def __init__(self, fleet: Fleet, workshop: Workshop) -> None:
        self._fleet = fleet
        self._env = workshop.environment()
        self._folder = Path(tempfile.mkdtemp(prefix="mbcm-"))  # a socket's path has little room
        self._masters: dict[str, Process] = {}

    def path(self, place: Place) -> str:
        return str(self._folder / place.key)

    async def start(self, places: list[Place]) -> None:
        """Raises: TimeoutError."""
        for first in range(0, len(places), AT_ONCE):
            some = places[first : first + AT_ONCE]
            for place in some:
                argv = self._fleet.ssh(place, "-N", "-M", "-S", self.path(place), *CHEAP)
                self._masters[place.key] = Process(argv, env=self._env)
            await asyncio.to_thread(self._wait_for, [Path(self.path(place)) for place in some])

    @staticmethod
    def _wait_for(sockets: list[Path]) -> None:
        until = time.monotonic() + START_S
        while not all(socket.exists() for socket in sockets):
            if time.monotonic() > until:
                raise TimeoutError("no master came up")
            time.sleep(0.01)

    async def sweep(self) -> tuple[float, float]:
        """Ask every host, a few at a time; return the seconds and the CPU seconds of clients and masters."""
        hosts = " ".join(self._masters)
        ssh = f"ssh -F none -o LogLevel=ERROR -S {self._folder}/% -- % '{LIST}'"
        script = f'printf "%s\\n" {hosts} | xargs -P {AT_ONCE} -I % {ssh} >/dev/null'
        since, cpu = time.perf_counter(), self._cpu_s()
        child = await asyncio.create_subprocess_exec("sh", "-c", script, env=self._env)
        if await child.wait():
            raise RuntimeError("a host did not answer ssh -S")
        return time.perf_counter() - since, self._cpu_s() - cpu

    def _cpu_s(self) -> float:
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return (
            children.ru_utime
            + children.ru_stime
            + sum(master.cpu_s() for master in self._masters.values() if master.alive)
        )

    def private(self) -> float:
        """Return the bytes that a master shares with nobody, on average."""
        return sum(master.memory().private for master in self._masters.values()) / len(self._masters)

    def stop(self) -> None:
        for master in self._masters.values():
            master.ask_to_end()
        for master in self._masters.values():
            master.stop()
        shutil.rmtree(self._folder, ignore_errors=True)


@contextlib.asynccontextmanager
async def masters(fleet: Fleet, workshop: Workshop, places: list[Place]) -> AsyncIterator[Masters]:
    made = Masters(fleet, workshop)
    try:
        await made.start(places)
        yield made
    finally:
        made.stop()
