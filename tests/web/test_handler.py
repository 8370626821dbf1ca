"""What any request may hold: sizes, counts, paths, encodings; what a slow or a lying one gets."""

import asyncio
import contextlib
import gzip
import json

import pytest

from muxboard import server
from muxboard.web import handler
from tests.web.harness import LOGIN, TOKEN, raw

pytestmark = pytest.mark.gen_test(timeout=40)

KIB = 1024
SESSIONS = f"api/v1/hosts/local/users/{LOGIN}/sessions"


def head(board, first: str, *lines: str, token: str | None = TOKEN) -> bytes:
    authorization = [f"Authorization: Bearer {token}"] if token else []
    return "\r\n".join(
        [f"{first} HTTP/1.1", f"Host: 127.0.0.1:{board.port}", *authorization, *lines, "", ""]
    ).encode()


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def problem(answer: bytes) -> dict:
    return json.loads(answer.partition(b"\r\n\r\n")[2])


@pytest.mark.parametrize("path", [SESSIONS, "api/v1/login", "api/v1/terminals", "api/v1/refresh", "nothing"])
@pytest.mark.parametrize("size", [64 * KIB + 1, 1 << 20, (1 << 20) + 1, 1 << 40, 10**30])
async def test_a_body_beyond_64_kib_is_413_before_it_is_read_or_known_who_asks(board, path, size):
    for token in (TOKEN, None):
        request = head(board, f"POST /{path}", f"Content-Length: {size}", token=token)
        answer = await raw(board.port, request + b"x" * 100)
        assert status(answer) == 413, answer
        assert problem(answer)["code"] == "too_large"
        assert problem(answer)["request_id"].encode() in answer.partition(b"\r\n\r\n")[0]


@pytest.mark.parametrize(
    ("request_line", "token", "expected"),
    [
        ("GET /api/v1/me", None, 401),
        ("GET /api/v1/me", "wrong", 401),
        ("DELETE /api/v1/me", TOKEN, 405),
        ("GET /nothing", TOKEN, 404),
        (f"POST /{SESSIONS}", None, 401),
    ],
)
async def test_a_refusal_says_whether_the_connection_is_closed_after_it(board, request_line, token, expected):
    """A proxy that keeps connections would lose the next request, which may be somebody else's."""
    request = head(board, request_line, "Content-Length: 0", token=token)
    answer = await raw(board.port, request + head(board, "GET /healthz", "Connection: close"))
    assert status(answer) == expected
    closing = b"\r\nConnection: close\r\n" in answer.partition(b"\r\n\r\n")[0]
    assert closing == (answer.count(b"HTTP/1.1 ") == 1)


@pytest.mark.parametrize("token", [TOKEN, None])
async def test_a_chunked_body_beyond_64_kib_is_refused(board, token):
    chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    for path in (SESSIONS, "api/v1/login", "api/v1/terminals"):
        request = head(board, f"POST /{path}", "Transfer-Encoding: chunked", "Connection: close", token=token)
        answer = await raw(board.port, request + chunk * 2 + b"0\r\n\r\n")
        expected = 413 if token or path == "api/v1/login" else 401
        assert status(answer) == expected, answer
        endless = await raw(board.port, request + chunk * 40, wait_s=5)
        assert endless == b"" or status(endless) in {400, 401, 413}


async def test_a_body_of_just_64_kib_is_read(board):
    body = json.dumps({"name": "x", "command": "y" * 8000}).ljust(64 * KIB).encode()
    assert len(body) == 64 * KIB
    assert (await board.call("POST", SESSIONS, body)).status == 201


@pytest.mark.parametrize(
    "length", ["-1", "+5", "0x10", "1_0", " ", "5, 6", "\u00b2", "9" * 5000, "1e3", "abc", "0, 0x"],
)  # fmt: skip
async def test_a_length_that_is_none_is_refused(board, length):
    request = head(board, "POST /api/v1/refresh").replace(b"\r\n\r\n", b"\r\nContent-Length: ")
    answer = await raw(board.port, request + length.encode("latin1") + b"\r\n\r\n{}")
    assert status(answer) in {400, 413}, answer
    assert (await board.call("GET", "api/v1/me")).status == 200


async def test_two_lengths_or_a_length_and_chunks_are_refused(board):
    for lines in (
        ("Content-Length: 2", "Content-Length: 3"),
        ("Content-Length: 2", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: gzip, chunked",),
        ("Transfer-Encoding: \x0bchunked",),
    ):
        smuggled = b"0\r\n\r\nGET /api/v1/me HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
        answer = await raw(board.port, head(board, "POST /api/v1/refresh", *lines) + smuggled, wait_s=2)
        assert status(answer) == 400, (lines, answer)
        assert answer.count(b"HTTP/1.1 ") == 1


async def test_headers_are_bounded_and_many_are_cheap(board):
    too_much = await raw(board.port, head(board, "GET /api/v1/me", "X: " + "y" * (40 * KIB)))
    assert too_much == b"" or status(too_much) in {400, 431}
    loop = asyncio.get_running_loop()
    began = loop.time()
    many = [f"X-{number % 7}: {number}" for number in range(1000)]
    answer = await raw(board.port, head(board, "GET /api/v1/me", *many, "Connection: close"))
    assert status(answer) == 200
    cookies = "Cookie: " + "; ".join(f'c{number}="\\{number}"' for number in range(1500))
    answer = await raw(board.port, head(board, "GET /api/v1/me", cookies, "Connection: close"))
    assert status(answer) == 200
    assert loop.time() - began < 1


async def test_a_slow_client_is_cut_and_holds_nobody_up(boards, monkeypatch):
    made = []

    class Hasty(server.BoundedServer):
        def initialize(self, *args, **kwargs):
            made.append((kwargs["idle_connection_timeout"], kwargs["body_timeout"]))
            super().initialize(*args, **kwargs | {"idle_connection_timeout": 0.4, "body_timeout": 0.4})

    monkeypatch.setattr(server, "BoundedServer", Hasty)
    board = await boards()
    assert all(0 < limit <= 60 for limits in made for limit in limits)

    async def drip(first: bytes) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", board.port)
        try:
            writer.write(first)
            ended = asyncio.ensure_future(reader.read())
            async with asyncio.timeout(10):
                while not ended.done():
                    writer.write(b"x")
                    await asyncio.wait([ended], timeout=0.05)
            with contextlib.suppress(ConnectionError):
                await ended
        finally:
            writer.transport.abort()

    slow = [drip(b"GET /api/v1/me HTTP/1.1\r\nX-Slow: ") for _ in range(20)]
    slow += [drip(head(board, "POST /api/v1/refresh", "Content-Length: 1000")) for _ in range(20)]
    ends = asyncio.gather(*slow)
    assert (await board.call("GET", "api/v1/me", timeout_s=2)).status == 200
    await ends


async def test_a_thousand_silent_connections_hold_nobody_up(board):
    open_ = [await asyncio.open_connection("127.0.0.1", board.port) for _ in range(200)]
    try:
        assert (await board.call("GET", "api/v1/me", timeout_s=2)).status == 200
    finally:
        for _, writer in open_:
            writer.transport.abort()


@pytest.mark.parametrize(
    "path",
    ["../secret.txt", "..%2fsecret.txt", "..%2Fsecret.txt", "%2e%2e/secret.txt", "%2e%2e%2fsecret.txt", "",
     "..\\secret.txt", "..%5csecret.txt", "%252e%252e%252fsecret.txt", "%2fetc%2fpasswd", "/etc/passwd", ".",
     "//etc/passwd", "..", "main-1a2b.js%00", "main-1a2b.js/", "main-1a2b.js/../../secret.txt", "x" * 129,
     "./main-1a2b.js", "..;/secret.txt", "%c0%ae%c0%ae/secret.txt", "main-1a2b.js.gz", "file:///etc/passwd"],
)  # fmt: skip
async def test_no_path_leads_out_of_the_assets(board, path):
    request = head(board, f"GET /assets/{path}", "Connection: close", token=None)
    answer = await raw(board.port, request)
    assert status(answer) in {400, 404}, answer
    assert b"not to be served" not in answer
    assert b"root:" not in answer


@pytest.mark.parametrize(
    "path",
    ["/h/%ff/b/c", "/api/v1/hosts/%ff/users/%c3%28/sessions/%80/preview", "/assets/%ff",
     "/api/v1/terminals?all=%ff", "/api/v1/terminals/%ff"],
)  # fmt: skip
async def test_bytes_that_are_no_text_are_refused(board, path):
    answer = await board.call("GET", path.lstrip("/"))
    assert answer.status in {400, 404}
    assert answer.code in {"invalid", "not_found"}


async def test_paths_and_queries_that_are_odd_are_answered(board):
    for target, expected in (
        ("/api/v1/terminals?all=0&all=1", {200}), ("/api/v1/terminals?all=1&all=0", {200}),
        ("/api/v1/terminals?" + "&".join(f"a{n}=1" for n in range(500)), {200, 400}),
        ("/api/v1/me?%00=%00", {200}), ("/api/v1/me#fragment", {200, 400, 404}), ("/api/v1/me/", {404}),
        ("/API/v1/me", {404}), ("/api//v1/me", {404}), ("/./api/v1/me", {404}), ("/api/v1/me%00", {404}),
        ("/api/v1/me;a=b", {404}), ("*", {400, 404}), ("http://evil.example/api/v1/me", {400, 404, 421}),
        ("//evil.example/api/v1/me", {404}), ("/api/v1/%6de", {404, 200}), ("/" + "a" * 20_000, {404}),
    ):  # fmt: skip
        answer = await raw(board.port, head(board, f"GET {target}", "Connection: close"))
        assert status(answer) in expected, (target, answer[:200])


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"1", b"\xff\xfe{", b'{"name": "\xff"}', b'{"name": "\\ud800"}',
     b"[" * 60_000,
     b'{"name":' * 8000, b'{"name":' + b"[" * 60_000, b'{"name": 1e999}', b'{"name": ' + b"9" * 60_000 + b"}",
     b'{"name": NaN}', b'{"name": "x"} {}', b'{"name": "x"', gzip.compress(b'{"name":"x"}', mtime=0),
     b'{"name": {"a": {"b": [1, 2, {}]}}}', b"{" + b",".join(b'"k%d":1' % n for n in range(6000)) + b"}"],
    ids=lambda body: repr(body[:20]),
)  # fmt: skip
async def test_a_body_that_is_not_what_is_asked_for_is_invalid_and_cheap(board, body):
    for path, token in ((SESSIONS, TOKEN), ("api/v1/terminals", TOKEN), ("api/v1/login", None)):
        began = asyncio.get_running_loop().time()
        answer = await board.call("POST", path, body, token=token)
        assert (answer.status, answer.code) == (400, "invalid")
        assert len(answer.body) < 8 * KIB
        assert asyncio.get_running_loop().time() - began < 0.5
    assert board.tmux.ls() == ["one"]


async def test_a_doubled_field_counts_once_and_as_the_last(board):
    answer = await board.call("POST", SESSIONS, b'{"name": "first", "name": "last"}')
    assert (answer.status, answer.json["name"]) == (201, "last")


async def test_what_is_repeated_in_an_error_is_data_and_never_markup(board):
    evil = "<script>alert(1)</script>"
    answers = [
        await board.call("POST", SESSIONS, {"name": "a", evil: 1}),
        await board.call("GET", "api/v1/hosts/%3Cscript%3E/users/x/sessions/y/preview"),
        await board.call("GET", "nothing%3Cscript%3E"),
        await board.call("GET", f"api/v1/terminals/{'A' * 24}/socket?offset=%3Cscript%3E"),
    ]
    for answer in answers:
        assert answer.code
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


async def test_pipelined_requests_are_answered_in_order(board):
    request = head(board, "GET /api/v1/me") * 20 + head(board, "GET /healthz", "Connection: close")
    answer = await raw(board.port, request)
    assert answer.count(b"HTTP/1.1 200 OK") == 21
    assert len({line for line in answer.split(b"\r\n") if line.startswith(b"Muxboard-Request-Id")}) == 21


async def test_made_up_methods_leave_no_label_behind(board):
    for number in range(20):
        assert (await board.call(f"MADEUP{number}", "api/v1/me", b"")).status == 405
    text = board.service.metrics.text().decode()
    assert "MADEUP" not in text
    assert 'muxboard_requests_total{method="other",route="Me",status="405"} 20.0' in text


def test_the_limits_are_the_documented_ones():
    assert handler.BODY_BYTES == 64 * KIB
    assert server.HARD_BODY_BYTES <= 1 << 20
    assert server.HEADER_BYTES <= 64 * KIB
