"""Random requests and random frames, with a seed: no 5xx, no dead service, and a neighbour that goes on."""

import asyncio
import json
import random
import re

import pytest

from muxboard.web.app import HEALTH, ROUTES
from tests.web.conftest import _no_other_loop, boards  # noqa: F401  fixtures
from tests.web.harness import LOGIN, TOKEN, Socket

SEEDS = [1, 2, 3]
REQUESTS = 1200  # for each seed
CONNECTIONS = 60
BATCH = 24  # requests at once

METHODS = ["GET", "GET", "POST", "POST", "DELETE", "PATCH", "HEAD", "PUT", "OPTIONS", "MADEUP", "get", ""]
WORDS = [
    "local", LOGIN, "one", "two", "nowhere", "", ".", "..", "*", "-oProxyCommand=x", "%00", "%ff", "%2F",
    "%252f",
    "#(touch x)", "$(id)", "`id`", ";", "'", '"', "\\", "<b>", "{{7*7}}", "\u202e", "🦊", "A" * 24,
    "x" * 3000, "=one", "one:", "$0", "@1", "%1", "a b", "\t", "..%2f..%2fetc%2fpasswd", "null", "0", "-1",
    "1e309", "9" * 30,
]  # fmt: skip
FIELDS = [
    "name", "command", "directory", "host", "user", "session", "mode", "cols", "rows", "token", "x", "type",
    "offset", "confirm", "all", "",
]  # fmt: skip
HEADERS = [
    "Origin", "Cookie", "Host", "Upgrade", "Connection", "Content-Type", "X-Forwarded-For",
    "X-Forwarded-Host", "Sec-Fetch-Site", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Range",
    "If-None-Match", "Expect", "Last-Event-ID", "Accept-Encoding", "X-HTTP-Method-Override",
    "Transfer-Encoding", "Content-Length",
    "Referer",
]  # fmt: skip
SAID = re.compile(rb"^HTTP/1\.1 (\d{3}) ", re.MULTILINE)

pytestmark = [pytest.mark.gen_test(timeout=110), pytest.mark.parametrize("seed", SEEDS)]


def value(rng: random.Random, depth: int = 0):
    kind = rng.randrange(9 if depth < 3 else 6)
    if kind < 3:
        return rng.choice(WORDS)
    if kind == 3:
        return rng.choice([0, 1, -1, 80, 24, 2**31, 2**63, 10**40, 1.5, 1e300])
    if kind == 4:
        return rng.choice([None, True, False])
    if kind == 5:
        return "".join(chr(rng.choice([rng.randrange(0x20), rng.randrange(0x7F, 0x3000)])) for _ in range(8))
    if kind == 6:
        return [value(rng, depth + 1) for _ in range(rng.randrange(4))]
    return {rng.choice(FIELDS): value(rng, depth + 1) for _ in range(rng.randrange(5))}


def body(rng: random.Random) -> bytes:
    kind = rng.randrange(6)
    if kind == 0:
        return b""
    if kind == 1:
        return rng.randbytes(rng.randrange(200))
    text = json.dumps(value(rng) if kind == 2 else {f: value(rng) for f in rng.sample(FIELDS, 4)}).encode()
    if kind == 3 and text:
        at = rng.randrange(len(text))
        text = text[:at] + rng.randbytes(2) + text[at + 1 :]
    return text


def target(rng: random.Random) -> str:
    pattern, _ = rng.choice(ROUTES + HEALTH)
    path = re.sub(r"\([^()]*\)", lambda _: rng.choice(WORDS), "/" + pattern)
    if rng.random() < 0.2:
        at = rng.randrange(len(path) + 1)
        path = path[:at] + rng.choice(WORDS) + path[at:]
    if rng.random() < 0.4:
        path += "?" + "&".join(f"{rng.choice(FIELDS)}={rng.choice(WORDS)}" for _ in range(rng.randrange(4)))
    return path.replace(" ", "%20")


def request(rng: random.Random, port: int) -> bytes:
    lines = [f"{rng.choice(METHODS)} {target(rng)} HTTP/1.{rng.choice('1110')}"]
    if rng.random() < 0.95:
        lines.append(f"Host: 127.0.0.1:{port}")
    if rng.random() < 0.9:
        lines.append(f"Authorization: Bearer {TOKEN}")
    lines += [f"{rng.choice(HEADERS)}: {rng.choice(WORDS)}" for _ in range(rng.randrange(4))]
    sent = body(rng)
    lines.append(f"Content-Length: {len(sent) if rng.random() < 0.95 else rng.choice(WORDS)}")
    lines.append("Connection: close")
    raw = "\r\n".join(lines).encode(errors="replace") + b"\r\n\r\n" + sent
    if rng.random() < 0.05:
        at = rng.randrange(len(raw))
        raw = raw[:at] + rng.randbytes(3) + raw[at:]
    return raw


async def exchange(port: int, data: bytes) -> bytes:
    """Send and read what comes, not waiting long for one who waits for more."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    got = b""
    try:
        writer.write(data)
        async with asyncio.timeout(0.15):
            while chunk := await reader.read(1 << 16):
                got += chunk
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.transport.abort()
    return got


async def test_no_request_is_a_5xx_or_hurts_a_neighbour(boards, caplog, seed):  # noqa: F811
    rng = random.Random(seed)  # noqa: S311
    limits = '[limits]\nrequests = "100000/minute"\nlogin_failures = "100000/minute"\nattaches_global = 9\n'
    board = await boards(limits)
    board.tmux.new("healthy", "cat")
    neighbour = await board.attached("healthy")
    seen: dict[int, int] = {}
    for _ in range(REQUESTS // BATCH):
        batch = [request(rng, board.port) for _ in range(BATCH)]
        # The neighbour's session must not be found by chance.
        batch = [data.replace(b"healthy", b"unhealthy") for data in batch]
        for data, answer in zip(
            batch, await asyncio.gather(*(exchange(board.port, d) for d in batch)), strict=True
        ):
            for code in SAID.findall(answer):
                status = int(code)
                seen[status] = seen.get(status, 0) + 1
                assert status < 500, (data, answer)
        await neighbour.echoes()
        for terminal in board.service.attacher.table:
            if terminal.target.name != "healthy":
                board.service.attacher.end(terminal, "detached")
    assert {200, 400, 401, 404, 405, 421} <= seen.keys(), seen
    assert sum(seen.values()) > REQUESTS * 0.7, seen
    assert (await board.call("GET", "api/v1/me")).status == 200
    assert "Uncaught exception" not in caplog.text
    assert "task failed" not in caplog.text
    assert not list(board.machine.folder.glob("x"))


def frames(rng: random.Random, socket: Socket) -> None:
    """Say something random."""
    for _ in range(rng.randrange(1, 12)):
        kind = rng.randrange(8)
        if kind == 0:
            socket.writer.write(rng.randbytes(rng.randrange(1, 80)))
        elif kind == 1:
            socket.frame(rng.randrange(16), rng.randbytes(rng.randrange(140)), fin=rng.random() < 0.7,
                         mask=rng.random() < 0.9)  # fmt: skip
        elif kind == 2:
            socket.frame(1, body(rng))
        elif kind == 3:
            said = {"type": rng.choice(["ack", "resize", "hello", "exit", "notice", 1])}
            socket.say(
                **said, **{field: value(rng) for field in ("offset", "cols", "rows") if rng.random() < 0.7}
            )
        elif kind == 4:
            socket.say(type="resize", cols=rng.randrange(-9, 999), rows=rng.randrange(-9, 999))
        elif kind == 5:
            socket.say(type="ack", offset=rng.randrange(2000))
        elif kind == 6:
            socket.type(rng.randbytes(rng.randrange(300)).replace(b"\x02", b""))  # not tmux's own key
        else:
            socket.frame(9, rng.randbytes(rng.randrange(126)))


async def test_no_frame_kills_the_service_or_hurts_a_neighbour(boards, caplog, seed):  # noqa: F811
    rng = random.Random(seed)  # noqa: S311
    board = await boards()
    board.tmux.new("healthy", "cat")
    board.tmux.new("raw", "stty raw -echo; exec cat > /dev/null")
    neighbour = await board.attached("healthy")
    terminal = await board.open("raw")
    for _ in range(CONNECTIONS):
        socket = await board.upgrade(
            f"api/v1/terminals/{terminal}/socket?offset={rng.choice([0, 0, 7, 10**9])}"
        )
        if socket.status != 101:
            assert socket.status == 404
            terminal = await board.open("raw")
            continue
        frames(rng, socket)
        if rng.random() < 0.5:
            socket.reset()
        else:
            try:
                async with asyncio.timeout(0.05):
                    while await socket.next() is not None:
                        pass
            except TimeoutError:
                pass
            socket.cut()
        await neighbour.echoes()
    assert (await board.call("GET", "api/v1/me")).status == 200
    assert board.tmux.ls() == ["healthy", "one", "raw"]
    assert "Uncaught exception" not in caplog.text
    assert "Exception in callback" not in caplog.text
    assert "task failed" not in caplog.text
