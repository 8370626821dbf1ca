"""Ring and Flow against a plain model: the whole stream as one string, and what the browser has of it."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from muxboard.terminals.flow import FIRST_BYTES, MOST_BYTES, RESUME_SHARE, Flow
from muxboard.terminals.ring import Ring


class OneTerminal(RuleBasedStateMachine):
    """A program that always has output, a reader that obeys the flow, and a browser that parses, acks, is cut
    off and comes back. The browser acks once an eighth of the window that it was told is parsed, and what is
    left over a little later, as the page does."""

    @initialize(window=st.sampled_from([64, 1000, 65536, MOST_BYTES]))
    def begin(self, window):
        self.now = 0.0
        self.flow, self.ring = Flow(window, lambda: self.now), Ring()
        self.stream = b""  # all that was read
        self.got = b""  # what the browser has parsed
        self.wire = b""  # sent and not parsed
        self.acked = 0
        self.connected = True

    def _next(self, size):
        start = len(self.stream)
        return b"".join((start + place).to_bytes(4, "big") for place in range(0, size + 4, 4))[:size]

    @rule(chunk=st.sampled_from([1, 100, 4096, MOST_BYTES]))
    def program_prints(self, chunk):
        budget = self.flow.budget(self.ring.end)
        data = self._next(min(budget, chunk))
        self.ring.append(data)
        self.stream += data
        if self.connected and data:
            self.flow.sent(self.ring.end, len(data))
            self.wire += data

    @rule()
    def program_floods(self):
        for _ in range(MOST_BYTES):
            if self.flow.budget(self.ring.end) == 0:
                break
            self.program_prints(MOST_BYTES)
        assert self.flow.paused

    @rule(seconds=st.sampled_from([0.001, 0.05, 0.6, 30]))
    def time_passes(self, seconds):
        self.now += seconds
        if self.connected and len(self.got) > self.acked:
            self.ack(len(self.got))

    @precondition(lambda self: self.connected and self.wire)
    @rule(share=st.sampled_from([0.001, 0.9, 1]))
    def browser_parses(self, share):
        size = max(1, round(share * len(self.wire)))
        self.got, self.wire = self.got + self.wire[:size], self.wire[size:]
        if len(self.got) - self.acked >= self.flow.most // 8:
            self.ack(len(self.got))

    @precondition(lambda self: self.connected)
    @rule(share=st.floats(0, 1))
    def ack_again_or_late(self, share):
        self.ack(round(share * self.acked))

    def ack(self, offset):
        self.acked = max(self.acked, offset)
        was = self.flow.paused
        assert self.flow.ack(offset, self.ring.end) == (was and not self.flow.paused)
        self.ring.trim(offset)

    @precondition(lambda self: self.connected)
    @rule()
    def the_link_is_cut(self):
        self.connected, self.wire = False, b""

    @precondition(lambda self: not self.connected)
    @rule()
    def the_browser_comes_back(self):
        self.connected = True
        self.wire = self.ring.since(len(self.got))
        self.flow.begin(len(self.got))
        self.acked = len(self.got)
        self.ring.trim(len(self.got))
        if self.wire:
            self.flow.sent(self.ring.end, len(self.wire))

    @rule(beyond=st.integers(1, 1000))
    def what_was_never_sent_cannot_be_acked_or_asked_for(self, beyond):
        with pytest.raises(ValueError, match="beyond"):
            self.flow.ack(self.ring.end + beyond, self.ring.end)
        with pytest.raises(LookupError):
            self.ring.since(self.ring.end + beyond)
        if self.ring.start:
            with pytest.raises(LookupError):
                self.ring.since(self.ring.start - 1)

    @invariant()
    def nothing_is_lost_or_doubled(self):
        if hasattr(self, "ring"):
            assert self.stream.startswith(self.got + self.wire)
            if self.connected:
                assert self.got + self.wire == self.stream
            assert self.ring.since(self.ring.start) == self.stream[self.ring.start :]

    @invariant()
    def no_more_is_held_than_the_window(self):
        if hasattr(self, "ring"):
            assert len(self.ring) == self.ring.end - self.ring.start <= self.flow.most

    @invariant()
    def a_browser_that_has_parsed_everything_is_read_for(self):
        """No deadlock: when nothing is left to parse, reading is not paused, or the window has room."""
        if hasattr(self, "ring") and self.connected and self.acked == self.ring.end:
            assert not self.flow.paused
            assert self.flow.budget(self.ring.end) > 0


OneTerminal.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestOneTerminal = OneTerminal.TestCase


def test_reading_goes_on_by_a_share_of_the_window_not_by_a_byte():
    flow, share = Flow(), FIRST_BYTES // RESUME_SHARE
    assert flow.budget(FIRST_BYTES) == 0
    assert flow.paused
    assert not flow.ack(1, FIRST_BYTES)
    assert not flow.ack(share - 1, FIRST_BYTES)
    assert flow.ack(share, FIRST_BYTES)
    assert not flow.ack(share, FIRST_BYTES), "it says so once"


def test_a_client_that_has_never_acked_gets_the_whole_window():
    flow = Flow()
    assert flow.unproven
    assert flow.budget(FIRST_BYTES) == 0
    flow.trust()
    assert flow.budget(FIRST_BYTES) > 0
    assert flow.budget(MOST_BYTES) == 0


def test_another_connection_begins_with_what_it_has():
    flow = Flow()
    flow.trust()
    flow.budget(MOST_BYTES)
    flow.begin(1000)
    assert (flow.acked, flow.paused, flow.window, flow.unproven) == (1000, False, FIRST_BYTES, True)


def test_a_cleared_ring_goes_on_where_it_is():
    ring = Ring()
    ring.append(b"abc")
    ring.clear()
    ring.append(b"de")
    assert (ring.start, ring.end, ring.since(3)) == (3, 5, b"de")
