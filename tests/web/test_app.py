"""Closed by construction: what holds for every route, whatever it does."""

import re

import pytest
from tornado.routing import URLSpec
from tornado.web import RequestHandler

from muxboard.web.api import Me
from muxboard.web.app import HEALTH, ROUTES
from muxboard.web.handler import Access, Guard, SocketHandler
from muxboard.web.pages import NotFound, Page
from tests.web.harness import LOGIN, TOKEN, raw

pytestmark = pytest.mark.gen_test(timeout=60)

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND")
SAFE = ("GET", "HEAD")
SECURITY_HEADERS = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
# What stands for each group of a route's pattern, in the order of the groups.
EXAMPLES = {
    "h": ["local", LOGIN, "one"],
    "assets": ["main-1a2b.js"],
    "hosts": ["local", LOGIN, "one"],
    "terminals": ["A" * 24],
}


def example(pattern: str) -> str:
    """A path that a route's pattern matches."""
    words = iter(next((words for part, words in EXAMPLES.items() if re.search(rf"\b{part}/", pattern)), []))
    path = re.sub(r"\([^()]*\)", lambda _: next(words), pattern).replace("\\", "")
    assert re.fullmatch(pattern, path), (pattern, path)
    return path


TABLE = [(example(pattern), handler) for pattern, handler in ROUTES + HEALTH]
IDS = [path or "/" for path, _ in TABLE]
PROTECTED = [
    (path, method, access)
    for path, handler in TABLE
    for method, access in handler.access.items()
    if access is not Access.public
]


@pytest.mark.parametrize(("path", "handler"), TABLE, ids=IDS)
def test_every_handler_is_guarded_and_says_what_each_of_its_methods_needs(path, handler):
    assert issubclass(handler, Guard)
    assert handler.access
    assert handler.__mro__.index(Guard) < handler.__mro__.index(RequestHandler)
    written = {
        method for method in METHODS
        if getattr(handler, method.lower(), None) is not getattr(RequestHandler, method.lower(), None)
    }  # fmt: skip
    if issubclass(handler, SocketHandler):
        written = {"GET"}
    assert written == set(handler.access)
    assert "prepare" not in vars(handler), "only the base classes may decide who comes in"


def test_only_these_routes_are_public():
    public = {path for path, handler in TABLE if Access.public in handler.access.values()}
    pages = {path for path, handler in TABLE if handler is Page}
    assert public - pages == {
        "assets/main-1a2b.js",
        "embed.js",
        "api/v1/links/redeem",
        "api/v1/login",
        "healthz",
        "readyz",
    }


async def test_a_method_that_is_not_listed_is_405(board):
    page = await board.login()
    for path, handler in TABLE:
        for method in set(METHODS) - set(handler.access):
            answer = await board.call(method, path, None if method in SAFE else b"", headers=page)
            assert answer.status == 405, (method, path)
            assert method == "HEAD" or answer.code == "method_not_allowed"


async def test_without_a_credential_nothing_is_reached(board):
    ours = {"Origin": board.origin}
    nothing = [
        ours,
        {**ours, "Cookie": f"muxboard-{board.port}=x"},
        {**ours, "X-Remote-User": "root", "X-Forwarded-User": "root", "Remote-User": "root"},
        {**ours, "Authorization": ""},
    ]
    queries = [f"?token={TOKEN}", f"?access_token={TOKEN}", f"?authorization=Bearer%20{TOKEN}"]
    for path, method, _ in PROTECTED:
        for address, headers in [(path, h) for h in nothing] + [(path + query, ours) for query in queries]:
            answer = await board.call(method, address, token=None, headers=headers)
            assert (answer.status, answer.code) == (401, "unauthenticated"), (method, address, headers)
            assert answer.headers["WWW-Authenticate"] == 'Bearer realm="muxboard"'


async def test_an_ambient_credential_needs_a_page_of_ours_to_act_or_to_stream(board):
    cookie = {"Cookie": (await board.login())["Cookie"]}
    foreign = [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": board.origin.replace("http:", "https:")},
        {"Origin": f"{board.origin}.evil.example"},
        {"Origin": f"{board.origin}@evil.example"},
        {"Origin": f"{board.origin}, https://evil.example"},
        {"Origin": f"http://127.0.0.1:{board.port + 1}"},
        {"Origin": "http://127.0.0.1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin"},
        {"Referer": board.url},
    ]
    for path, method, access in PROTECTED:
        for headers in foreign:
            if method in SAFE and access is not Access.stream:
                continue
            answer = await board.call(method, path, b"{}", token=None, headers=cookie | headers)
            assert (answer.status, answer.code) == (403, "origin_refused"), (method, path, headers)
        for ours in ({"Origin": board.origin}, {"Sec-Fetch-Site": "same-origin"}):
            if access is Access.stream or path.endswith("logout"):
                continue
            answer = await board.call(method, path, b"{}", token=None, headers=cookie | ours)
            assert answer.status not in {401, 403}, (method, path, ours)


async def test_a_bearer_needs_no_origin(board):
    for path, method, access in PROTECTED:
        if access is not Access.stream:
            answer = await board.call(method, path, b"{}", headers={"Origin": "https://evil.example"})
            assert answer.status not in {401, 403}, (method, path)
    stream = await board.upgrade(f"api/v1/terminals/{await board.open()}/socket")
    assert stream.status == 101
    stream.cut()


async def test_a_foreign_host_is_421_whoever_asks(board):
    hosts = [
        "evil.example",
        "127.0.0.1.evil.example",
        "localhost.evil:80",
        "-",
        "[::2]",
        "2130706433",
    ]
    for path, handler in [*TABLE, ("nothing/at/all", NotFound)]:
        for method in handler.access:
            for host in hosts:
                for token in (TOKEN, None):
                    answer = await board.call(method, path, token=token, headers={"Host": host})
                    assert answer.status == 421, (method, path, host)
                    assert method == "HEAD" or answer.code == "host_refused"


async def test_a_malformed_doubled_or_missing_host_is_refused(board):
    good = f"127.0.0.1:{board.port}"
    for lines in (
        "Host: 127.0.0.1@evil.example", "Host: a b", "Host: [::1", f"Host: {good}\r\nHost: {good}",
        f"Host: {good}\r\nHost: evil.example", f"Host: {good}, evil.example", "Host:", "X-None: 1",
        "X-Forwarded-Host: 127.0.0.1",
    ):  # fmt: skip
        request = f"GET /api/v1/inventory HTTP/1.1\r\n{lines}\r\nConnection: close\r\n"
        answer = await raw(board.port, f"{request}Authorization: Bearer {TOKEN}\r\n\r\n".encode())
        assert answer.split()[1] in {b"400", b"421"}, (lines, answer)


async def test_an_unknown_path_is_404(board):
    for path in (
        "nothing",
        "api/v1/nothing",
        "api/v2/me",
        "metrics",
        "favicon.ico",
        "api/v1/terminals/a/b/c",
    ):
        for token in (TOKEN, None):
            answer = await board.call("GET", path, token=token)
            assert (answer.status, answer.code) == (404, "not_found")


async def test_every_answer_carries_the_security_headers(board):
    """Of a success, of a refusal, of a method that does not exist."""
    for path, handler in TABLE:
        tries = [("GET", None), ("PUT", TOKEN), ("POST", TOKEN)]
        if Access.stream not in handler.access.values():
            tries += [(method, TOKEN) for method in handler.access]
        for method, token in tries:
            answer = await board.call(method, path, token=token)
            asset = path.startswith(("assets", "embed")) and answer.status == 200
            for name, usual in SECURITY_HEADERS.items():
                foreign = path == "embed.js" and asset and name == "Cross-Origin-Resource-Policy"
                value = "cross-origin" if foreign else usual
                assert answer.headers.get_list(name) == [value], (method, path, name)
            assert "Server" not in answer.headers
            assert re.fullmatch("[0-9a-f]{16}", answer.headers["Muxboard-Request-Id"])
            policy = answer.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert asset or answer.headers["Cache-Control"] == "no-store"


async def test_streams_and_sockets_carry_them_too(board):
    stream = await board.upgrade(f"api/v1/terminals/{await board.open()}/socket")
    assert stream.status == 101
    assert "server" not in stream.headers
    assert stream.headers["x-content-type-options"] == "nosniff"
    stream.cut()


# Every route whose path holds a terminal's id.
WITH_ID = [
    pytest.param(path, method, id=f"{method} {path.replace('A' * 24, 'ID')}")
    for path, handler in TABLE
    if "A" * 24 in path
    for method in handler.access
]
PEOPLE = """
[[grants]]
principals = ["alice", "bob"]
role = "operator"
[[grants]]
principals = ["carol"]
role = "admin"
hosts = ["elsewhere"]
"""


@pytest.mark.parametrize(("path", "method"), WITH_ID)
@pytest.mark.parametrize("person", ["bob", "carol"])
async def test_anothers_terminal_is_as_unknown_as_one_that_never_was(boards, path, method, person):
    """Also for an admin of other hosts."""
    board = await boards(PEOPLE)
    alices = await board.open(token="person-alice")
    upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA=="}  # fmt: skip

    theirs = await board.call(
        method, path.replace("A" * 24, alices), token=f"person-{person}", headers=upgrade
    )
    never = await board.call(method, path, token=f"person-{person}", headers=upgrade)

    assert (theirs.status, theirs.code) == (404, "not_found")
    assert never.json | {"request_id": ""} == theirs.json | {"request_id": ""}
    assert never.headers.keys() == theirs.headers.keys()
    assert board.service.attacher.table.find(alices, next(iter(board.service.attacher.table)).principal)


def test_the_walk_covers_every_route_with_an_id():
    assert {pattern for pattern, _ in ROUTES if "terminals/" in pattern} == {
        pattern for pattern, handler in ROUTES if "A" * 24 in example(pattern)
    }
    assert len(WITH_ID) >= 2


async def test_an_id_is_too_long_to_guess_and_is_never_anothers_to_see(boards):
    board = await boards(PEOPLE)
    alices = await board.open(token="person-alice")
    assert len(alices) * 6 >= 128
    for path in ("api/v1/terminals", "api/v1/me", "api/v1/inventory", "api/v1/terminals?all=1"):
        answer = await board.call("GET", path, token="person-bob")
        assert alices.encode() not in answer.body
    assert (await board.call("GET", "api/v1/terminals", token="person-alice")).json[0]["id"] == alices


async def test_everything_lives_below_the_base_path(boards):
    board = await boards('[server]\nbase_path = "/console/"\n')
    assert board.url.endswith("/console/")
    for path, handler in TABLE:
        if Access.public in handler.access.values() and "GET" in handler.access:
            assert (await board.call("GET", path)).status == 200
    assert (await board.call("GET", "api/v1/me")).status == 200
    board.url = board.origin
    assert (await board.call("GET", "/api/v1/me")).status == 404
    assert (await board.call("GET", "/healthz")).status == 404
    moved = await board.call("GET", "/console", token=None)
    assert (moved.status, moved.headers["Location"]) == (302, "/console/")
    assert "Location" not in (await board.call("GET", "//evil.example/console", token=None)).headers


def test_no_route_is_shadowed_by_another():
    specs = [URLSpec("/" + pattern + "$", handler) for pattern, handler in ROUTES + HEALTH]
    for path, handler in TABLE:
        matching = [spec.handler_class for spec in specs if spec.regex.match("/" + path)]
        assert matching == [handler]


def test_what_is_not_in_the_table_is_guarded_too():
    assert issubclass(NotFound, Guard)


async def test_a_method_that_is_written_but_not_listed_is_405(board, monkeypatch):
    monkeypatch.setattr(Me, "access", {})
    answer = await board.call("GET", "api/v1/me")
    assert (answer.status, answer.code) == (405, "method_not_allowed")
