"""Ring and Flow against a plain model: the whole stream as one string, and what the browser has of it."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from muxboard.terminals.flow import RESUME_SHARE, WINDOW_BYTES, Flow
from muxboard.terminals.ring import Ring


class OneTerminal(RuleBasedStateMachine):
    """A program that always has output, a reader that obeys the flow, and a browser that parses, acks, is cut
    off and comes back. The browser acks once an eighth of the window is parsed, as the page does."""

    @initialize(window=st.sampled_from([64, 1000, 65536, WINDOW_BYTES]))
    def begin(self, window):
        self.flow, self.ring = Flow(window), Ring()
        self.stream = b""  # all that was read
        self.got = b""  # what the browser has parsed
        self.wire = b""  # sent and not parsed
        self.acked = 0
        self.connected = True

    def _next(self, size):
        start = len(self.stream)
        return b"".join((start + place).to_bytes(4, "big") for place in range(0, size + 4, 4))[:size]

    @rule(chunk=st.sampled_from([1, 100, 4096, WINDOW_BYTES]))
    def program_prints(self, chunk):
        budget = self.flow.budget(self.ring.end)
        data = self._next(min(budget, chunk))
        self.ring.append(data)
        self.stream += data
        if self.connected:
            self.wire += data

    @rule()
    def program_floods(self):
        self.program_prints(WINDOW_BYTES)
        self.program_prints(1)
        assert self.flow.paused

    @precondition(lambda self: self.connected and self.wire)
    @rule(share=st.sampled_from([0.001, 0.9, 1]))
    def browser_parses(self, share):
        size = max(1, round(share * len(self.wire)))
        self.got, self.wire = self.got + self.wire[:size], self.wire[size:]
        if len(self.got) - self.acked >= self.flow.window // 8:
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
        self.ack(len(self.got))

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
            assert len(self.ring) == self.ring.end - self.ring.start <= self.flow.window

    @invariant()
    def a_browser_that_has_parsed_everything_is_read_for(self):
        """No deadlock: when nothing is left to parse, reading is not paused, or the window has room."""
        if hasattr(self, "ring") and self.connected and not self.wire:
            assert not self.flow.paused
            assert self.flow.budget(self.ring.end) > 0


OneTerminal.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestOneTerminal = OneTerminal.TestCase


def test_reading_goes_on_by_a_share_of_the_window_not_by_a_byte():
    flow, share = Flow(), WINDOW_BYTES // RESUME_SHARE
    assert flow.budget(WINDOW_BYTES) == 0
    assert flow.paused
    assert not flow.ack(1, WINDOW_BYTES)
    assert not flow.ack(share - 1, WINDOW_BYTES)
    assert flow.ack(share, WINDOW_BYTES)
    assert not flow.ack(share, WINDOW_BYTES), "it says so once"


def test_a_cleared_ring_goes_on_where_it_is():
    ring = Ring()
    ring.append(b"abc")
    ring.clear()
    ring.append(b"de")
    assert (ring.start, ring.end, ring.since(3)) == (3, 5, b"de")
