"""A ^C on a slow link: what comes before its answer is left out, where nothing else is lost by it."""

from __future__ import annotations

import asyncio
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxboard.terminals import interrupt
from muxboard.terminals.flow import MOST_BYTES, Flow
from muxboard.terminals.interrupt import EVERY_S, KEY, Interrupt
from muxboard.terminals.messages import ResetMessage
from muxboard.terminals.pty import READ_BYTES, PtyManager
from muxboard.terminals.redraw import WORTH_S
from tests.rig.soon import soon
from tests.terminals.desk import Browser, Programs
from tests.terminals.link import Clock, Link

pytestmark = pytest.mark.gen_test(timeout=40)

RATE = 8_000.0
TAKES_ALL = "exec 3<&0; cat <&3 >/dev/null & exec yes"
TAKES_NOTHING = "exec yes"


class Redrawn(Programs):
    """As tmux: a fresh child draws all that is worth seeing, and ^C is a key like others."""

    raw = True
    redraws = True


class Slow(Browser):
    """Gets so many bytes a second, acks each as it comes, and nothing from before a reset."""

    rate = RATE
    _due = 0.0

    def parse(self) -> None:
        loop = asyncio.get_running_loop()
        size, self.acked = self.offset - self.acked, self.offset
        self._due = max(self._due, loop.time()) + size / self.rate
        loop.call_at(self._due, self._ack_since, self.offset, len(self.of(ResetMessage)))

    def _ack_since(self, offset: int, resets: int) -> None:
        if resets == len(self.of(ResetMessage)):
            self._ack(offset)

    def message(self, message) -> None:
        self.before = self.offset
        super().message(message)
        self.acked = self.offset


async def flooded(desk, program=TAKES_ALL, kind=Slow):
    """A client on a link whose rate is known, behind which output waits."""
    browser = kind(await desk.open(program)).connect()
    flow = browser.terminal._backlog.flow
    await soon(lambda: flow.rate > 0, "a rate")
    await soon(lambda: flow.paused and browser.terminal.pty.held >= READ_BYTES - 1, "output that waits")
    return browser


async def waited(terminal) -> None:
    """Until a ^C has had its time."""
    await soon(lambda: not terminal._interrupt._timer.running, "the end of the wait")


async def test_after_a_ctrl_c_on_a_slow_link_a_fresh_child_draws(desks, monkeypatch):
    monkeypatch.setattr(interrupt, "EVERY_S", 60.0)
    browser = await flooded(desks(launcher=Redrawn()))
    terminal, first = browser.terminal, browser.terminal.pty.pid
    terminal.input(KEY)
    await soon(lambda: browser.of(ResetMessage), "the reset")
    assert [reset.offset for reset in browser.of(ResetMessage)] == [browser.before]
    assert terminal.pty.pid != first
    at = browser.offset
    await soon(lambda: browser.offset > at + 2 * READ_BYTES, "output going on")
    # At most so often.
    terminal.input(KEY)
    first = terminal.pty.pid
    await waited(terminal)
    assert terminal.pty.pid == first


async def test_the_next_output_does_not_wait_for_acks_that_never_come(desks):
    """What was sent before a reset is not acked after it, and it may have filled the window."""
    browser = await flooded(desks(launcher=Redrawn()))
    browser.rate = 1.0  # nothing of what is on its way is acked
    browser.terminal.input(KEY)
    await soon(lambda: browser.of(ResetMessage), "the reset")
    await soon(lambda: browser.offset > browser.of(ResetMessage)[0].offset, "output after it")


class Faster(Slow):
    rate = 200e3


@pytest.mark.parametrize(
    ("launcher", "program", "kind", "keys"),
    [
        (Redrawn, TAKES_ALL, Faster, [KEY]),
        (Programs, "stty raw; " + TAKES_ALL, Slow, [KEY]),
        (Redrawn, TAKES_NOTHING, Slow, [KEY]),
        (Redrawn, TAKES_ALL, Slow, [b"x"]),
        (Redrawn, TAKES_ALL, Slow, [KEY + b"x"]),
        (Redrawn, TAKES_ALL, Slow, [KEY, b"\x02"]),
    ],
    ids=["fast link", "no redraw", "not read", "another key", "more in one", "more after it"],
)
async def test_else_the_child_stays(desks, launcher, program, kind, keys):
    browser = await flooded(desks(launcher=launcher()), program, kind)
    terminal, first = browser.terminal, browser.terminal.pty.pid
    for each in keys:
        terminal.input(each)
    await waited(terminal)
    assert browser.of(ResetMessage) == []
    assert terminal.pty.pid == first


async def test_a_terminal_that_ends_meanwhile_is_left_alone(desks):
    desk = desks(launcher=Redrawn())
    browser = await flooded(desk)
    browser.terminal.input(KEY)
    desk.attacher.end(browser.terminal, "killed")
    assert not browser.terminal._interrupt._timer.running
    assert browser.of(ResetMessage) == []


# --- by itself


async def test_the_last_of_many_is_waited_for_and_another_key_stops_it(monkeypatch):
    monkeypatch.setattr(interrupt, "TAKEN_S", 0.02)
    calls: list[str] = []
    stopped, held, last = (Interrupt(lambda n=n: calls.append(n) or True) for n in "abc")
    stopped.typed(KEY)
    stopped.typed(b"l")
    for _ in range(20):
        held.typed(KEY)
        await asyncio.sleep(0)
    last.typed(b"text" + KEY)
    await soon(lambda: "c" in calls, "the last")
    assert calls == ["b", "c"]


async def test_only_a_redraw_counts_and_the_next_comes_after_a_while(monkeypatch):
    monkeypatch.setattr(interrupt, "TAKEN_S", 0.0)
    clock, calls, redraws = Clock(), [], [False, True, True]
    watch = Interrupt(lambda: calls.append(clock.now) or redraws[len(calls) - 1], clock)

    async def typed() -> None:
        watch.typed(KEY)
        await soon(lambda: not watch._timer.running, "the end of the wait")

    await typed()
    await typed()  # the one before drew nothing
    clock.now = EVERY_S * 0.99
    await typed()
    clock.now = EVERY_S
    await typed()
    assert calls == [0.0, 0.0, EVERY_S]


async def test_a_pty_tells_what_is_held_and_whether_input_was_read():
    manager = PtyManager()
    env = {"PATH": os.environ["PATH"]}
    reads, deaf = (manager.spawn(argv, env, 80, 24, raw=True) for argv in (["cat"], ["sleep", "1000"]))
    try:
        for pty in (reads, deaf):
            assert pty.taken
            assert pty.held == 0
            pty.write(b"text")
        await soon(lambda: reads.taken, "input that is read")
        await soon(lambda: reads.held == 4, "its echo")
        await soon(lambda: not deaf.taken, "input that nobody reads")
        reads.read(4)
        assert reads.held == 0
    finally:
        for pty in (reads, deaf):
            await pty.close()
            assert not pty.taken
            assert pty.held == 0
        await manager.shutdown()


@given(
    rate=st.floats(8e3, 10e6),
    trip_s=st.floats(0.001, 0.6),
    skips=st.lists(st.floats(0.01, 5.0), min_size=1, max_size=6),
)
@settings(max_examples=40, deadline=None)
def test_a_window_goes_on_after_any_skip(rate, trip_s, skips):
    clock = Clock()
    link = Link(Flow(MOST_BYTES, clock), clock, rate=rate, trip_s=trip_s)
    link.read()
    at = 10.0
    clock.run(at)
    for wait in skips:
        at += wait
        clock.run(at)
        link.skip()
    assert link.throughput(at, 5.0 + 2 * trip_s) > 0
    assert link.throughput(at + 10.0, 20.0) > 0


def test_what_is_worth_a_redraw():
    """A screen of 80 x 24 takes as long on the slowest link; the kernel tells of a page at most."""
    assert READ_BYTES / RATE > WORTH_S
    assert READ_BYTES / 125_000 < WORTH_S
