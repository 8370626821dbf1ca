"""Attacks with cookies and bearers of ours: each is good for what it was made for."""

from __future__ import annotations

import pytest

from tests.web.harness import LOGIN, OTHER, TOKEN
from tests.web.test_links import KEY, TOML, cookies, mint, wanted

pytestmark = pytest.mark.gen_test


async def redeemed(board, **changes):
    """A link's cookie, as name and value, and its bearer."""
    token = (await mint(board, **changes)).json["token"]
    answer = await board.call("POST", "api/v1/links/redeem", {"token": token}, token=None)
    [line] = cookies(answer)
    name, _, value = line.partition("=")
    return name, value.strip('"'), answer.json["session_token"]


async def me(board, cookie=None, bearer=None):
    headers = {"Cookie": cookie} if cookie else {}
    answer = await board.call("GET", "api/v1/me", token=bearer, headers=headers)
    return answer.json["principal"]["gate"] if answer.status == 200 else answer.status


async def test_what_one_credential_says_counts_in_no_other_place(boards):
    board = await boards(TOML, env={"LINK_KEY": KEY})
    page = await board.login()
    login, _, value = page["Cookie"].partition("=")
    value = value.strip('"')
    name, link, bearer = await redeemed(board)
    assert await me(board, f'{login}="{value}"') == "token"
    assert await me(board, f'{name}="{link}"') == "link"
    assert await me(board, f'{login}="{link}"') == 401
    assert await me(board, f'{name}="{value}"') == 401
    assert await me(board, f'{login}="{bearer}"') == 401
    assert await me(board, f"{login}={TOKEN}") == 401
    assert await me(board, bearer=f"mbl.{value}") == 401
    assert await me(board, bearer=value) == 401
    assert await me(board, bearer=link) == 401
    assert await me(board, bearer=bearer) == "link"
    assert await me(board, bearer=bearer.upper()) == 401


async def test_a_bearer_of_a_link_gets_nothing_from_the_cookies_beside_it(boards):
    board = await boards(TOML, env={"LINK_KEY": KEY})
    page = await board.login()
    _, _, bearer = await redeemed(board)
    assert await me(board, page["Cookie"], bearer) == "link"
    assert await me(board, page["Cookie"], "mbl.nonsense") == 401


async def test_cookies_planted_from_another_port_neither_let_in_nor_end_a_login(boards):
    """On plain http the ports of a name share cookies, so anybody on the machine may plant some."""
    board = await boards(TOML, env={"LINK_KEY": KEY})
    page = await board.login()
    login = page["Cookie"].partition("=")[0]
    planted = [f"{login}-link-{index:04}={'x' * 40}" for index in range(300)]
    both = {**page, "Cookie": "; ".join([page["Cookie"], *planted])}
    assert (await board.call("GET", "api/v1/me", token=None, headers=both)).json["links"] == []
    assert await me(board, "; ".join(planted)) == 401
    token = (await mint(board)).json["token"]
    cleared = await board.call("POST", "api/v1/links/redeem", {"token": token}, token=None, headers=both)
    lines = cleared.headers.get_list("Set-Cookie")
    assert sum('=""' in line for line in lines) == len(planted)
    assert not any(line.startswith(f"{login}=") for line in lines)


async def test_a_link_that_was_logged_out_is_over_in_every_form(boards):
    board = await boards(TOML, env={"LINK_KEY": KEY})
    name, link, bearer = await redeemed(board)
    out = await board.call("POST", "api/v1/logout", token=bearer)
    assert out.status == 204
    assert await me(board, f'{name}="{link}"') == 401
    assert await me(board, bearer=bearer) == 401


async def test_one_link_does_not_reach_the_terminal_of_another_to_the_same_session(boards):
    board = await boards(TOML, env={"LINK_KEY": KEY})
    bearers = [(await redeemed(board, mode="control"))[2] for _ in range(2)]
    terminal = await board.open(token=bearers[0])
    refused = await board.upgrade(f"api/v1/terminals/{terminal}/socket", token=bearers[1])
    assert refused.status == 404
    gone = await board.call("DELETE", f"api/v1/terminals/{terminal}", token=bearers[1])
    assert gone.code == "not_found"
    assert (await board.call("GET", "api/v1/terminals", token=bearers[1])).json == []


async def test_a_link_beside_a_viewers_login_adds_its_session_and_no_rights(boards):
    grants = '[[grants]]\nprincipals = ["operator"]\nrole = "viewer"\n'
    grants += '[[grants]]\nprincipals = ["boss"]\nrole = "admin"\n'
    board = await boards(TOML + grants, env={"LINK_KEY": KEY}, two_users=True)
    board.machine.tmux.new("two", "cat")
    page = await board.login()
    made = await board.call("POST", "api/v1/links", wanted(mode="control"), token="person-boss")
    opened = await board.call(
        "POST", "api/v1/links/redeem", {"token": made.json["token"]}, token=None, headers=page
    )
    both = {**page, "Cookie": "; ".join([page["Cookie"], *cookies(opened)])}

    async def code(method, path, body=None):
        answer = await board.call(method, path, body, token=None, headers=both)
        return answer.status if answer.status < 400 else answer.code

    size = {"cols": 80, "rows": 24}
    base = f"api/v1/hosts/local/users/{LOGIN}/sessions"
    assert await code("POST", "api/v1/terminals", {**wanted(mode="control"), **size}) == 201
    for method, path, body in (
        ("POST", "api/v1/terminals", {**wanted(mode="control", session="two"), **size}),
        ("POST", "api/v1/terminals", {**wanted(mode="control", user=OTHER), **size}),
        ("POST", "api/v1/links", wanted(mode="view")),
        ("POST", "api/v1/links", wanted(mode="control")),
        ("POST", base, {"name": "x"}),
        ("PATCH", f"{base}/one", {"name": "x"}),
        ("DELETE", f"{base}/one?confirm=one", None),
        ("GET", "api/v1/terminals?all=1", None),
    ):
        assert await code(method, path, body) == "forbidden", (method, path)
