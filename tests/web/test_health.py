"""Alive, ready, and what is counted."""

import re

import pytest
from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.testing import bind_unused_port

from tests.rig.soon import soon
from tests.web.harness import TOKEN

pytestmark = pytest.mark.gen_test(timeout=30)

# The contract's names; a counter's sample ends in _total, a histogram's in _bucket, _sum, _count.
METRICS = {
    "muxboard_terminals": set(),
    "muxboard_terminal_bytes_total": {"direction"},
    "muxboard_attach_seconds_bucket": {"le"},
    "muxboard_sweep_seconds": {"host"},
    "muxboard_host_up": {"host"},
    "muxboard_sessions": {"host"},
    "muxboard_denied_total": {"code"},
    "muxboard_requests_total": {"route", "method", "status"},
    "muxboard_loop_lag_seconds_bucket": {"le"},
    "muxboard_build_info": {"version", "python"},
}


async def fetch(port: int, path: str, host: str = "anything.example"):
    client = AsyncHTTPClient(force_instance=True)
    try:
        request = HTTPRequest(f"http://127.0.0.1:{port}{path}", headers={"Host": host})
        return await client.fetch(request, raise_error=False)
    finally:
        client.close()


@pytest.fixture
def measured(boards, io_loop):
    """A board with a second listener, and that listener's port."""
    socket, port = bind_unused_port()
    socket.close()
    return io_loop.run_sync(lambda: boards(f'[server]\nmetrics_bind = "127.0.0.1:{port}"\n')), port


async def test_health_is_on_the_main_listener_for_our_own_names(board):
    for path, status in (("healthz", "ok"), ("readyz", "ready")):
        answer = await board.call("GET", path, token=None)
        assert (answer.status, answer.json) == (200, {"status": status})
        assert (await board.call("HEAD", path, token=None)).body == b""
        assert (await board.call("GET", path, token=None, headers={"Host": "10.0.0.9"})).status == 421
    assert (await board.call("GET", "metrics")).status == 404


async def test_ready_is_refused_while_draining_and_alive_is_not(board):
    board.service.attacher.draining = True
    answer = await board.call("GET", "readyz", token=None)
    assert (answer.status, answer.code) == (503, "draining")
    assert (await board.call("GET", "healthz", token=None)).status == 200


async def test_the_second_listener_answers_under_any_name_and_knows_nothing_else(measured):
    board, port = measured
    for path in ("/healthz", "/readyz", "/metrics"):
        for host in ("anything.example", "10.0.0.9:1", "localhost"):
            assert (await fetch(port, path, host)).code == 200
    for path in ("/", "/api/v1/me", "/api/v1/inventory", "/login", "/assets/main-1a2b.js", "/api/v1/login"):
        assert (await fetch(port, path, "localhost")).code in {404, 405, 421}, path
    for path in ("metrics", "healthz", "readyz"):
        assert (await board.call("GET", path)).status == 404, "and not on the main one"
    assert (await fetch(port, "/metrics")).headers["X-Content-Type-Options"] == "nosniff"


async def test_every_metric_of_the_contract_is_there_with_its_labels(measured):
    board, port = measured
    socket = await board.attached()
    await socket.echoes()
    await board.call("GET", "api/v1/me", token=None)
    await soon(lambda: board.service.metrics.loop_lag._sum.get() >= 0, "a measure of the loop's lag")
    answer = await fetch(port, "/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    text = answer.body.decode()
    samples = re.findall(r"^(\w+)(?:\{([^}]*)\})? ([0-9.eE+-]+)$", text, re.MULTILINE)
    found: dict[str, set[str]] = {}
    for name, labels, _ in samples:
        found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    for name, labels in METRICS.items():
        assert found.get(name) == labels, name
    values = {f"{name}{{{labels}}}": float(value) for name, labels, value in samples}
    assert values["muxboard_terminals{}"] == 1
    assert values['muxboard_host_up{host="local"}'] == 1
    assert values['muxboard_sessions{host="local"}'] == 1
    assert values['muxboard_denied_total{code="unauthenticated"}'] == 1
    assert values['muxboard_terminal_bytes_total{direction="in"}'] == 13
    assert values['muxboard_terminal_bytes_total{direction="out"}'] >= 13
    assert values['muxboard_requests_total{method="GET",route="Me",status="401"}'] == 1
    assert TOKEN not in text
    await board.call("DELETE", f"api/v1/terminals/{next(iter(board.service.attacher.table)).id}")
    await soon(lambda: board.service.metrics.terminals._value.get() == 0, "no terminal is counted")
