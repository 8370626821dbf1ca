"""What the window does on every link: an echo waits for little, and the link is as busy as with a fixed
one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxboard.terminals.flow import MOST_BYTES, QUEUE_S, Flow
from tests.terminals.link import Clock, Link

RATES = [8e3, 31e3, 125e3, 1.25e6, 12.5e6, 100e6]  # bytes per second: 64 kbit/s to loopback
TRIPS_S = [0.001, 0.02, 0.05, 0.1, 0.2, 0.6]
SETTLED_S = 25.0


class Fixed(Flow):
    """What many have: so many bytes, whatever the link."""

    def budget(self, end: int) -> int:
        self.paused = end - self.acked >= self.most
        return self.most - (end - self.acked)

    def ack(self, offset: int, end: int) -> bool:
        self.acked, was = max(offset, self.acked), self.paused
        self.paused = self.most - (end - self.acked) < self.most // 4
        return was and not self.paused


def flooded(kind: type[Flow], rate: float, trip_s: float, seconds: float, **more) -> tuple[Link, float]:
    clock = Clock()
    link = Link(kind(MOST_BYTES, clock), clock, rate=rate, trip_s=trip_s, **more)
    link.read()
    return link, link.throughput(SETTLED_S, seconds)


@pytest.mark.parametrize("trip_s", TRIPS_S)
@pytest.mark.parametrize("rate", RATES)
def test_an_echo_waits_for_little_and_the_link_is_busy(rate, trip_s):
    seconds = 60.0 if rate < 1e6 else 10.0
    link, got = flooded(Flow, rate, trip_s, seconds)
    _, fixed = flooded(Fixed, rate, trip_s, seconds)
    assert link.queued(SETTLED_S, 0.5) <= 1.5 * QUEUE_S
    assert link.queued(SETTLED_S, 0.95) <= 2.5 * QUEUE_S
    # After the link ran empty a whole window is sent at once, but never more than fills it again.
    assert link.queued(SETTLED_S, 1) <= trip_s + 0.4
    assert got >= (0.9 if trip_s < 0.5 else 0.7) * fixed


@pytest.mark.parametrize("trip_s", TRIPS_S)
@pytest.mark.parametrize("rate", RATES)
def test_a_flood_that_begins_on_an_unknown_link_queues_no_more_than_the_first_window(rate, trip_s):
    clock = Clock()
    link = Link(Flow(MOST_BYTES, clock), clock, rate=rate, trip_s=trip_s)
    link.read()
    clock.run(10.0)
    assert link.queued(0, 1) <= max(20_000 / rate, trip_s + 0.5)
    clock.run(SETTLED_S)
    assert link.queued(12.0, 0.95) <= 3 * QUEUE_S


def test_bursts_with_silence_between_say_nothing_of_the_link():
    """Somebody runs one flood after another; the echo before each is acked as it fills the window."""
    rate, trip_s = 125e3, 0.2
    link, _ = flooded(Flow, rate, trip_s, 10.0)
    flow, clock, end = link.flow, Clock(), link.end
    clock.now = 1000.0
    flow._clock = clock
    flow.skip(end)
    known = flow.window

    def arrive(until: float) -> None:
        while on_the_way and on_the_way[0][0] <= until:
            clock.now, upto = on_the_way.pop(0)
            flow.ack(upto, end)
        clock.now = until

    on_the_way: list[tuple[float, int]] = []
    for _ in range(6):
        for most, after_s in ((1000, 2.0), (100, 0.5), (MOST_BYTES, 0.03)):  # a prompt, an echo, the flood
            arrive(clock.now + after_s)
            left = most
            while size := min(flow.budget(end), left):
                end, left = end + size, left - size
                flow.sent(end, size)
                on_the_way.append((clock.now + trip_s + (end - flow.acked) / rate, end))
            assert flow.window <= 1.5 * known
            if after_s == 0.03:
                arrive(clock.now + 2.0)


@given(
    rate=st.floats(8e3, 100e6),
    trip_s=st.floats(0.001, 0.6),
    step=st.sampled_from([1, 1000, 24 * 1024, 64 * 1024, MOST_BYTES // 2]),
    late_s=st.sampled_from([0.01, 0.05, 0.3, 2.0, None]),
    most=st.sampled_from([MOST_BYTES, 512 * 1024]),
)
@settings(max_examples=60, deadline=None)
def test_a_client_that_acks_late_or_in_large_steps_is_never_left_waiting(rate, trip_s, step, late_s, most):
    """Forever, that is: bytes are parsed in every stretch that is long enough for a round."""
    clock = Clock()
    link = Link(Flow(most, clock), clock, rate=rate, trip_s=trip_s, step=step, late_s=late_s)
    link.read()
    stretch = 5.0 + 4 * (most / rate + trip_s)
    for number in range(4):
        assert link.throughput(number * stretch, stretch) > 0


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_a_link_that_changes_is_followed(data):
    rates = data.draw(st.lists(st.sampled_from(RATES[:5]), min_size=2, max_size=3))
    trip_s = data.draw(st.sampled_from(TRIPS_S))
    clock = Clock()
    link = Link(Flow(MOST_BYTES, clock), clock, rate=rates[0], trip_s=trip_s)
    link.read()
    at = 0.0
    for rate in rates:
        link.rate = rate
        at += 90.0 if rate < 1e6 else 8.0
        clock.run(at)
    before, seconds = link.parsed, 30.0 if rate < 1e6 else 4.0
    clock.run(at + seconds)
    possible = min(rates[-1], MOST_BYTES / (trip_s + 0.05))
    assert (link.parsed - before) / seconds >= 0.5 * possible
    assert link.queued(at, 0.95) <= 3 * QUEUE_S
