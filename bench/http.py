"""An HTTP/1.1 client connection for JSON calls, kept alive as a browser would keep it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

ANSWER_S = 30.0


class Refused(Exception):  # noqa: N818
    """The service answered with an error status."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"HTTP {status}: {body[:300].decode(errors='replace')}")
        self.status = status


class Http:
    """One connection to 127.0.0.1; calls are made one after the other."""

    def __init__(self, port: int, token: str) -> None:
        self._port = port
        self._head = (
            f"Host: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n"
            f"Origin: http://127.0.0.1:{port}\r\n"  # a proxy's token is ambient
        )
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def call(self, method: str, path: str, body: object = None) -> Any:
        """
        Return the decoded JSON answer, ``None`` when there is none.

        Raises: Refused, OSError, TimeoutError.
        """
        async with asyncio.timeout(ANSWER_S):
            raw = await self._call(method, path, body)
        return json.loads(raw) if raw else None

    async def _call(self, method: str, path: str, body: object) -> bytes:
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port, limit=2**24)
        reader, writer = self._streams
        payload = b"" if body is None else json.dumps(body).encode()
        kind = "Content-Type: application/json\r\n" if payload else ""
        head = f"{method} {path} HTTP/1.1\r\n{self._head}{kind}Content-Length: {len(payload)}\r\n\r\n"
        writer.write(head.encode() + payload)
        lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(lines[0].split()[1])
        headers = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
        if headers.get("transfer-encoding") == "chunked":
            answer = await self._chunks(reader)
        else:
            answer = await reader.readexactly(int(headers.get("content-length", "0")))
        if headers.get("connection") == "close":
            self.close()
        if status >= 400:
            raise Refused(status, answer)
        return answer if "json" in headers.get("content-type", "") else b""

    async def _chunks(self, reader: asyncio.StreamReader) -> bytes:
        parts = []
        while size := int((await reader.readline()).split(b";")[0], 16):
            parts.append(await reader.readexactly(size))
            await reader.readexactly(2)
        await reader.readexactly(2)
        return b"".join(parts)

    def close(self) -> None:
        if self._streams:
            self._streams[1].close()
            self._streams = None
