"""Redis stops, hangs and comes back: nothing is given away, and nobody who works is disturbed."""

from __future__ import annotations

import pytest

from tests.rig.waiting import until
from tests.web.harness import LOGIN, Socket

pytestmark = pytest.mark.gen_test(timeout=60)

BODY = {"host": "local", "user": LOGIN, "session": "one"}


def refused(service) -> bool:
    answer = service.request("POST", "/api/v1/terminals", json=BODY)
    return answer.status == 503 and answer.json()["code"] == "registry_unavailable"


@pytest.mark.parametrize("away", ["stopped", "silent"])
async def test_terminals_go_on_and_new_ones_are_refused(start_replicas, redis, tmux, away):
    tmux.new("one", "cat")
    (service,) = start_replicas(1)
    made = service.request("POST", "/api/v1/terminals", json=BODY).json()["id"]
    path, lines = f"/api/v1/terminals/{made}/socket", {"Authorization": f"Bearer {service.token}"}
    socket = await Socket.connect(service.port, path, lines)
    await socket.echoes()
    redis.stop() if away == "stopped" else redis.hold()
    assert refused(service)
    await socket.echoes()
    socket.cut()
    again = await Socket.connect(service.port, path, lines)
    await again.echoes()
    assert service.sessions() == ["one"], "the board goes on"
    assert service.request("GET", "/api/v1/terminals").status == 200
    assert service.request("GET", "/api/v1/terminals?all=1").json()["code"] == "registry_unavailable"
    assert service.request("GET", "/readyz").status == 200, "what is open needs this process"
    redis.start() if away == "stopped" else redis.hold(False)
    until(lambda: service.request("POST", "/api/v1/terminals", json=BODY).status == 201, "one", seconds=5)
    assert service.request("GET", "/api/v1/me").json()["attaches"]["used"] == 2
    again.cut()
    assert 1 <= service.log.count("redis does not answer") <= 2, service.log  # leases, and what others tell
    assert "of the test" not in service.log, "its password"


def test_a_slow_one_slows_nobody_who_types(start_replicas, redis, tmux):
    """Whoever asks for a terminal waits, at most for as long as is waited for an answer."""
    tmux.new("one", "cat")
    (service,) = start_replicas(1)
    redis.hold()
    assert refused(service)
    assert service.request("GET", "/healthz").status == 200
    redis.hold(False)
