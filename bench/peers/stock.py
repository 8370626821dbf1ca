"""Stock terminado: its own socket handler and manager; only the program comes from the address."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import tornado.web
from terminado.management import UniqueTermManager
from terminado.websocket import TermSocket


class Manager(UniqueTermManager):  # type: ignore[misc,unused-ignore]
    """``UniqueTermManager`` with more than one command."""

    def __init__(self, programs: dict[str, list[str]]) -> None:
        super().__init__(shell_command=["false"])
        self.programs = programs

    def get_terminal(self, url_component: Any = None) -> Any:
        terminal = self.new_terminal(shell_command=self.programs[url_component])
        self.start_reading(terminal)
        return terminal


async def main(port: int, programs: dict[str, list[str]]) -> None:
    manager = Manager(programs)
    tornado.web.Application([(r"/([\w-]+)", TermSocket, {"term_manager": manager})]).listen(port, "127.0.0.1")
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    await end.wait()
    for terminal in manager.ptys_by_fd.values():
        terminal.killpg(signal.SIGKILL)
    os._exit(0)  # its one writer thread may be stuck for good


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())))
