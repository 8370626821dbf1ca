"""A ^C into a flood in tmux, on a link of 64 kbit/s: the prompt does not wait for what came before it."""

from __future__ import annotations

import asyncio

import pytest

from muxboard.terminals.flow import FIRST_BYTES
from muxboard.terminals.pty import READ_BYTES
from tests.faults.link import BadLink
from tests.rig.soon import soon
from tests.web.conftest import boards  # noqa: F401  the fixture
from tests.web.transports import OverEvents, OverSocket

pytestmark = pytest.mark.gen_test(timeout=90)

RATE = 8_000.0
PROMPT = b"@READY@ "
SHELL = ["env", f"PS1={PROMPT.decode()}", "bash", "--norc", "--noprofile", "-i"]
HELD_BYTES = (
    3 * READ_BYTES
)  # the kernel holds more behind a paused reader, and a screen with all else is less


def waits(live, client) -> bool:
    """Whether output waits for a link that is known to be slow, and little is on its way."""
    flow, under_way = live._backlog.flow, live.output_offset - client.offset
    known = 0 < flow.rate < 1.5 * RATE and client.offset > FIRST_BYTES
    return known and under_way < READ_BYTES - 1 <= live.pty.held


@pytest.mark.parametrize("kind", [OverSocket, OverEvents])
async def test_the_prompt_comes_before_what_the_kernel_held(boards, kind):  # noqa: F811
    board = await boards()
    board.tmux.new("flood", SHELL)
    path = f"{board.base}api/v1/terminals/{await board.open('flood')}"
    (live,) = board.service.attacher.table
    first = live.pty.pid
    async with BadLink(board.port) as link:
        link.rate = RATE
        client = kind(link.port, path)
        board._sockets.append(client)  # cut in the end
        await client.open()
        await client.shows(PROMPT)
        await client.type(b"yes 0123456789012345678901234567890123456789\n")
        async with asyncio.timeout(40):
            while not waits(live, client):
                await client.next()
                await client.ack()
        at, resets = client.offset, client.resets
        await client.type(b"\x03")
        await soon(lambda: "^C" in board.tmux.capture("flood"), "the ^C in the session")
        client.output.clear()
        await client.shows(PROMPT)
        assert client.resets == resets + 1
        assert client.offset - at < HELD_BYTES
        assert live.pty.pid != first
        await client.type(b"echo still $((6 * 7))\n")
        await client.shows(b"still 42")
    await soon(lambda: len(board.tmux.clients("flood")) == 1, "one client in all")
