"""Behind a stall a flood in tmux is not replayed: the screen is drawn anew."""

from __future__ import annotations

import asyncio

import pytest

from muxboard.terminals.stall import LEAST_BYTES, STALL_S, USUAL_TIMES
from tests.faults.link import BadLink
from tests.rig.soon import soon
from tests.web.conftest import boards  # noqa: F401  the fixture
from tests.web.transports import TRANSPORTS, Client, OverSocket

pytestmark = pytest.mark.gen_test(timeout=60)


STEP_BYTES = 2 * LEAST_BYTES


async def flows(client) -> None:
    """Take enough for the link to be known.

    Acks in steps: two of them fit in the window, so it is wider than a screenful on a busy machine too.
    """
    acked = 0
    while acked < 12 * LEAST_BYTES:  # in the end all that came is acked: what waits then is on the link
        await client.next()
        if client.offset - acked >= STEP_BYTES:
            acked = client.offset
            await client.ack()
    await Client.ack(client)  # by a request, also for who says it by asking on


async def stall(live) -> None:
    """Wait until more than a screenful has waited for longer than a stall."""
    loop = asyncio.get_running_loop()
    await soon(lambda: live.output_offset - live._backlog.flow.acked > 2 * LEAST_BYTES, "output that waits")
    began = loop.time()
    usual = max(live._backlog._stall._gaps, default=0.0)  # long where the machine is busy
    longest = 1.1 * max(STALL_S, USUAL_TIMES * usual)
    await soon(lambda: loop.time() > began + longest, "longer than a stall", seconds=10 + longest)


@pytest.mark.parametrize("kind", TRANSPORTS.values(), ids=TRANSPORTS)
async def test_who_comes_back_from_a_black_hole_gets_a_fresh_screen(boards, kind):  # noqa: F811
    board = await boards()
    board.tmux.new("flood", "exec yes 0123456789012345678901234567890123456789")
    path = f"{board.base}api/v1/terminals/{await board.open('flood')}"
    (live,) = board.service.attacher.table
    first = live.pty.pid
    async with BadLink(board.port) as link:
        client = kind(link.port, path, client_id="me")
        board._sockets.append(client)  # cut in the end
        await client.open()
        await flows(client)
        link.swallows = True
        await stall(live)
        client.cut()
        link.cut()
        link.swallows = False
        back = kind(link.port, path, client.offset, client_id="me")
        board._sockets.append(back)
        await back.open()
        await back.message("reset")
        assert back.offset >= live._backlog.flow.acked > client.offset
        await back.shows(b"0123456789")
        back.cut()
    assert live.pty.pid != first
    await soon(lambda: len(board.tmux.clients("flood")) == 1, "one client in all")


async def test_a_connection_that_goes_on_after_a_stall_is_told_to_reset_on_the_spot(boards):  # noqa: F811
    """What was on its way comes first, whole and in order: the offsets show it."""
    board = await boards()
    board.tmux.new("flood", "exec yes 0123456789012345678901234567890123456789")
    path = f"{board.base}api/v1/terminals/{await board.open('flood')}"
    (live,) = board.service.attacher.table
    async with BadLink(board.port) as link:
        client = OverSocket(link.port, path)
        board._sockets.append(client)
        await client.open()
        await flows(client)
        connections = link.connections
        link.holds = True
        await stall(live)
        link.holds = False
        at = client.offset
        async with asyncio.timeout(10):
            while not client.resets:
                heard = await client.next()
                assert heard is not None
                if isinstance(heard, bytes):
                    at = client.offset
                await client.ack()
        assert client.resets == 1
        assert client.offset == at, "nothing is missing between what came and where it goes on"
        await client.shows(b"0123456789")
        assert link.connections == connections
        client.cut()
