"""HTTP as it is on the wire: what a browser, a script or an attacker may send, header by header."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from tornado.httputil import HTTPHeaders

from tests.web.harness import DEADLINE_S, Answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.web.harness import Board

Lines = list[tuple[str, str]]


async def send(
    port: int, method: str, target: str, lines: Sequence[tuple[str, str]] = (), body: bytes | None = None
) -> Answer:
    """Send one request with exactly these header lines, and its length; of a stream the head is read."""
    head = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in lines)]
    if body is not None:
        head.append(f"Content-Length: {len(body)}")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write("\r\n".join([*head, "", ""]).encode("latin1") + (body or b""))
        async with asyncio.timeout(DEADLINE_S):
            said = (await reader.readuntil(b"\r\n\r\n")).decode("latin1")
            first, _, rest = said.partition("\r\n")
            status, headers = int(first.split()[1]), HTTPHeaders.parse(rest)
            size = 0 if method == "HEAD" else int(headers.get("Content-Length", "0"))
            return Answer(status, headers, await reader.readexactly(size))
    finally:
        writer.transport.abort()


async def ask(
    board: Board,
    method: str,
    path: str,
    lines: Sequence[tuple[str, str]] = (),
    body: bytes | None = None,
    *,
    host: str | None = None,
) -> Answer:
    """Ask a board under its own name, or another."""
    named = [("Host", host or f"127.0.0.1:{board.port}"), *lines]
    return await send(board.port, method, board.base + path, named, body)


def code(answer: Answer) -> str:
    """The problem's code; "" of an answer that is none, or that has no body."""
    problem = answer.headers.get("Content-Type") == "application/problem+json"
    return answer.code if problem and answer.body else ""


def same(answer: Answer) -> tuple[int, dict[str, str], bytes]:
    """What two answers must have in common to be one: all but the request's own id, and the time."""
    request = answer.headers.get("Muxboard-Request-Id", "")
    headers = {
        name: value for name, value in answer.headers.get_all() if name not in {"Muxboard-Request-Id", "Date"}
    }
    return answer.status, headers, answer.body.replace(request.encode(), b"")
