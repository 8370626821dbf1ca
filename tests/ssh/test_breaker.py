"""A host that failed is left alone: as long as it takes, and not longer than anybody can wait."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muxboard.hosts.ssh.breaker import (
    FIRST_LOGIN_S,
    FIRST_S,
    JITTER,
    LONGEST_LOGIN_S,
    LONGEST_S,
    Breaker,
)
from muxboard.hosts.way import Unreached
from tests.ssh.breakers import held

LOGIN = ("auth_failed", "host_key_unknown", "host_key_changed")
NETWORK = ("unreachable", "timeout", "error")


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return Breaker(clock)


def failure(state):
    return Unreached(state, "It is down.", "mend it")


@pytest.mark.parametrize("state", [*LOGIN, *NETWORK])
def test_each_failure_in_a_row_doubles_the_wait_up_to_the_longest(breaker, clock, state):
    first, longest = (FIRST_LOGIN_S, LONGEST_LOGIN_S) if state in LOGIN else (FIRST_S, LONGEST_S)
    for number in range(2000):
        breaker.failed(failure(state))
        wanted = min(longest, first * 2 ** min(number, 30))
        assert wanted <= held(breaker) <= wanted * (1 + JITTER)
        clock.now += held(breaker)


def test_hosts_that_failed_together_do_not_come_back_together(clock):
    """One that would wait less than the step is as bad: sshd's penalty has not ended."""
    waits = set()
    for _ in range(50):
        breaker = Breaker(clock)
        breaker.failed(failure("unreachable"))
        waits.add(held(breaker))
    assert len(waits) == 50
    assert max(waits) - min(waits) > FIRST_S * JITTER / 2


def test_nothing_stands_before_a_failure_and_after_its_time(breaker, clock):
    breaker.check()
    breaker.hurry()
    assert held(breaker) == 0
    breaker.failed(failure("unreachable"))
    clock.now += held(breaker) - 0.001
    with pytest.raises(Unreached):
        breaker.check()
    clock.now += 0.002
    assert held(breaker) == 0
    breaker.check()


def test_a_failure_that_is_told_again_says_so_and_the_first_one_stays_as_it_was(breaker):
    first = failure("auth_failed")
    breaker.failed(first)
    told = []
    for _ in range(2):
        with pytest.raises(Unreached) as again:
            breaker.check()
        told.append(again.value)
    assert [(each.state, each.problem, each.remedy, each.repeated) for each in told] == [
        ("auth_failed", "It is down.", "mend it", True)
    ] * 2
    assert told[0] is not told[1]
    assert first not in told
    assert not first.repeated
    assert first.__traceback__ is None


def test_what_worked_forgets_all_failures(breaker, clock):
    for _ in range(10):
        breaker.failed(failure("auth_failed"))
    breaker.worked()
    breaker.check()
    assert held(breaker) == 0
    breaker.failed(failure("auth_failed"))
    assert held(breaker) <= FIRST_LOGIN_S * (1 + JITTER)


@pytest.mark.parametrize("state", NETWORK)
def test_who_asks_for_a_host_that_is_down_gets_another_try_at_once(breaker, state):
    for _ in range(10):
        breaker.failed(failure(state))
    breaker.hurry()
    breaker.check()
    assert held(breaker) == 0


@pytest.mark.parametrize("state", LOGIN)
def test_who_asks_after_a_refused_login_waits_for_the_first_step_still(breaker, clock, state):
    for _ in range(10):
        breaker.failed(failure(state))
    clock.now += 20
    breaker.hurry()
    assert held(breaker) == FIRST_LOGIN_S - 20, "counted from the try, not from the asking"
    clock.now += 5
    breaker.hurry()
    assert held(breaker) == FIRST_LOGIN_S - 25
    with pytest.raises(Unreached):
        breaker.check()


@given(
    st.lists(
        st.sampled_from([*LOGIN, *NETWORK, "hurry", "worked"])
        | st.floats(0, 4000, allow_nan=False, allow_infinity=False),
        max_size=40,
    )
)
def test_however_it_is_asked_a_refused_login_is_not_tried_again_within_30_s(events):
    clock = Clock()
    breaker = Breaker(clock)
    refused = None
    for event in events:
        if isinstance(event, float):
            clock.now += event
        elif event == "hurry":
            breaker.hurry()
        elif event == "worked":
            breaker.worked()
            refused = None
        else:
            breaker.failed(failure(event))
            refused = clock.now if event in LOGIN else None
        try:
            breaker.check()
        except Unreached as told:
            assert told.repeated  # noqa: PT017  not raised is as good
            assert 0 < held(breaker) <= LONGEST_LOGIN_S * (1 + JITTER)
        else:
            assert held(breaker) == 0
            assert refused is None or clock.now - refused >= FIRST_LOGIN_S
