"""What a login has opened ends with it, or goes on with a fresher one of the same person."""

from __future__ import annotations

import asyncio
import time

import pytest

from muxboard.access import gates
from muxboard.access.jwt import Rules, Verifier
from muxboard.access.keys import FixedKeys
from muxboard.access.profiles import PROFILES
from muxboard.access.proxied import Provider, principal
from tests.access import jwts
from tests.rig.soon import soon
from tests.web.harness import LOGIN
from tests.web.test_events import Stream

pytestmark = pytest.mark.gen_test(timeout=30)
KEYS_FILE = "jwks.json"
TOML = f"""
[auth]
gate = "jwt"
[[auth.jwt]]
issuer = "{jwts.ISSUER}"
audience = "{jwts.AUDIENCE}"
jwks_file = "KEYS"
leeway = "0s"
[[grants]]
groups = ["sre"]
role = "operator"
[[grants]]
principals = ["viewer@example.com"]
role = "viewer"
"""


def token(seconds, **changes):
    now = int(time.time())
    return jwts.token("generic", jwts.claims(exp=now + seconds, iat=now, **changes))


@pytest.fixture
def behind_proxy(boards, tmp_path):
    """Call it for a board whose gate verifies a proxy's tokens."""

    async def start(toml=TOML):
        keys = tmp_path / KEYS_FILE
        keys.write_bytes(jwts.jwks(jwts.jwk(jwts.RSA, "RS256")))
        return await boards(toml.replace("KEYS", str(keys)))

    return start


async def attached(board, shown, **more):
    headers = {"Origin": board.origin}
    body = {
        "host": "local",
        "user": LOGIN,
        "session": "one",
        "mode": "control",
        "cols": 80,
        "rows": 24,
        **more,
    }
    made = await board.call("POST", "api/v1/terminals", body, token=shown, headers=headers)
    assert made.status == 201, made
    path = f"api/v1/terminals/{made.json['id']}/socket"
    return made.json["id"], await board.upgrade(path, token=shown, **headers)


async def show(board, shown):
    return await board.call("GET", "api/v1/me", token=shown)


async def test_terminals_and_streams_end_as_expired(behind_proxy):
    board = await behind_proxy()
    shown = token(2)
    terminal, socket = await attached(board, shown)
    stream = await Stream.open(board, f"Authorization: Bearer {shown}\r\nOrigin: {board.origin}")
    assert (await socket.message("exit"))["reason"] == "expired"
    assert await socket.close_code() == 1000
    said = await stream.event("exit")
    assert (said["reason"], said["message"]) == ("expired", "The login has expired; the session goes on.")
    await stream.ended()
    stream.cut()
    assert (await show(board, shown)).status == 401
    again = await board.upgrade(f"api/v1/terminals/{terminal}/socket", token=shown, Origin=board.origin)
    assert again.status == 401
    await soon(lambda: board.used == 0, "the end of the terminal")


async def test_a_fresher_token_of_the_same_person_lets_them_go_on(behind_proxy):
    board = await behind_proxy()
    _, socket = await attached(board, first := token(2))
    stream = await Stream.open(board, f"Authorization: Bearer {first}\r\nOrigin: {board.origin}")
    assert (await show(board, token(600))).status == 200
    await asyncio.sleep(2.5)  # past the first one's end: nothing else tells that nothing happens
    await socket.echoes()
    await stream.event("checked")
    stream.cut()


async def test_a_token_that_was_renewed_late_is_waited_for(behind_proxy):
    """Within the leeway that requests have too: some proxies renew a token only when it has ended."""
    board = await behind_proxy(TOML.replace('"0s"', '"3s"'))
    _, socket = await attached(board, first := token(1))
    stream = await Stream.open(board, f"Authorization: Bearer {first}\r\nOrigin: {board.origin}")
    await asyncio.sleep(1.5)
    assert (await show(board, token(600))).status == 200
    await asyncio.sleep(3)
    await socket.echoes()
    await stream.event("checked")
    stream.cut()


async def test_nothing_waits_longer_than_30_s():
    rules = Rules(jwts.ISSUER, jwts.AUDIENCE, ("RS256",), leeway_s=60.0)
    provider = Provider(PROFILES["generic"], Verifier(rules, FixedKeys([])))
    found = principal(jwts.claims(exp=1000), provider)
    assert found.ends is not None
    assert 0 < found.ends - 1000 < 30


@pytest.mark.parametrize(
    "changes",
    [{"sub": "subject-2"}, {"sub": "subject-2", "email": "ada@example.com"}],
    ids=["other", "same name"],
)
async def test_a_fresher_token_of_somebody_else_does_not(behind_proxy, changes):
    board = await behind_proxy()
    _, socket = await attached(board, token(2))
    assert (await show(board, token(600, **changes))).status == 200
    assert (await socket.message("exit"))["reason"] == "expired"


async def test_a_fresher_token_takes_away_what_it_no_longer_grants(behind_proxy):
    board = await behind_proxy()
    _, socket = await attached(board, first := token(300))
    stream = await Stream.open(board, f"Authorization: Bearer {first}\r\nOrigin: {board.origin}")
    assert (await stream.event("inventory"))["hosts"]
    assert (await show(board, token(600, groups=["guests"]))).status == 200
    assert (await socket.message("exit"))["reason"] == "revoked"
    assert (await stream.event("inventory"))["hosts"] == []
    stream.cut()


async def test_an_older_token_changes_nothing(behind_proxy):
    board = await behind_proxy()
    _, socket = await attached(board, token(600))
    assert (await show(board, token(300, groups=["guests"]))).status == 200
    await socket.echoes()


async def test_who_lost_a_grant_by_a_reload_loses_what_it_opened(behind_proxy):
    """And whoever gained one sees more, without asking."""
    board = await behind_proxy()
    _, mine = await attached(board, token(600))
    viewer = token(600, sub="subject-2", email="viewer@example.com", groups=None)
    _, theirs = await attached(board, viewer, mode="view")
    outsider = token(600, sub="subject-3", email="new@example.com", groups=["dev"])
    stream = await Stream.open(board, f"Authorization: Bearer {outsider}\r\nOrigin: {board.origin}")
    assert (await stream.event("inventory"))["hosts"] == []
    file = board.machine.folder / "muxboard.toml"
    file.write_text(file.read_text().replace('groups = ["sre"]', 'groups = ["dev-only", "dev"]', 1))
    board.service.reload()
    assert (await stream.until("inventory", lambda said: said["hosts"]))[-1]
    await theirs.shows("")
    stream.cut()
    file.write_text(file.read_text().replace('groups = ["dev-only", "dev"]', 'groups = ["nobody"]', 1))
    board.service.reload()
    exit_message = await mine.message("exit")
    assert exit_message["reason"] == "revoked"
    assert "no longer" in exit_message["message"]
    assert (await show(board, viewer)).json["role_by_target"] == {f"local/{LOGIN}": "viewer"}


async def test_a_links_terminal_and_stream_end_with_the_link(boards):
    board = await boards(
        '[auth.links]\nsecret_env = "LINK_KEY"\nsession = "2s"\n', env={"LINK_KEY": "k" * 32}
    )
    wanted = {"host": "local", "user": LOGIN, "session": "one", "mode": "control"}
    made = await board.call("POST", "api/v1/links", wanted)
    opened = await board.call("POST", "api/v1/links/redeem", {"token": made.json["token"]}, token=None)
    bearer = opened.json["session_token"]
    terminal = await board.call("POST", "api/v1/terminals", wanted | {"cols": 80, "rows": 24}, token=bearer)
    socket = await board.upgrade(f"api/v1/terminals/{terminal.json['id']}/socket", token=bearer)
    stream = await Stream.open(board, f"Authorization: Bearer {bearer}")
    assert (await socket.message("exit"))["reason"] == "expired"
    assert (await stream.event("exit"))["reason"] == "expired"
    stream.cut()
    assert (await show(board, bearer)).status == 401


async def test_a_file_that_has_lost_its_grants_makes_nobody_admin(boards, caplog):
    grants = '[[grants]]\nprincipals = ["boss"]\nrole = "admin"\n'
    board = await boards(grants)
    file = board.machine.folder / "muxboard.toml"
    file.write_text(file.read_text().replace(grants, ""))
    board.service.reload()
    await soon(lambda: "hosts added" in caplog.text or "taken out" in caplog.text, "the reload")
    assert "the last of [[grants]] was taken out" in caplog.text
    assert (await board.call("GET", "api/v1/me")).json["role_by_target"] == {}


async def test_who_logs_out_in_front_of_us_loses_what_they_had_opened(boards, monkeypatch):
    """A header says nothing of its end: what it opened ends when it is not shown any more."""
    monkeypatch.setattr(gates, "SHOWN_S", 2.0)
    grants = '[[grants]]\nprincipals = ["ada"]\nrole = "operator"\n'
    toml = '[server]\ntrusted_proxies = ["127.0.0.1/32"]\n[auth]\ngate = "header"\n'
    board = await boards(toml + grants)
    ours = {"X-Remote-User": "ada", "Origin": board.origin}
    body = {"host": "local", "user": LOGIN, "session": "one", "mode": "control", "cols": 80, "rows": 24}
    made = await board.call("POST", "api/v1/terminals", body, token=None, headers=ours)
    socket = await board.upgrade(f"api/v1/terminals/{made.json['id']}/socket", token=None, **ours)
    for _ in range(5):  # as a page does, in time
        await asyncio.sleep(0.6)
        assert (await board.call("GET", "api/v1/me", token=None, headers=ours)).status == 200
    await socket.echoes()
    assert (await socket.message("exit"))["reason"] == "expired"
