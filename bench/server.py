"""
muxboard with plain programs where ``tmux attach`` would run; everything else is the product.

Not part of the product: whoever may attach may start the programs of the table, and nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from muxboard.config import load
from muxboard.hosts.way import Child
from muxboard.problems import Code, Problem
from muxboard.records import log
from muxboard.server import Service, serve
from muxboard.terminals import backlog

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxboard.hosts.managed import ManagedHost
    from muxboard.terminals.messages import ExitReason, TerminalMode
    from muxboard.terminals.target import Target


class ProgramLauncher:
    """Takes the name of a session for the name of a program."""

    raw = False
    redraws = False

    def __init__(self, programs: dict[str, list[str]]) -> None:
        self._programs = programs

    async def find(self, host: ManagedHost, user: str, name: str) -> str:
        del host, user
        if name not in self._programs:
            raise Problem(Code.session_not_found, f"There is no program {name}.")
        return name

    async def child(self, host: ManagedHost, target: Target, mode: TerminalMode) -> Child:
        del host, mode
        return Child(self._programs[target.session], dict(os.environ), lambda: None)

    def lost(self, host: ManagedHost, exit_code: int | None) -> bool:
        del host, exit_code
        return False

    async def ended(self, host: ManagedHost, target: Target) -> ExitReason:
        del host, target
        return "exited"


class Watermarks:
    """Reading stops at a megabyte that is not acked and goes on at 0.4, as ttyd's client asks for."""

    HIGH, LOW = 1_000_000, 400_000

    def __init__(self, most: int, clock: Callable[[], float]) -> None:
        del most, clock
        self.acked = 0
        self.paused = self.unproven = False
        self.rate = 0.0  # not known: nothing is left out
        self.most = self.HIGH

    def begin(self, offset: int) -> None:
        self.acked = offset
        self.paused = False

    def budget(self, end: int) -> int:
        room = self.HIGH - (end - self.acked)
        self.paused = room <= 0
        return max(0, room)

    def sent(self, end: int, size: int) -> None:
        del end, size

    def ack(self, offset: int, end: int) -> bool:
        self.acked = max(self.acked, offset)
        if self.paused and end - self.acked <= self.LOW:
            self.paused = False
            return True
        return False


async def run(config: str, programs: dict[str, list[str]]) -> None:
    loaded = load(config, os.environ)
    log.configure(loaded.log_level)
    await serve(Service(loaded, os.environ, ProgramLauncher(programs)), lambda: None)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("-c", dest="config", required=True)
    parser.add_argument("programs", type=Path)
    parser.add_argument("--fixed", action="store_true", help="ttyd's watermarks in place of the window")
    wanted = parser.parse_args()
    if wanted.fixed:
        backlog.Flow = Watermarks  # type: ignore[misc,assignment]
    asyncio.run(run(wanted.config, json.loads(wanted.programs.read_text())))
