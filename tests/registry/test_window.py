"""Moving windows, held to a plain list of times."""

from hypothesis import given
from hypothesis import strategies as st

from muxboard.config.values import Rate
from muxboard.registry.window import PURGE_KEYS, Windows


@given(
    count=st.integers(1, 5),
    seconds=st.integers(1, 20),
    steps=st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 10)), max_size=60),
)
def test_no_window_ever_holds_more_than_the_rate(count, seconds, steps):
    """An event is let in exactly when fewer than ``count`` were in the last ``seconds``."""
    windows, rate, now = Windows(), Rate(count, seconds), 0.0
    let_in: dict[str, list[float]] = {"a": [], "b": []}
    for key, pause in steps:
        now += pause
        recent = [at for at in let_in[key] if at + seconds > now]
        wait = windows.hit(key, rate, now)
        assert (wait is None) == (len(recent) < count)
        if wait is None:
            let_in[key].append(now)
        else:
            assert wait == recent[0] + seconds - now


def test_the_wait_is_enough_and_not_too_much():
    windows, rate = Windows(), Rate(1, 60)
    assert windows.hit("ada", rate, 0.0) is None
    assert windows.wait("ada", rate, 59.9) is not None
    assert windows.wait("ada", rate, 60.0) is None


def test_keys_that_are_over_take_no_memory():
    """A client with a new address for every try cannot fill the table."""
    windows, rate = Windows(), Rate(3, 1)
    for number in range(20 * PURGE_KEYS):
        windows.hit(str(number), rate, float(number))

    assert len(windows) <= PURGE_KEYS
