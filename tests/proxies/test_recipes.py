"""Each plain recipe, with the real program and its TLS: muxboard below ``/console/`` of a site."""

import asyncio
import urllib.parse

import pytest

from tests.proxies.consoles import CONSOLES, FAILURES, ODD, ORIGIN, chunks, head_of, running
from tests.rig.service import TOKEN
from tests.web.harness import LOGIN

pytestmark = pytest.mark.gen_test(timeout=60)

API = "/console/api/v1"
ELSEWHERE = "https://evil.example"


@pytest.fixture(scope="module", params=CONSOLES, ids=[kind.name for kind in CONSOLES])
def place(request):
    with running(request.param()) as site:
        yield site


@pytest.fixture(autouse=True)
def _said(place, request):
    """A failure shows what the programs have said."""
    yield
    report = getattr(request.node, "report_call", None)
    if report is not None and report.failed:
        report.sections.append(("what the programs said", place.log[-6000:]))


async def opened(visitor, headers=None):
    """Open a terminal; return the path of its calls."""
    body = {"host": "local", "user": LOGIN, "session": "api"}
    answer = await visitor.call("POST", f"{API}/terminals", body, headers)
    assert answer.status == 201, answer
    return answer.json["id"], f"{API}/terminals/{answer.json['id']}"


async def test_the_path_leads_to_the_page(place):
    async with place.visitor() as visitor:
        answer = await visitor.call("GET", "/console")
        assert answer.status == 308
        assert urllib.parse.urljoin(f"{ORIGIN}/console", answer.headers["location"]).endswith("/console/")
        page = await visitor.call("GET", "/console/")
        assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert b'<base href="/console/">' in page.body


async def test_a_login_the_inventory_and_a_terminal_whose_client_is_known(place):
    """With headers that say that the client is somebody else, at another name: nobody believes them."""
    lies = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Host": "evil.example", "X-Real-IP": "203.0.113.9"}
    async with place.visitor("127.0.0.7") as visitor:
        assert (await visitor.call("GET", f"{API}/inventory")).status == 401
        answer = await visitor.log_in()
        assert answer.status == 204, answer
        assert "; secure" in answer.headers["set-cookie"].lower()
        inventory = (await visitor.call("GET", f"{API}/inventory", headers=lies)).json
        assert [host["key"] for host in inventory["hosts"]] == ["local"]
        terminal, path = await opened(visitor, lies)
        connected = await visitor.socket(f"{path}/socket", lies)
        assert connected.status == 101
        await connected.echoes()
        [started] = [each for each in place.audit if each.get("terminal") == terminal]
        assert (started["event"], started["client"]) == ("terminal.start", "127.0.0.7")


async def test_events_come_at_once(place):
    async with place.visitor() as visitor:
        await visitor.log_in()
        reader, _ = await visitor.send("GET", f"{API}/events")
        async with asyncio.timeout(5):  # a comment would come after 15 s, and more that fills a buffer never
            status, headers = await head_of(reader)
            assert (status, headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
            heard = b""
            async for chunk in chunks(reader):
                heard += chunk
                if b"\n\n" in heard:
                    break
        assert heard.startswith(b"event: inventory\n"), heard[:200]


async def test_a_request_that_waits_is_answered_when_there_is_something(place):
    async with place.visitor() as visitor:
        await visitor.log_in()
        _, path = await opened(visitor)
        offset, typed, got = 0, 0, b""
        first = await visitor.call("GET", f"{path}/output?offset=0&wait=0")
        assert first.status in {200, 204}
        waiting = asyncio.ensure_future(visitor.call("GET", f"{path}/output?offset=0&wait=20"))
        sent = await visitor.call("POST", f"{path}/input?offset={typed}", b"by-request\n")
        assert sent.json == {"input_offset": 11}
        while b"by-request" not in got:
            answer = await waiting
            assert answer.status == 200, answer
            got += answer.body
            offset = int(answer.headers["muxboard-offset"]) + len(answer.body)
            waiting = asyncio.ensure_future(visitor.call("GET", f"{path}/output?offset={offset}&wait=20"))
        waiting.cancel()
        await asyncio.wait([waiting])


async def test_a_page_elsewhere_is_refused(place):
    async with place.visitor() as visitor:
        login = await visitor.call(
            "POST",
            f"{API}/login",
            {"token": TOKEN},
            {"Origin": ELSEWHERE, "X-Forwarded-Host": "evil.example"},
        )
        assert (login.status, login.code) == (403, "origin_refused")
        await visitor.log_in()
        _, path = await opened(visitor)
        for headers in ({"Origin": ELSEWHERE}, {"Origin": "https://mux.example.com.evil.example"}):
            answer = await visitor.call("DELETE", path, headers=headers)
            assert (answer.status, answer.code) == (403, "origin_refused")
            assert (await visitor.socket(f"{path}/socket", headers)).status == 403


async def test_a_name_that_is_not_ours_is_not_answered_to(place):
    """By muxboard, where the proxy lets it as far as that."""
    async with place.visitor() as visitor:
        await visitor.log_in()
        answer = await visitor.call("GET", f"{API}/me", headers={"Host": "evil.example"})
        assert answer.status == 421 or not answer.body, answer


async def test_a_name_with_a_slash_in_it_comes_through(place):
    async with place.visitor() as visitor:
        await visitor.log_in()
        name = urllib.parse.quote(ODD, safe="")
        answer = await visitor.call("GET", f"{API}/hosts/local/users/{LOGIN}/sessions/{name}/preview")
        assert (answer.status, answer.body.split()[:1]) == (200, [b"look"]), answer


async def test_who_guesses_shuts_out_nobody_else_and_cannot_change_the_address(place):
    async with place.visitor("127.0.0.8") as guesser, place.visitor("127.0.0.9") as other:
        statuses = []
        for number in range(FAILURES + 2):
            lie = {"X-Forwarded-For": f"203.0.113.{number}"}
            wrong = {"token": "a-wrong-token-of-somebody"}
            statuses.append((await guesser.call("POST", f"{API}/login", wrong, lie)).status)
        assert statuses == [401] * FAILURES + [429] * 2
        assert (await other.log_in()).status == 204
        denied = {each["client"] for each in place.audit if each["event"] == "auth.denied"}
        assert "127.0.0.8" in denied
        assert not any(client.startswith("203.0.113.") for client in denied)
