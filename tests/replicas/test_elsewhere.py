"""Who oversees sees the terminals of all replicas, and ends them from any."""

from __future__ import annotations

from tests.rig.waiting import until
from tests.web.harness import LOGIN

BODY = {"host": "local", "user": LOGIN, "session": "one"}


def terminals(service, query=""):
    return {each["id"]: each for each in service.request("GET", f"/api/v1/terminals{query}").json()}


def test_terminals_are_listed_and_ended_from_everywhere(start_replicas, tmux):
    tmux.new("one", "cat")
    three = start_replicas(3)
    made = [service.request("POST", "/api/v1/terminals", json=BODY).json()["id"] for service in three]
    for service, own in zip(three, made, strict=True):
        for query in ("", "?all=1"):
            until(lambda: set(terminals(service, query)) == set(made), "all three")  # noqa: B023
            assert [key for key, each in terminals(service, query).items() if each["here"]] == [own]
    assert terminals(three[0])[made[1]]["principal"] == terminals(three[1])[made[1]]["principal"]

    assert three[0].request("DELETE", f"/api/v1/terminals/{made[2]}").status == 204
    for service in three:
        assert set(terminals(service)) == set(made[:2])
    until(lambda: len(tmux.clients("one")) == 2, "the end of its client")
    assert three[0].request("DELETE", f"/api/v1/terminals/{made[2]}").status == 404


def test_a_record_that_is_none_of_ours_hides_nobody(start_replicas, redis, tmux):
    tmux.new("one", "cat")
    (service,) = start_replicas(1)
    made = service.request("POST", "/api/v1/terminals", json=BODY).json()["id"]
    for number, junk in enumerate((b"junk", b"\x91\x81\xa2id\xa1\xff", 100_000 * b"\x91")):
        redis.ask("SET", f"{{muxboard}}:board:terminals:stranger{number}", junk)
        redis.ask("ZADD", "{muxboard}:board:processes:terminals", "9e9", f"stranger{number}")
    assert set(terminals(service, "?all=1")) == {made}
    assert "not understood" in service.log


def test_one_that_stops_takes_its_terminals_from_the_list(start_replicas, tmux):
    tmux.new("one", "cat")
    stopped, living = start_replicas(2)
    made = stopped.request("POST", "/api/v1/terminals", json=BODY).json()["id"]
    until(lambda: made in terminals(living), "it")
    stopped.stop()
    assert terminals(living) == {}
    assert living.request("GET", "/api/v1/me").json()["attaches"]["used"] == 0
