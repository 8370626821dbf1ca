"""Control messages: anything that a client sends is one of two messages or a refusal."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from muxboard.terminals.messages import (
    MAX_COLS,
    MAX_ROWS,
    MIN_COLS,
    MIN_ROWS,
    AckMessage,
    ClientMessage,
    ExitMessage,
    HelloMessage,
    NoticeMessage,
    ResetMessage,
    ResizeMessage,
    clamp,
    decode_client_message,
)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["ack", "resize"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "offset", "cols", "rows"]) | st.text(), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(values.map(json.dumps) | st.text())
@example('{"type":"ack","offset":1e400}')
@example('{"type":"ack","offset":' + "9" * 5000 + "}")
@example('{"type":"ack","offset":1.5}')
@example('{"type":"ack","offset":true}')
@example('{"type":"ack"}')
@example('{"type":["ack"]}')
@example("\ud800")
def test_any_text_is_a_client_message_or_a_refusal(text):
    try:
        said = decode_client_message(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):  # what the socket takes for "invalid"
        return
    assert isinstance(said, ClientMessage)
    for field in said.__struct_fields__:
        assert type(getattr(said, field)) is int


def test_nesting_without_an_end_is_a_refusal():
    with pytest.raises((msgspec.MsgspecError, RecursionError)):
        decode_client_message('{"type":"ack","offset":' + "[" * 100_000)


@pytest.mark.parametrize("message", [AckMessage(5), ResizeMessage(80, 24)])
def test_a_client_message_is_read_as_it_was_written(message):
    assert decode_client_message(msgspec.json.encode(message)) == message


@pytest.mark.parametrize(
    "message",
    [
        HelloMessage("id", "control", 0, 0, 1, 0, 80, 24),
        ResetMessage(1),
        NoticeMessage("info", "x", "y"),
        ExitMessage("exited", 0, "x"),
    ],
)
def test_a_server_message_says_its_type_and_is_no_client_message(message):
    said = msgspec.json.decode(msgspec.json.encode(message))
    assert said["type"] == type(message).__name__.removesuffix("Message").lower()
    with pytest.raises(msgspec.ValidationError):
        decode_client_message(msgspec.json.encode(message))


@given(st.integers(), st.integers())
@example(0, 0)
@example(-1, 10**30)
def test_sizes_are_brought_within_what_a_terminal_may_have(cols, rows):
    width, height = clamp(cols, rows)
    assert MIN_COLS <= width <= MAX_COLS
    assert MIN_ROWS <= height <= MAX_ROWS
    assert clamp(width, height) == (width, height)
