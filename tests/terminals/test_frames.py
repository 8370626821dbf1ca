"""Frames, counted: a turn of the loop makes one at most, and a lone key waits for nothing."""

from __future__ import annotations

import asyncio
import select
import sys

import pytest

from muxboard.terminals.pty import FRAME_BYTES
from tests.rig.soon import soon
from tests.terminals.desk import Browser
from tests.web.conftest import boards, programs  # noqa: F401  the fixtures
from tests.web.transports import TRANSPORTS, attached

pytestmark = pytest.mark.gen_test(timeout=60)

RAW = "stty raw -echo; "
SINGLY = 1 << 17
BY_ONE = f"{sys.executable} -Sc 'import os; [os.write(1, b\"%d\" % (n % 10)) for n in range({SINGLY})]'"
LINES = 60_000
PROGRAMS = {
    "one byte at a time": (RAW + BY_ONE, SINGLY, (b"0123456789" * (SINGLY // 10 + 1))[:SINGLY]),
    "a line at a time": (RAW + f"seq {LINES}", LINES, b"".join(b"%d\n" % n for n in range(1, LINES + 1))),
}
FEWER = 16  # a turn of the loop takes many times as long as a write


class Counting(Browser):
    """Knows in which turn of the loop each frame came, and acks each."""

    def __init__(self, terminal) -> None:
        super().__init__(terminal)
        self.turn = 0
        self.frames: list[tuple[int, int]] = []
        self._turn()

    def _turn(self) -> None:
        self.turn += 1
        if self.exit is None:
            asyncio.get_running_loop().call_soon(self._turn)

    def output(self, data: bytes) -> None:
        self.frames.append((self.turn, len(data)))
        super().output(data)

    def parse(self) -> None:
        asyncio.get_running_loop().call_soon(self._ack, self.offset)


@pytest.mark.parametrize(("program", "writes", "said"), PROGRAMS.values(), ids=PROGRAMS)
async def test_a_turn_of_the_loop_is_one_frame_at_most(desk, program, writes, said):
    browser = Counting(await desk.open(program)).connect()
    await browser.until_exit(seconds=40)
    assert bytes(browser.got) == said
    turns = [turn for turn, _ in browser.frames]
    assert len(set(turns)) == len(turns)
    assert max(size for _, size in browser.frames) <= FRAME_BYTES
    assert len(turns) < writes / FEWER


@pytest.mark.parametrize("kind", TRANSPORTS.values(), ids=TRANSPORTS)
@pytest.mark.parametrize(("program", "writes", "said"), PROGRAMS.values(), ids=PROGRAMS)
async def test_a_client_gets_far_fewer_frames_than_there_were_writes(programs, kind, program, writes, said):  # noqa: F811
    client = await attached(programs, kind, program)
    sizes: list[int] = []
    async with asyncio.timeout(50):
        while (heard := await client.next()) is not None:
            if isinstance(heard, bytes):
                sizes.append(len(heard))
                await client.ack()
    assert bytes(client.output) == said
    assert len(sizes) < writes / FEWER
    if kind.name != "poll":  # an answer is as long as it takes
        assert max(sizes) <= FRAME_BYTES


@pytest.mark.parametrize("kind", TRANSPORTS.values(), ids=TRANSPORTS)
async def test_a_lone_key_comes_back_in_a_frame_of_its_own(programs, kind):  # noqa: F811
    client = await attached(programs, kind, RAW + "printf ready; exec cat")
    await client.shows(b"ready")
    for key in (b"a", b"b", b"c"):
        await client.type(key)
        assert await client.next() == key
        await client.ack()


async def test_the_echo_is_out_in_the_turn_in_which_it_can_be_read(desk):
    browser = await desk.browse(RAW + "printf ready; exec cat")
    await browser.until(b"ready")
    terminal, echo = browser.terminal, select.poll()
    echo.register(terminal.pty.fd, select.POLLIN)
    for key in (b"a", b"b", b"c"):
        before = len(browser.got)
        terminal.input(key)
        assert echo.poll(10_000), "the echo is there, and the loop has not turned"
        await asyncio.sleep(0)  # this turn
        await asyncio.sleep(0)  # what it has found
        assert bytes(browser.got[before:]) == key
    await soon(lambda: not terminal.pty.queued, "nothing under way")
