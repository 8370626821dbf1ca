"""Bytes through a real PTY: every one arrives, in order, both ways, as often as it was sent."""

from __future__ import annotations

import hashlib
import random
import time

import psutil
import pytest

from muxboard.problems import Code, Problem
from muxboard.terminals.flow import MOST_BYTES
from muxboard.terminals.messages import HelloMessage, ResetMessage
from muxboard.terminals.running import EXIT_GRACE_S
from tests.rig.soon import soon
from tests.terminals.desk import Browser

pytestmark = pytest.mark.gen_test(timeout=40)

RAW = "stty raw -echo; printf ready; "
ALL_BYTES = bytes(range(256))
SEED = 20260101


async def test_all_256_byte_values_go_both_ways(desk):
    browser = await desk.browse(RAW + "exec cat")
    await browser.until(b"ready")
    browser.terminal.input(ALL_BYTES * 4)
    await soon(lambda: len(browser.got) >= 5 + 1024, "the echo")
    assert browser.got == b"ready" + ALL_BYTES * 4


async def test_characters_split_anywhere_arrive_whole(desk):
    """Nothing is decoded on the way, so nothing can be broken: each byte is sent alone."""
    text = "größe 漢字 🦀\u0301 \x1b[1m".encode()
    browser = await desk.browse(RAW + "exec cat")
    await browser.until(b"ready")
    for place in range(len(text)):
        browser.terminal.input(text[place : place + 1])
    await browser.until(text)


async def test_a_paste_of_a_mebibyte_is_intact(desk):
    paste = random.Random(SEED).randbytes(1 << 20)  # noqa: S311  it only has to be the same again
    browser = await desk.browse(RAW + f"head -c {len(paste)} | sha256sum; sleep 1000")
    await browser.until(b"ready")
    for place in range(0, len(paste), 65536):
        browser.terminal.input(paste[place : place + 65536])
    assert hashlib.sha256(paste).hexdigest().encode() in await browser.until(b"-", seconds=20)
    assert browser.terminal.input_offset == len(paste)


async def test_the_last_output_of_a_program_that_exits_at_once_comes_before_its_exit(desk):
    for attempt in range(30):
        browser = await desk.browse(f"stty -onlcr; seq 2000; printf last-{attempt}; exit 3")
        assert await browser.until_exit() == "exited"
        assert browser.got.split() == [str(n).encode() for n in range(1, 2001)] + [f"last-{attempt}".encode()]
        assert browser.exit.code == 3
        assert browser.after_the_end == 0


async def test_the_last_output_waits_for_a_browser_that_has_not_come_yet(desk):
    terminal = await desk.open("printf early; exit 0")
    await soon(lambda: terminal.pty.exit_code is not None, "the program's end")
    browser = Browser(terminal).connect()
    assert await browser.until_exit() == "exited"
    assert browser.got == b"early"


async def test_the_last_output_waits_for_a_browser_that_stalled(desk):
    """The program has gone, and its last bytes are still in the kernel: the window is full."""
    browser = await desk.browse(f"stty raw; head -c {MOST_BYTES} /dev/zero; printf last; exit 0", stalls=True)
    terminal = browser.terminal
    await soon(lambda: terminal.pty.exit_code is not None, "the program's end")
    await soon(lambda: full(terminal, MOST_BYTES), "a full window")
    began = time.monotonic()
    await soon(
        lambda: time.monotonic() > began + EXIT_GRACE_S + 0.2, "longer than a descendant is waited for"
    )
    assert browser.exit is None
    browser.ack_all()
    assert await browser.until_exit() == "exited"
    assert browser.got == bytes(MOST_BYTES) + b"last"


async def test_output_stops_at_the_window_and_goes_on_with_acks(desk, tmp_path):
    """Not a flag: the bytes that leave the PTY are counted, and so is where the program stands."""
    browser = await desk.browse("stty raw; exec dd if=/dev/zero bs=1000 count=4000 2>/dev/null", stalls=True)
    terminal = browser.terminal
    window = browser.of(HelloMessage)[0].window
    await soon(lambda: full(terminal, window), "a full window")
    stuck, read = await blocked_in_write(terminal.pty.pid), terminal.output_offset
    assert len(browser.got) == read
    began, cost = time.monotonic(), time.process_time()
    await soon(lambda: time.monotonic() > began + 0.4, "a while")
    assert time.process_time() - cost < 0.1, "waiting costs nothing"
    assert await blocked_in_write(terminal.pty.pid) == stuck, "the program is not read beyond the window"
    assert terminal.output_offset == read

    browser.ack_all()
    await soon(lambda: full(terminal, read + window), "another window, and no more")
    browser.stalls = False
    browser.ack_all()
    assert await browser.until_exit() == "exited"
    assert browser.got == bytes(4_000_000)


def full(terminal, end):
    """Whether a window that goes up to ``end`` is full: less than half a part is left of it."""
    return (
        terminal._backlog.flow.paused
        and 0 <= end - terminal.output_offset <= terminal._backlog.flow.window // 12
    )


async def blocked_in_write(pid):
    """How many bytes the program has written, once it does not get any further."""
    process = psutil.Process(pid)
    await soon(
        lambda: process.status() == psutil.STATUS_SLEEPING and process.io_counters().write_chars, "a wait"
    )
    return process.io_counters().write_chars


async def test_without_a_browser_no_more_is_kept_than_the_window(desk):
    terminal = await desk.open("exec yes")
    await soon(lambda: terminal._backlog.flow.paused, "a full window")
    assert full(terminal, terminal._backlog.flow.window)
    assert len(terminal._backlog) == terminal.output_offset <= terminal._backlog.flow.window
    browser = Browser(terminal).connect(0)
    await soon(lambda: browser.offset > 3 * terminal._backlog.flow.window, "output going on")
    assert set(browser.got) == set(b"y\r\n")


@pytest.mark.parametrize("round_", range(3))
async def test_cuts_anywhere_lose_and_double_nothing_in_either_direction(desk, round_):
    """The browser comes back twenty times at a random place, with whatever it had parsed and typed."""
    chance = random.Random(SEED + round_)  # noqa: S311  the same again
    typed = chance.randbytes(400_000)
    browser = await desk.browse(RAW + "exec cat")
    await browser.until(b"ready")
    got, sent = bytearray(b"ready"), 0
    browser.got.clear()
    for _ in range(20):
        size = chance.randrange(1, 30_000)
        begin = len(got)
        browser.terminal.input(typed[sent : sent + size])
        sent = min(len(typed), sent + size)
        wanted = begin + chance.randrange(1, size + 1)
        await soon(lambda: browser.offset >= min(wanted, 5 + sent), "some of the echo")  # noqa: B023
        browser.cut()
        kept = chance.randrange(0, len(browser.got) + 1)
        kept = max(kept, browser.acked - begin)  # what it acked it has parsed
        got += browser.got[:kept]
        back = Browser(browser.terminal)
        back.acked = len(got)
        back.connect(len(got))
        hello = back.of(HelloMessage)[0]
        assert (hello.offset, hello.input_offset) == (len(got), sent)
        assert back.of(ResetMessage) == []
        browser = back
    await soon(lambda: browser.offset == 5 + sent, "the rest")
    assert bytes(got + browser.got) == b"ready" + typed[:sent]


async def test_input_that_came_before_is_not_typed_twice_and_a_gap_is_refused(desk):
    browser = await desk.browse(RAW + "exec cat")
    await browser.until(b"ready")
    terminal = browser.terminal
    assert terminal.input(b"abc", 0) == 3
    assert terminal.input(b"abc", 0) == 3
    assert terminal.input(b"bcde", 1) == 5
    with pytest.raises(Problem) as told:
        terminal.input(b"x", 6)
    assert told.value.code is Code.input_gap
    assert terminal.input(b"", 5) == 5
    await browser.until(b"readyabcde")
    assert bytes(browser.got) == b"readyabcde"


@pytest.mark.parametrize("offset", [7_000_000, 1])
async def test_an_offset_that_is_gone_or_never_was_resets_and_redraws(desk, offset):
    """No replay could begin in the middle of an escape sequence: a fresh child draws everything."""
    browser = await desk.browse("stty raw -echo; echo drawn; sleep 1000")
    await browser.until(b"drawn")
    browser.ack_all()
    first = browser.terminal.pty.pid
    browser.cut()
    back = Browser(browser.terminal).connect(offset)
    assert [type(message) for message in back.messages] == [HelloMessage, ResetMessage]
    assert back.messages[0].offset == back.messages[1].offset == browser.offset
    assert bytes(await back.until(b"drawn")).count(b"drawn") == 1
    assert back.terminal.pty.pid != first
    await soon(lambda: not psutil.pid_exists(first), "the end of the child that was replaced")


async def test_a_viewer_types_nothing(desk):
    browser = await desk.browse("stty raw -echo; printf ready; exec cat", mode="view")
    await browser.until(b"ready")
    with pytest.raises(Problem) as told:
        browser.terminal.input(b"x")
    assert told.value.code is Code.read_only
    assert browser.terminal.input_offset == 0


async def test_an_ack_of_what_was_never_sent_is_refused(desk):
    browser = await desk.browse("printf ready; sleep 1000")
    await browser.until(b"ready")
    with pytest.raises(ValueError, match="beyond"):
        browser.terminal.ack(browser.offset + 1)
