"""Hands a secret to ssh when ssh itself asks for it, from memory.

ssh starts the program that ``SSH_ASKPASS`` names and tells it its question. Ours passes the question on
through a socket in a folder of the service's own, and prints what comes back. The terminal's screen has no
part in it: whatever a host prints, nothing is typed.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import shlex
import socket
import struct
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

QUESTION_BYTES = 4096

_PROGRAM = """\
import os, socket, sys
path, _, ticket = os.environ["MUXBOARD_ASKPASS"].partition(" ")
link = socket.socket(socket.AF_UNIX)
link.settimeout(10)
link.connect(path)
link.sendall((ticket + "\\n" + " ".join(" ".join(sys.argv[1:]).split()) + "\\n").encode())
answer = b"".join(iter(lambda: link.recv(4096), b""))
if not answer:
    sys.exit(1)
sys.stdout.buffer.write(answer + b"\\n")
"""


class Askpass:
    """Answers the questions of children that were given a ticket.

    Args:
        folder: Of mode 0700; the program and the socket are put there.
    """

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)
        self._socket = str(self._folder / "ask")
        self._tickets: dict[str, Mapping[str, str]] = {}
        self._server: asyncio.AbstractServer | None = None

    async def open(self) -> None:
        """Begin to listen. Idempotent."""
        if self._server is not None:
            return
        script = self._folder / "askpass.py"
        script.write_text(_PROGRAM)
        program = self._folder / "askpass"
        python, path = shlex.quote(sys.executable), shlex.quote(str(script))
        program.write_text(f'#!/bin/sh\nexec {python} -I -S {path} "$@"\n')
        program.chmod(0o700)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: _Question(self), self._socket)

    def close(self) -> None:
        """Answer no more. Idempotent."""
        self._tickets.clear()
        if self._server is not None:
            self._server.close()
            self._server = None

    def ticket(self, answers: Mapping[str, str]) -> str:
        """Return a ticket that is good for these answers: how a question begins → the secret."""
        ticket = secrets.token_hex(16)
        self._tickets[ticket] = answers
        return ticket

    def forget(self, ticket: str) -> None:
        """A ticket is good no more."""
        self._tickets.pop(ticket, None)

    def environment(self, ticket: str) -> dict[str, str]:
        """Return what a child needs to ask."""
        return {
            "SSH_ASKPASS": str(self._folder / "askpass"),
            "SSH_ASKPASS_REQUIRE": "force",
            "MUXBOARD_ASKPASS": f"{self._socket} {ticket}",
        }

    def answer(self, ticket: str, question: str) -> str:
        """Return the secret that a question is for; "" where it is for none of the ticket's."""
        asked = question.strip().casefold()
        for begins, secret in self._tickets.get(ticket, {}).items():
            if asked.startswith(begins.casefold()):
                return secret
        return ""


class _Question(asyncio.Protocol):
    """One connection: a ticket and a question, each on a line."""

    def __init__(self, askpass: Askpass) -> None:
        self._askpass = askpass
        self._asked = b""
        self._link: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._link = transport
            if not _ours(transport.get_extra_info("socket")):
                transport.abort()

    def data_received(self, data: bytes) -> None:
        self._asked += data
        if self._link is None or (self._asked.count(b"\n") < 2 and len(self._asked) < QUESTION_BYTES):  # noqa: PLR2004
            return
        ticket, _, question = self._asked.decode(errors="replace").partition("\n")
        self._link.write(self._askpass.answer(ticket, question).encode())
        self._link.close()


def _ours(link: socket.socket) -> bool:
    found = link.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", found)
    return bool(uid == os.geteuid())


def ask(where: str, question: str) -> str:
    """Ask as ssh would, from another process of ours. ``where`` is the value of ``MUXBOARD_ASKPASS``."""
    path, _, ticket = where.partition(" ")
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(10)
        link.connect(path)
        link.sendall(f"{ticket}\n{question}\n".encode())
        return b"".join(iter(lambda: link.recv(QUESTION_BYTES), b"")).decode()
