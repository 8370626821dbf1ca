"""A socket shows a link's bearer as a subprotocol, for pages that do without cookies; and nothing else so."""

import base64

import pytest

from tests.web.harness import LOGIN, TOKEN

TOML = '[auth.links]\nsecret_env = "LINK_KEY"\n'
KEY = "a key of at least thirty-two characters"
V1 = "muxboard.terminal.v1"

pytestmark = pytest.mark.gen_test


def packed(bearer: str) -> str:
    return "muxboard.bearer." + base64.urlsafe_b64encode(bearer.encode()).decode().rstrip("=")


async def redeemed(board):
    """What a new link's session shows."""
    link = {"host": "local", "user": LOGIN, "session": "one", "mode": "control"}
    token = (await board.call("POST", "api/v1/links", link)).json["token"]
    answer = await board.call("POST", "api/v1/links/redeem", {"token": token}, token=None)
    return answer.json["session_token"]


async def test_a_socket_opens_with_the_bearer_among_its_subprotocols(boards):
    board = await boards(TOML, env={"LINK_KEY": KEY})
    bearer = await redeemed(board)
    path = f"api/v1/terminals/{await board.open(token=bearer)}/socket?offset=0"
    for offered in (f"{V1}, {packed(bearer)}", f"{packed(bearer)},{V1}"):
        socket = await board.upgrade(path, token=None, Sec_WebSocket_Protocol=offered)
        assert socket.status == 101
        assert socket.headers["sec-websocket-protocol"] == V1  # what was shown is not said again


async def test_another_links_or_no_bearer_opens_nothing(boards):
    board = await boards(TOML, env={"LINK_KEY": KEY})
    bearer = await redeemed(board)
    path = f"api/v1/terminals/{await board.open(token=bearer)}/socket?offset=0"
    other = await board.upgrade(path, token=None, Sec_WebSocket_Protocol=packed(await redeemed(board)))
    assert other.status == 404
    own = await board.open()
    for address, offered in (
        (path, V1),
        (path, packed(bearer + "x")),
        (path, packed(bearer)[:-8]),
        (path, packed(f"{bearer}\r\nX: y")),
        (path, packed("mbl.")),
        (path, "muxboard.bearer."),
        (path, "muxboard.bearer.%%%"),
        (path, "muxboard.bearer.w7w"),
        (f"api/v1/terminals/{own}/socket?offset=0", packed(TOKEN)),
    ):
        socket = await board.upgrade(address, token=None, Sec_WebSocket_Protocol=offered)
        assert socket.status == 401, offered


async def test_only_a_socket_is_let_in_so_and_a_header_goes_first(boards):
    board = await boards(TOML, env={"LINK_KEY": KEY})
    bearer = await redeemed(board)
    shown = {"Sec-WebSocket-Protocol": packed(bearer)}
    assert (await board.call("GET", "api/v1/me", token=None, headers=shown)).status == 401
    path = f"api/v1/terminals/{await board.open(token=bearer)}/socket?offset=0"
    refused = await board.upgrade(path, token="not the token", Sec_WebSocket_Protocol=packed(bearer))
    assert refused.status == 401
