"""A private tmux server, ended with the run."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from bench.lines import COLS, ROWS

if TYPE_CHECKING:
    from bench.workshop import Workshop


class Tmux:
    """Sessions on a socket below a ``TMUX_TMPDIR`` of its own."""

    def __init__(self, workshop: Workshop) -> None:
        self._workshop = workshop
        self.folder = Path(tempfile.mkdtemp(dir=workshop.folder, prefix="tmux-"))
        self.environment = workshop.environment(TMUX_TMPDIR=str(self.folder))
        self._made = 0

    def run(self, *arguments: str) -> str:
        """Run one tmux command. Raises: CalledProcessError."""
        # The user's own settings must not change the figures.
        argv = ["tmux", "-f", "/dev/null", "-u", *arguments]
        done = subprocess.run(
            argv, env=self.environment, check=True, capture_output=True, text=True, timeout=60
        )
        return done.stdout

    def start(self) -> None:
        self.run("new-session", "-d", "-s", "keep", "sleep 3600")

    def make(self, program: str) -> str:
        """Start a session that runs a program; return its name."""
        self._made += 1
        name = f"{program}-{self._made}"
        command = shlex.join(self._workshop.programs[program])
        self.run("new-session", "-d", "-s", name, "-x", str(COLS), "-y", str(ROWS), f"exec {command}")
        return name

    def make_many(self, count: int) -> None:
        """Start sessions that sleep, a hundred with each command."""
        for first in range(0, count, 100):
            words: list[str] = []
            for number in range(first, min(first + 100, count)):
                words += [";"] * bool(words) + [
                    "new-session",
                    "-d",
                    "-s",
                    f"many-{number:04}",
                    "exec sleep 3600",
                ]
            self.run(*words)

    def kill(self, name: str) -> None:
        self.run("kill-session", "-t", f"={name}")

    def attach(self, name: str) -> list[str]:
        return ["tmux", "-u", "attach-session", "-t", f"={name}"]

    def stop(self) -> None:
        try:
            self.run("kill-server")
        except subprocess.CalledProcessError:
            return  # it has ended by itself
