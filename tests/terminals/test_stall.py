"""When output counts as stale: after a stall, never on a link that is merely slow, and not over and over."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxboard.terminals.flow import MOST_BYTES, Flow
from muxboard.terminals.messages import ResetMessage
from muxboard.terminals.stall import EVERY_S, LEAST_BYTES, REMEMBERED, STALL_S, Stall, screenful
from tests.rig.soon import soon
from tests.terminals.desk import Browser, Programs
from tests.terminals.link import Clock, Link

MUCH = LEAST_BYTES + 1
LONG_S = STALL_S * 1.01
SCREEN = LEAST_BYTES


class Redrawn(Programs):
    """A fresh child of these draws all that is worth seeing, as tmux's does."""

    redraws = True


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def stall(clock):
    """A stall's watch on a link that was seen to be fast, and on which more than a screenful waits."""
    stall = Stall(clock)
    stall.comes(0, SCREEN)
    stall.waits(MUCH, SCREEN)
    clock.now += 0.02
    stall.moved(MUCH, SCREEN)
    return stall


def test_what_goes_on_after_a_stall_is_stale_until_the_client_has_caught_up(stall, clock):
    clock.now += LONG_S
    stall.moved(MUCH, SCREEN)
    assert stall.stale
    clock.now += 0.01
    stall.moved(MUCH, SCREEN)
    assert stall.stale, "the first ack may be too small for reading to go on"
    stall.moved(SCREEN, SCREEN)
    assert stall.stale, "what tmux holds is as old"
    stall.caught_up()
    assert not stall.stale
    assert not stall.skip()


@pytest.mark.parametrize(("gap_s", "size"), [(STALL_S * 0.99, MUCH), (LONG_S, SCREEN)])
def test_neither_a_short_one_nor_a_little_output_is(stall, clock, gap_s, size):
    clock.now += gap_s
    stall.moved(size, SCREEN)
    assert not stall.stale


def test_a_link_that_was_always_quick_enough_stalls_the_first_time_too(clock):
    stall = Stall(clock)
    stall.comes(0, SCREEN)
    stall.waits(SCREEN, SCREEN)
    stall.moved(0, SCREEN)  # never more than a screenful waited
    stall.waits(MUCH, SCREEN)
    clock.now += LONG_S
    stall.moved(MUCH, SCREEN)
    assert stall.stale


def test_what_began_to_wait_late_is_not(stall, clock):
    stall.moved(0, SCREEN)
    clock.now += 100
    stall.waits(SCREEN, SCREEN)
    clock.now += 100
    stall.waits(MUCH, SCREEN)
    clock.now += 0.1
    stall.moved(MUCH, SCREEN)
    assert not stall.stale


def test_a_client_that_comes_again_after_a_second_finds_it_stale(stall, clock):
    clock.now += LONG_S
    stall.comes(MUCH, SCREEN)
    assert stall.stale
    clock.now += 0.1
    stall.comes(MUCH, SCREEN)
    assert not stall.stale


def test_a_client_that_comes_for_the_first_time_does_not(clock):
    """The first screen waits for it from the beginning on."""
    stall = Stall(clock)
    stall.waits(MUCH, SCREEN)
    clock.now += LONG_S
    stall.comes(MUCH, SCREEN)
    assert not stall.stale


def test_a_link_that_has_become_slow_has_stalled_once(stall, clock):
    seen = []
    for _ in range(2 * REMEMBERED):
        clock.now += 2 * STALL_S
        stall.moved(MUCH, SCREEN)
        seen.append(stall.stale)
        stall.stale = False
    assert seen == [True] + [False] * (2 * REMEMBERED - 1)


def test_a_redraw_comes_at_most_so_often(stall, clock):
    skipped = []
    for _ in range(int(EVERY_S * 4 / LONG_S)):
        clock.now += LONG_S
        stall.comes(MUCH, SCREEN)
        if stall.skip():
            skipped.append(clock.now)
        stall.waits(MUCH, SCREEN)
    assert len(skipped) >= 3
    assert all(later - earlier >= EVERY_S for earlier, later in itertools.pairwise(skipped))


def test_a_screenful_is_what_the_screen_holds():
    assert screenful(80, 24) == LEAST_BYTES
    assert screenful(200, 50) == 10_000


class Watched(Flow):
    """A window beside which a stall is watched for."""

    def begin(self, offset: int) -> None:
        super().begin(offset)
        self.stall, self.stalled = Stall(self._clock), False
        self.stall.comes(0, SCREEN)

    def sent(self, end: int, size: int) -> None:
        super().sent(end, size)
        self.stall.waits(end - self.acked, SCREEN)

    def ack(self, offset: int, end: int) -> bool:
        before, resumed = self.acked, super().ack(offset, end)
        if offset > before:
            self.stall.moved(end - offset, SCREEN)
        self.stalled = self.stalled or (resumed and self.stall.stale)
        return resumed


@given(
    rate=st.floats(8e3, 100e6),
    trip_s=st.floats(0.001, 0.6),
    step=st.sampled_from([1, 1000, 24 * 1024, MOST_BYTES // 4]),
    late_s=st.sampled_from([0.01, 0.02, 0.05, 0.3]),
)
@settings(max_examples=60, deadline=None)
def test_a_file_through_a_line_that_is_merely_slow_is_never_stale(rate, trip_s, step, late_s):
    clock = Clock()
    link = Link(Watched(MOST_BYTES, clock), clock, rate=rate, trip_s=trip_s, step=step, late_s=late_s)
    link.read()
    clock.run(60.0 if rate < 1e6 else 5.0)
    assert link.parsed > 0
    assert not link.flow.stalled


def test_the_same_line_stalls_when_it_stops():
    """So that the test above could fail."""
    clock = Clock()
    link = Link(Watched(MOST_BYTES, clock), clock, rate=125e3, trip_s=0.05)
    link.read()
    clock.run(10.0)
    link._link_free = clock.now + 5.0
    clock.run(20.0)
    assert link.flow.stalled


# --- terminals


async def stalled(browser):
    """The window is full, nothing is acked, and that for longer than a second."""
    browser.stalls = True
    await soon(lambda: browser.terminal._backlog.flow.paused, "a full window")
    since = browser.terminal._backlog._stall._since
    clock = browser.terminal._backlog._stall._clock
    await soon(lambda: clock() > since + LONG_S, "longer than a stall")


async def flowing(desk, program="exec yes"):
    browser = await desk.browse(program)
    await soon(lambda: browser.acked > 2 * MOST_BYTES, "output that flows")
    return browser


def comes_back(browser, offset):
    back = Browser(browser.terminal)
    back.acked = offset
    return back.connect(offset)


@pytest.mark.gen_test(timeout=20)
async def test_after_a_stall_a_fresh_child_draws_and_nobody_waits_for_the_rest(desks):
    browser = await flowing(desks(launcher=Redrawn()))
    first = browser.terminal.pty.pid
    await stalled(browser)
    browser.stalls = False
    browser.terminal.ack(browser.offset - 2 * LEAST_BYTES)
    assert [reset.offset for reset in browser.of(ResetMessage)] == [browser.offset]
    assert browser.terminal.pty.pid != first
    at = browser.offset
    await soon(lambda: browser.offset > at + MOST_BYTES, "output going on")
    assert len(browser.of(ResetMessage)) == 1


@pytest.mark.gen_test(timeout=20)
async def test_a_client_that_comes_back_after_a_stall_is_told_to_reset(desks):
    browser = await flowing(desks(launcher=Redrawn()))
    await stalled(browser)
    browser.cut()
    at = browser.terminal.output_offset
    back = comes_back(browser, browser.acked)
    assert [reset.offset for reset in back.of(ResetMessage)] == [at]
    again = comes_back(browser, at)
    assert again.of(ResetMessage) == [], "what it has is held"
    await soon(lambda: again.offset > at + MOST_BYTES, "output going on")


@pytest.mark.gen_test(timeout=20)
async def test_a_program_that_cannot_be_drawn_anew_loses_nothing(desk):
    browser = await flowing(desk)
    await stalled(browser)
    browser.terminal.ack(browser.acked + LEAST_BYTES)
    browser.cut()
    back = comes_back(browser, browser.offset)
    assert browser.of(ResetMessage) == back.of(ResetMessage) == []
    await soon(lambda: len(back.got) > MOST_BYTES, "output going on")
    assert bytes(browser.got + back.got).replace(b"y\r\n", b"") in {b"", b"y", b"y\r"}


@pytest.mark.gen_test(timeout=20)
async def test_what_was_just_typed_is_not_lost_with_the_child_that_took_it(desks):
    browser = await flowing(desks(launcher=Redrawn()))
    first = browser.terminal.pty.pid
    await stalled(browser)
    browser.terminal.input(b"\x03")
    browser.terminal.ack(browser.offset - 2 * LEAST_BYTES)
    assert browser.of(ResetMessage) == []
    assert browser.terminal.pty.pid == first
    assert await browser.until_exit() == "exited", "by that ^C"


@pytest.mark.gen_test(timeout=20)
async def test_a_first_connection_that_comes_late_gets_the_first_screen(desks):
    terminal = await desks(launcher=Redrawn()).open("exec yes")
    await soon(lambda: terminal._backlog.flow.paused, "a full window")
    loop = asyncio.get_running_loop()
    began = loop.time()
    await soon(lambda: loop.time() > began + LONG_S, "longer than a stall")
    first = terminal.pty.pid
    browser = Browser(terminal).connect(0)
    assert browser.of(ResetMessage) == []
    assert terminal.pty.pid == first
