"""Whoever has lost their place is told so, and gets the whole screen; whoever has not, goes on."""

from __future__ import annotations

import asyncio
import contextlib
import random

import pytest

from tests.faults.link import LOST, BadLink
from tests.rig.soon import soon
from tests.web.conftest import board, boards  # noqa: F401  the fixtures
from tests.web.transports import TRANSPORTS

pytestmark = pytest.mark.gen_test(timeout=90)

SEED = 20260103
RETURNS = 24
COLS, ROWS = 80, 24
# Each line that is typed becomes several, with colours, wide characters, and text at the far end of the line.
BUSY = r"""i=0; while read line; do
i=$((i+1)); [ $((i%5)) = 0 ] && printf '\033[2J\033[H\033[7m top of a fresh screen \033[m\r\n'
printf '\033[3%dm%s \346\274\242\345\255\227 \303\251\033[m\033[70G| %d\r\n' $((i%8)) "$line" $i; done"""


def screen(tmux, session: str) -> list[str]:
    """The text of a session's screen, without what tmux draws below it for its clients."""
    lines = tmux("capture-pane", "-p", "-t", f"={session}:").split("\n")
    return [line.rstrip() for line in lines[: ROWS - 1]]


async def drawn(machine, output: bytes) -> list[str]:
    """The text of the screen that bytes draw on a terminal which shows nothing yet: tmux's own."""
    shown, done = machine.folder / "shown", machine.folder / "done"
    shown.write_bytes(output)
    done.unlink(missing_ok=True)
    # The escape sequence at the end is tmux's word that it has drawn what came before.
    machine.other.new(
        "drawn", f"stty raw -echo; cat {shown}; printf '\\033[6n'; head -c 4; touch {done}; cat"
    )
    try:
        await soon(done.exists, "the end of the drawing")
        return screen(machine.other, "drawn")
    finally:
        machine.other("kill-session", "-t", "=drawn")


async def follow(client) -> None:
    """Take in and ack all that comes until the link is cut."""
    with contextlib.suppress(*LOST):
        while await client.next() is not None:
            await client.ack()


async def agrees(board, client) -> None:  # noqa: F811
    """Wait until what the client was sent draws what the session shows."""
    there = screen(board.tmux, "busy")
    async with asyncio.timeout(10):
        while await drawn(board.machine, bytes(client.output)) != there:
            there = screen(board.tmux, "busy")


async def test_a_redraw_after_a_lost_place_is_the_whole_screen(board):  # noqa: F811
    chance = random.Random(SEED)  # noqa: S311  the same again
    board.machine.other.new("holds the server")
    board.tmux.new("busy", BUSY)
    terminal = await board.open("busy", cols=COLS, rows=ROWS)
    offset, output, resets = 0, bytearray(), 0
    async with BadLink(board.port, SEED) as link:
        for number in range(RETURNS):
            lost = number > 0 and chance.random() < 0.5
            kind = TRANSPORTS[chance.choice(sorted(TRANSPORTS))]
            path = f"{board.base}api/v1/terminals/{terminal}"
            # What was acked a while ago is gone; so is what never was.
            wrong = chance.choice([0, offset // 2, offset + 10_000])
            client = kind(link.port, path, wrong if lost else offset, client_id="me")
            board._sockets.append(client)  # cut in the end
            await client.open()
            await client.message("hello")
            if lost:
                await client.message("reset")
                assert client.offset >= offset
            else:
                assert (client.offset, client.resets) == (offset, 0)
                client.output = output
            resets += lost
            following = asyncio.ensure_future(follow(client))
            await client.type(b"line %d of %d\n" % (number, RETURNS))
            await soon(lambda n=number: f"line {n} of" in board.tmux.capture("busy"), "the typed line")
            await agrees(board, client)
            link.cut(reset=chance.random() < 0.5)
            following.cancel()
            await asyncio.wait([following])
            client.cut()
            offset, output = client.offset, client.output
    assert resets >= RETURNS // 3
