"""The token gate: a bearer, or a cookie that the token was exchanged for."""

import hmac
import re
from types import SimpleNamespace

import pytest
from tornado.web import create_signed_value

from muxboard.access import token as access_token
from muxboard.access.token import TokenGate
from muxboard.config.values import Secret
from muxboard.web.cookie import sign
from tests.web.harness import TOKEN, raw

pytestmark = pytest.mark.gen_test(timeout=30)

PROXIED = '[server]\ntrusted_proxies = ["127.0.0.1"]\npublic_url = "https://ops.example.com/"\n'
BEHIND = {"X-Forwarded-Host": "ops.example.com", "X-Forwarded-Proto": "https"}


async def me(board, **headers: str) -> int:
    return (await board.call("GET", "api/v1/me", token=None, headers=headers)).status


async def test_login_sets_a_cookie_that_no_script_and_no_other_site_can_use(board):
    answer = await board.call("POST", "api/v1/login", {"token": TOKEN}, token=None)
    assert (answer.status, answer.body) == (204, b"")
    (cookie,) = answer.headers.get_list("Set-Cookie")
    name, _, rest = cookie.partition("=")
    value, *attributes = rest.split("; ")
    assert name == f"muxboard-{board.port}"
    plain = {a for a in attributes if not a.startswith("expires=")}
    assert plain == {"HttpOnly", "Path=/", "SameSite=Strict"}
    assert TOKEN not in cookie
    assert await me(board, Cookie=f"{name}={value}") == 200


async def test_over_https_the_cookie_is_bound_to_the_host(boards):
    board = await boards(PROXIED)
    answer = await board.call("POST", "api/v1/login", {"token": TOKEN}, token=None, headers=BEHIND)
    (cookie,) = answer.headers.get_list("Set-Cookie")
    assert cookie.startswith("__Host-muxboard=")
    assert {"HttpOnly", "Path=/", "SameSite=Strict", "Secure"} <= set(cookie.split("; "))
    assert "Domain" not in cookie
    assert await me(board, Cookie=cookie.split(";")[0], **BEHIND) == 200
    assert await me(board, Cookie=cookie.split(";")[0]) == 401, "the name of http is another"


async def test_what_a_stranger_forwards_is_not_believed(board):
    answer = await board.call("POST", "api/v1/login", {"token": TOKEN}, token=None, headers=BEHIND)
    assert answer.headers["Set-Cookie"].startswith(f"muxboard-{board.port}=")
    assert "Secure" not in answer.headers["Set-Cookie"]


@pytest.mark.parametrize("host", ["localhost", "[::1]", "127.0.0.1"])
async def test_the_cookies_name_holds_the_port_also_when_the_host_has_none(board, host):
    answer = await board.call("POST", "api/v1/login", {"token": TOKEN}, token=None, headers={"Host": host})
    assert answer.headers["Set-Cookie"].startswith("muxboard-80=")


@pytest.mark.parametrize(
    "token", ["", "wrong", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), f" {TOKEN}", "é" * 24]
)
async def test_a_wrong_token_is_401_and_sets_nothing(board, token):
    answer = await board.call("POST", "api/v1/login", {"token": token}, token=None)
    assert (answer.status, answer.code) == (401, "unauthenticated")
    assert "Set-Cookie" not in answer.headers
    if token:
        assert token.encode() not in answer.body


async def test_a_login_from_another_page_is_refused(board):
    for origin in ("https://evil.example", "null"):
        answer = await board.call(
            "POST", "api/v1/login", {"token": TOKEN}, token=None, headers={"Origin": origin}
        )
        assert (answer.status, answer.code) == (403, "origin_refused")
        assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'"x"', b"{", b'{"token": null}', b'{"token": 1}', b'{"tok": "x"}', b"\xff",
             b'{"token": "\\ud800"}', b'{"token": "a\\u0000b"}', b'{"token": "' + b"x" * 5000 + b'"}'],
)  # fmt: skip
async def test_a_login_that_is_none_is_invalid(board, body):
    answer = await board.call("POST", "api/v1/login", body, token=None)
    assert (answer.status, answer.code) == (400, "invalid")


@pytest.mark.parametrize(
    "header", ["Bearer wrong-token-wrong-token", "Bearer", "Bearer ", "bearer", f"Basic {TOKEN}", TOKEN,
               f"Bearer{TOKEN}", f"Bearer {TOKEN}x", f"Bearer {TOKEN}, Bearer {TOKEN}", f"Token {TOKEN}",
               "Bearer \u00e9\u00e9"],
)  # fmt: skip
async def test_a_bearer_is_believed_or_refused_also_beside_a_good_cookie(board, header):
    page = await board.login()
    answer = await board.call("GET", "api/v1/me", token=None, headers=page | {"Authorization": header})
    assert (answer.status, answer.code) == (401, "unauthenticated")


async def test_bearer_is_known_in_any_case_and_may_be_padded(board):
    for header in (f"bearer {TOKEN}", f"BEARER {TOKEN}", f"Bearer   {TOKEN}"):
        assert await me(board, Authorization=header) == 200


async def test_a_doubled_authorization_is_refused(board):
    lines = f"Host: 127.0.0.1:{board.port}\r\n" + 2 * f"Authorization: Bearer {TOKEN}\r\n"
    answer = await raw(board.port, f"GET /api/v1/me HTTP/1.1\r\n{lines}Connection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 401 ")


async def test_a_cookie_that_was_touched_is_refused(board):
    name, _, value = (await board.login())["Cookie"].partition("=")
    forged = create_signed_value("another key", "muxboard", '{"id":"a","exp":9999999999}').decode()
    parts = value.split("|")
    longer = "|".join([*parts[:4], parts[4] + "=", parts[5]])
    swapped = [
        value[:i] + ("A" if value[i] != "A" else "B") + value[i + 1 :] for i in range(0, len(value), 7)
    ]
    for other in [
        *swapped,
        forged,
        longer,
        value[:-1],
        value + "0",
        value.upper(),
        "",
        "|",
        "2|1:0|",
        "x" * 4000,
    ]:
        assert await me(board, Cookie=f"{name}={other}") == 401, other
    assert await me(board, Cookie=f"other={value}") == 401
    assert await me(board, Cookie=f"{name}={value}") == 200


async def test_a_cookie_of_another_token_is_refused(boards):
    machine = boards.machine()
    first = await boards(machine=machine)
    cookie = (await first.login())["Cookie"]
    second = await boards(machine=machine, env={"MUXBOARD_TOKEN": "quite-another-token-here"})
    assert await me(second, Cookie=cookie.replace(str(first.port), str(second.port))) == 401


async def test_a_login_is_good_for_the_gate_that_gave_it(board):
    """Replicas that were given another gate still know the key by which it was signed."""
    sessions = board.service.sessions
    await sessions.ready()
    for gate, status in (("token", 200), ("jwt", 401)):
        said, _ = sessions.make("operator", gate, 60.0)
        assert await me(board, Cookie=f"muxboard-{board.port}={sign(sessions, said)}") == status


async def test_a_login_ends_by_itself(boards):
    board = await boards('[auth.token]\nsession = "1s"\n')
    page = await board.login()
    assert await me(board, **page) == 200
    terminal = await board.call(
        "POST", "api/v1/terminals", {"host": "local", "user": board.tmux("display", "-p", "#{user}").strip(),
                                     "session": "one"}, token=None, headers=page
    )  # fmt: skip
    socket = await board.upgrade(f"api/v1/terminals/{terminal.json['id']}/socket", token=None, **page)
    assert (await socket.message("exit"))["reason"] == "expired"
    assert await socket.close_code() == 1000
    assert await me(board, **page) == 401
    socket.cut()


async def test_logout_revokes_the_login_and_ends_what_was_opened_with_it(board):
    page, other = await board.login(), await board.login()
    bodies = {"host": "local", "user": board.service.sweeper.hosts["local"].login, "session": "one"}
    made = await board.call("POST", "api/v1/terminals", bodies, token=None, headers=page)
    kept = await board.call("POST", "api/v1/terminals", bodies, token=None, headers=other)
    socket = await board.upgrade(f"api/v1/terminals/{made.json['id']}/socket", token=None, **page)
    neighbour = await board.upgrade(f"api/v1/terminals/{kept.json['id']}/socket", token=None, **other)

    answer = await board.call("POST", "api/v1/logout", token=None, headers=page)

    assert answer.status == 204
    assert re.match(rf'muxboard-{board.port}=("")?;', answer.headers["Set-Cookie"])
    assert await me(board, **page) == 401
    assert (await socket.message("exit"))["reason"] == "revoked"
    assert await socket.close_code() == 1000
    assert await me(board, **other) == 200
    await neighbour.echoes()
    for done in (socket, neighbour):
        done.cut()


async def test_failed_logins_are_rated_for_each_client_address(boards):
    board = await boards('[limits]\nlogin_failures = "3/minute"\n' + PROXIED)

    async def attempt(client: str, token: str = "wrong") -> int:  # noqa: S107
        headers = BEHIND | {"X-Forwarded-For": client}
        answer = await board.call("POST", "api/v1/login", {"token": token}, token=None, headers=headers)
        if answer.status == 429:
            assert answer.code == "rate_limited"
            assert 1 <= int(answer.headers["Retry-After"]) <= 60
        return answer.status

    assert [await attempt("192.0.2.1") for _ in range(4)] == [401, 401, 401, 429]
    assert await attempt("192.0.2.1", TOKEN) == 429, "also with the right token, or guessing goes on"
    assert await attempt("192.0.2.2", TOKEN) == 204
    assert await attempt("203.0.113.9, 192.0.2.1") == 429, "what the client itself wrote is not believed"
    assert await attempt("192.0.2.1, 127.0.0.1") == 429, "a trusted proxy in between is passed over"
    assert await attempt("192.0.2.1, 198.51.100.7") == 401, "the rightmost that is not trusted counts"
    headers = BEHIND | {"X-Forwarded-For": "192.0.2.1"}
    assert (await board.call("GET", "api/v1/me", headers=headers)).status == 429, "a bearer is no way round"


async def test_a_strangers_forwarded_address_does_not_help_guessing(boards):
    board = await boards('[limits]\nlogin_failures = "2/minute"\n')
    statuses = []
    for number in range(4):
        forwarded = {"X-Forwarded-For": f"192.0.2.{number}", "Forwarded": f"for=192.0.2.{number}"}
        answer = await board.call("POST", "api/v1/login", {"token": "wrong"}, token=None, headers=forwarded)
        statuses.append(answer.status)
    assert statuses == [401, 401, 429, 429]


async def test_good_logins_are_not_counted(boards):
    board = await boards('[limits]\nlogin_failures = "2/minute"\n')
    for _ in range(5):
        await board.login()
        assert (await board.call("GET", "api/v1/me")).status == 200


def test_the_token_is_compared_in_constant_time(monkeypatch):
    compared = []

    def spy(a: bytes, b: bytes) -> bool:
        compared.append((len(a), len(b)))
        return hmac.compare_digest(a, b)

    monkeypatch.setattr(access_token, "hmac", SimpleNamespace(compare_digest=spy))
    gate = TokenGate(Secret(TOKEN), "operator")
    for given in ("", "x", TOKEN, TOKEN[:-1], "y" * 5000):
        assert gate.matches(given) == (given == TOKEN)
    assert compared == [(32, 32)] * 5, "digests, so that not even the length shows"


async def test_each_start_without_a_token_makes_a_fresh_one(boards):
    machine = boards.machine()
    tokens = set()
    for _ in range(3):
        board = await boards(machine=machine, env={"MUXBOARD_TOKEN": ""})
        tokens.add(board.service.token.reveal())
        assert board.service.url == f"{board.url}#token={board.service.token.reveal()}"
        assert (await board.call("GET", "api/v1/me", token=board.service.token.reveal())).status == 200
        assert (await board.call("GET", "api/v1/me")).status == 401
    assert len(tokens) == 3
    assert all(len(token) >= 32 for token in tokens)


async def test_two_boards_below_one_host_do_not_log_each_other_out(boards):
    """A ``__Host-`` cookie is for the whole host, so its name tells the boards apart."""
    server = '[server]\nbase_path = "/{}/"\n'
    first, second = await boards(server.format("ops/one")), await boards(server.format("two"))
    cookies = []
    for board in (first, second):
        answer = await board.call("POST", "api/v1/login", {"token": TOKEN}, token=None)
        cookies.append(answer.headers["Set-Cookie"].split(";")[0])
    names = [cookie.partition("=")[0].partition(".")[2] for cookie in cookies]
    assert names == ["ops.one", "two"]
    both = {"Cookie": "; ".join(cookies), "Origin": first.origin}
    assert (await first.call("GET", "api/v1/me", token=None, headers=both)).status == 200
