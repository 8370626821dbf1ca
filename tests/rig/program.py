"""A program that runs in the foreground, in a folder of its own, until it is told to stop."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.rig.ports import listens
from tests.rig.waiting import until

if TYPE_CHECKING:
    from collections.abc import Sequence

START_S = 20
STOP_S = 10


class Program:
    """One running program.

    Args:
        argv: What to run, from ``folder``.
        port: The loopback port that it will listen on.
        folder: Its files; goes away with it.
    """

    def __init__(self, argv: Sequence[str], port: int, folder: Path) -> None:
        self.port = port
        self.folder = folder
        self._log = folder / "log"
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                argv,
                cwd=folder,
                env={"PATH": f"{os.environ['PATH']}:/usr/sbin", "HOME": str(folder), "LANG": "C.UTF-8"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def wait_until_ready(self) -> Program:
        """Wait until it listens."""
        until(
            lambda: self.process.poll() is not None or listens(self.port),
            lambda: f"a listener on {self.port}:\n{self.log}",
            seconds=START_S,
        )
        if self.process.returncode is not None:
            raise AssertionError(f"{self.process.args} ended with {self.process.returncode}:\n{self.log}")
        return self

    def close(self) -> None:
        """End it and remove its folder. Idempotent."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def private_folder(name: str) -> Path:
    """A new folder under /tmp that only we may read, with a short path."""
    return Path(tempfile.mkdtemp(prefix=f"mb{name}-", dir="/tmp"))
