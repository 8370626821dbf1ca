"""Attacks with time: what is taken away while something is on its way."""

from __future__ import annotations

import asyncio

import pytest

from muxboard.config.schema import Grant
from muxboard.terminals.attach import TmuxLauncher
from tests.web.harness import LOGIN, Socket
from tests.web.test_links import KEY, TOML, cookies, mint

pytestmark = pytest.mark.gen_test
GRANTS = '[[grants]]\nprincipals = ["operator"]\nrole = "operator"\n'


class Slow(TmuxLauncher):
    """A host that answers when it is let go."""

    def __init__(self) -> None:
        self.asked, self.go_on = asyncio.Event(), asyncio.Event()

    async def find(self, host, user, name):
        self.asked.set()
        await self.go_on.wait()
        return await super().find(host, user, name)


async def opening(board, **headers):
    """Ask for a terminal on a slow host; return what will be its answer, and the host."""
    slow = board.service.attacher._launcher = Slow()
    body = {"host": "local", "user": LOGIN, "session": "one", "mode": "control", "cols": 80, "rows": 24}
    asked = asyncio.ensure_future(board.call("POST", "api/v1/terminals", body, **headers))
    await Socket.within(slow.asked.wait())
    return asked, slow


async def test_a_grant_that_is_taken_back_while_a_terminal_opens_opens_none(boards):
    board = await boards(GRANTS)
    asked, slow = await opening(board)
    board.service.services.grants.replace([Grant(role="viewer", principals=["operator"])])
    board.service.attacher.recheck()
    slow.go_on.set()
    assert (await asked).code == "forbidden"
    assert (len(board.service.attacher.table), board.used) == (0, 0)


async def test_a_login_that_ends_while_a_terminal_opens_opens_none(board):
    page = await board.login()
    asked, slow = await opening(board, token=None, headers=page)
    assert (await board.call("POST", "api/v1/logout", token=None, headers=page)).status == 204
    slow.go_on.set()
    assert (await asked).code == "unauthenticated"
    assert (len(board.service.attacher.table), board.used) == (0, 0)


async def test_a_link_that_ends_while_a_terminal_opens_opens_none(boards):
    board = await boards(TOML, env={"LINK_KEY": KEY})
    token = (await mint(board, mode="control")).json["token"]
    answer = await board.call("POST", "api/v1/links/redeem", {"token": token}, token=None)
    page = {"Cookie": cookies(answer)[0], "Origin": board.origin}
    asked, slow = await opening(board, token=None, headers=page)
    assert (await board.call("POST", "api/v1/logout", token=None, headers=page)).status == 204
    slow.go_on.set()
    assert (await asked).code == "unauthenticated"
