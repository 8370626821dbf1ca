"""A child process that is measured, and that never outlives the benchmark."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

STOP_S = 10.0  # a server that has not ended so long after SIGTERM is killed


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory in bytes: all of it, and what no other process shares."""

    rss: int
    private: int


def _entries(folder: str) -> int:
    return sum(1 for _ in Path(folder).iterdir())


class Process:
    """One child in its own process group, read through /proc."""

    def __init__(
        self, argv: list[str], *, env: dict[str, str] | None = None, log: Path | None = None
    ) -> None:
        self._log = log
        out: IO[bytes] | int = log.open("ab") if log else subprocess.DEVNULL
        try:
            self._popen = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env, process_group=0
            )
        finally:
            if not isinstance(out, int):
                out.close()
        self.pid = self._popen.pid
        # Linux encodes "the CPU clock of process N" so; it is exact where /proc counts 10 ms ticks.
        self._clock = (~self.pid << 3) | 2

    @property
    def alive(self) -> bool:
        return self._popen.poll() is None

    def cpu_s(self) -> float:
        """Return the CPU seconds that all threads have used so far."""
        return time.clock_gettime(self._clock)

    def memory(self) -> Memory:
        """Return the memory now; walks the page tables, so not for tight loops."""
        fields: dict[str, int] = {}
        for line in Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()[1:]:
            key, value = line.split(":")
            fields[key] = int(value.split()[0]) * 1024
        return Memory(fields["Rss"], fields["Private_Clean"] + fields["Private_Dirty"])

    def rss(self) -> int:
        """Return resident bytes, cheaply enough to sample every few milliseconds."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def descriptors(self) -> int:
        return _entries(f"/proc/{self.pid}/fd")

    def threads(self) -> int:
        return _entries(f"/proc/{self.pid}/task")

    def last_words(self) -> str:
        """Return the last line that it logged."""
        lines = self._log.read_text(errors="replace").split("\n") if self._log else []
        return next((line.strip() for line in reversed(lines) if line.strip()), "no output")

    def ask_to_end(self) -> None:
        """Begin to end it; ``stop`` waits."""
        if self.alive:
            self._signal(signal.SIGTERM)

    def stop(self) -> None:
        """End the process and its group: asked first, then killed."""
        if self.alive:
            self.ask_to_end()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._popen.wait(STOP_S)
        self._signal(signal.SIGKILL)
        self._popen.wait()

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
