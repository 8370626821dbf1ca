"""What is counted is true for all replicas together, and nothing is used twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.rig.waiting import until
from tests.web.harness import LOGIN

BODY = {"host": "local", "user": LOGIN, "session": "one"}


@pytest.fixture(autouse=True)
def one(tmux):
    tmux.new("one", "cat")


def open_one(service, **more):
    return service.request("POST", "/api/v1/terminals", json={**BODY, **more})


def used(service):
    return service.request("GET", "/api/v1/me").json()["attaches"]["used"]


def test_a_hundred_opens_at_once_never_exceed_the_cap(start_replicas, tmux):
    three = start_replicas(3, limits={"attaches_per_principal": 10, "attaches_global": 12})
    with ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(lambda number: open_one(three[number % 3]), range(100)))
    assert sorted({answer.status for answer in answers}) == [201, 429]
    assert sum(answer.status == 201 for answer in answers) == 10
    assert {answer.json()["code"] for answer in answers if answer.status != 201} == {"attach_cap"}
    assert [used(service) for service in three] == [10, 10, 10]
    until(lambda: len(tmux.clients("one")) == 10, "ten clients")


def test_one_that_is_killed_frees_what_it_held(start_replicas, tmux):
    killed, living = start_replicas(2, limits={"attaches_per_principal": 3})
    lost = [open_one(killed).json()["id"] for _ in range(2)]
    kept = open_one(living).json()["id"]
    assert open_one(living).status == 429
    killed.process.kill()
    killed.process.wait()
    # Whoever comes for one of those that were lost needs no patience.
    assert open_one(living, replaces=lost[0]).status == 201
    assert open_one(living).status == 429, "the other one still counts"
    until(lambda: open_one(living).status == 201, "the end of what the killed one held", seconds=25)

    def shown():
        return {each["id"] for each in living.request("GET", "/api/v1/terminals?all=1").json()}

    until(lambda: not set(lost) & shown(), "the lists without them")
    assert kept in shown()
    assert used(living) == 3


@pytest.mark.parametrize("here", [True, False])
def test_a_terminal_that_is_replaced_ends_and_makes_room(start_replicas, tmux, here):
    one, other = start_replicas(2, limits={"attaches_per_principal": 1})
    first = open_one(one).json()["id"]
    assert open_one(other).status == 429
    asked = one if here else other
    second = open_one(asked, replaces=first).json()["id"]

    def listed():
        return [each["id"] for each in asked.request("GET", "/api/v1/terminals").json()]

    until(lambda: listed() == [second], "the list without the first")
    until(lambda: len(tmux.clients("one")) == 1, "one client")
    assert open_one(other).status == 429
    assert used(one) == 1


def test_somebody_elses_terminal_cannot_be_replaced(start_replicas, tmux, tmp_path):
    """Two people, by a link: each is a principal of their own."""
    config = {
        "limits": {"attaches_global": 6},
        "auth": {"links": {"secret_env": "LINK_SECRET"}},
    }
    secret = {"LINK_SECRET": "a secret of thirty-two characters!"}
    one, other = start_replicas(2, env=secret, **config)
    ours = open_one(one).json()["id"]
    made = one.request("POST", "/api/v1/links", json={**BODY, "mode": "control"}).json()["token"]
    redeemed = other.request("POST", "/api/v1/links/redeem", json={"token": made}, token=None)
    guest = redeemed.json()["session_token"]
    for service in (one, other):
        answer = service.request("POST", "/api/v1/terminals", json={**BODY, "replaces": ours}, token=guest)
        assert answer.status == 201
    assert ours in [each["id"] for each in one.request("GET", "/api/v1/terminals").json()]
    until(lambda: len(tmux.clients("one")) == 3, "three clients")


def test_a_link_is_redeemed_once_wherever(start_replicas):
    secret = {"LINK_SECRET": "a secret of thirty-two characters!"}
    three = start_replicas(3, env=secret, auth={"links": {"secret_env": "LINK_SECRET"}})
    made = three[0].request("POST", "/api/v1/links", json={**BODY, "mode": "view"}).json()["token"]
    with ThreadPoolExecutor(12) as pool:
        answers = list(
            pool.map(
                lambda number: three[number % 3].request(
                    "POST", "/api/v1/links/redeem", json={"token": made}, token=None
                ),
                range(12),
            )
        )
    assert [answer.status for answer in answers].count(200) == 1
    assert {answer.status for answer in answers if answer.status != 200} == {401}


def test_guesses_are_counted_together(start_replicas):
    three = start_replicas(3, limits={"login_failures": "6/minute"})
    for number in range(6):
        assert three[number % 2].request("GET", "/api/v1/me", token="wrong" * 5).status == 401
    assert three[2].request("GET", "/api/v1/me", token="wrong" * 5).status == 429
    assert three[2].request("GET", "/api/v1/me").status == 429, "the right token too"


def test_a_login_is_good_everywhere_and_ends_everywhere(start_replicas, tmux):
    one, other = start_replicas(2)
    answer = one.request("POST", "/api/v1/login", json={"token": one.token}, token=None)
    cookie = answer.headers["Set-Cookie"].partition(";")[0]
    # A browser sends a host's cookies to all of its ports; its name has ours in it.
    value = cookie.partition("=")[2]
    sent = {
        service: {"Cookie": f"muxboard-{service.port}={value}", "Origin": service.url.rstrip("/")}
        for service in (one, other)
    }
    for service in (one, other):
        made = service.request("POST", "/api/v1/terminals", json=BODY, token=None, headers=sent[service])
        assert made.status == 201, made.text
    until(lambda: len(tmux.clients("one")) == 2, "two clients")
    assert other.request("POST", "/api/v1/logout", token=None, headers=sent[other]).status == 204
    until(lambda: tmux.clients("one") == [], "the end of both")
    assert one.request("GET", "/api/v1/me", token=None, headers=sent[one]).status == 401


def test_a_logout_reaches_a_replica_that_did_not_hear_of_it(start_replicas, redis, tmux):
    one, other = start_replicas(2)
    answer = one.request("POST", "/api/v1/login", json={"token": one.token}, token=None)
    value = answer.headers["Set-Cookie"].partition(";")[0].partition("=")[2]
    sent = {
        service: {"Cookie": f"muxboard-{service.port}={value}", "Origin": service.url.rstrip("/")}
        for service in (one, other)
    }
    assert (
        other.request("POST", "/api/v1/terminals", json=BODY, token=None, headers=sent[other]).status == 201
    )
    until(lambda: len(tmux.clients("one")) == 1, "its client")
    redis.ask("CLIENT", "KILL", "TYPE", "pubsub")
    assert one.request("POST", "/api/v1/logout", token=None, headers=sent[one]).status == 204
    until(lambda: tmux.clients("one") == [], "its end", seconds=30)


def test_who_reads_redis_cannot_sign_a_login(start_replicas, redis):
    """Two services with one Redis and two tokens do not believe each other's cookies."""
    (one,), (other,) = start_replicas(1), start_replicas(1, env={"MUXBOARD_TOKEN": "another token entirely"})
    answer = one.request("POST", "/api/v1/login", json={"token": one.token}, token=None)
    value = answer.headers["Set-Cookie"].partition(";")[0].partition("=")[2]

    def status(service):
        headers = {"Cookie": f"muxboard-{service.port}={value}"}
        return service.request("GET", "/api/v1/me", token=None, headers=headers).status

    assert (status(one), status(other)) == (200, 401)


def test_replicas_without_a_token_in_common_do_not_start(redis, start_service):
    with pytest.raises(AssertionError, match=r"(?s)ended with 2:.*auth\.token: replicas need one token"):
        start_service({}, token=None, env={"MUXBOARD_REGISTRY_URL": redis.url})
