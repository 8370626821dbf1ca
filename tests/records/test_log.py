"""The service log: one line a record, whatever is in it."""

from __future__ import annotations

import json
import logging
import sys

from hypothesis import given
from hypothesis import strategies as st

from muxboard.records.log import JsonLines, Plain, request_id
from muxboard.records.metrics import Metrics

texts = st.text() | st.sampled_from(["\x1b[2J", "\u202e", "a\nb\r\n", "\x9b"])


def record(message, name="muxboard.test", level=logging.WARNING, error=None):
    return logging.LogRecord(name, level, "x.py", 1, "%s", (message,), error)


@given(texts)
def test_a_json_line_is_one_line_of_json(message):
    line = JsonLines().format(record(message))
    assert len(line.splitlines()) == 1 or "\n" not in line
    assert json.loads(line)["message"] == message


@given(texts)
def test_a_plain_line_moves_no_cursor(message):
    line = Plain().format(record(message))
    assert all(character.isprintable() or character == "\n" for character in line)


def test_an_error_keeps_its_traceback():
    try:
        int("what happened")
    except ValueError:
        failed = record("x", error=sys.exc_info())
    assert "what happened" in json.loads(JsonLines().format(failed))["error"]
    assert "what happened" in Plain().format(failed)


def test_a_line_carries_the_id_of_its_request():
    token = request_id.set("r-1")
    try:
        assert json.loads(JsonLines().format(record("x")))["request_id"] == "r-1"
    finally:
        request_id.reset(token)
    assert "request_id" not in json.loads(JsonLines().format(record("x")))


def test_an_audit_line_is_not_wrapped_in_another():
    assert JsonLines().format(record('{"event":"x"}', "muxboard.audit", logging.INFO)) == '{"event":"x"}'


def test_the_metrics_have_the_names_of_the_contract():
    metrics = Metrics()
    metrics.swept("local", up=True, seconds=0.0, sessions=0)
    metrics.denied.labels("forbidden").inc()
    metrics.requests.labels("/", "GET", "200").inc()
    text = metrics.text().decode()
    for name in (
        "muxboard_terminals",
        'muxboard_terminal_bytes_total{direction="in"}',
        "muxboard_attach_seconds_bucket",
        'muxboard_sweep_seconds{host="local"}',
        'muxboard_host_up{host="local"} 1.0',
        'muxboard_sessions{host="local"}',
        'muxboard_denied_total{code="forbidden"}',
        'muxboard_requests_total{method="GET",route="/",status="200"}',
        "muxboard_loop_lag_seconds_bucket",
        "muxboard_build_info{",
    ):
        assert name in text


def test_no_log_level_silences_the_audit(capsys):
    from muxboard.records.log import configure

    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        configure("CRITICAL")
        logging.getLogger("muxboard.audit").info('{"event":"auth.denied"}')
        logging.getLogger("muxboard.web").error("not this")
        assert capsys.readouterr().err == '{"event":"auth.denied"}\n'
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
