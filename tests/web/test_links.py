"""Deep links: made by who may, redeemed once, good for one session and nothing else."""

from __future__ import annotations

import asyncio

import jwt
import pytest

from muxboard.access.links import AUDIENCE
from muxboard.web.cookie import MAX_LINKS
from tests.web.harness import LOGIN, OTHER

KEY = "a key of at least thirty-two characters"
TOML = '[auth.links]\nsecret_env = "LINK_KEY"\n'

pytestmark = pytest.mark.gen_test


def wanted(**changes):
    return {"host": "local", "user": LOGIN, "session": "one", "mode": "view", **changes}


async def mint(board, **changes):
    return await board.call("POST", "api/v1/links", wanted(**changes))


async def redeem(board, token):
    return await board.call("POST", "api/v1/links/redeem", {"token": token}, token=None)


async def test_a_link_opens_its_session_and_nothing_else(boards):
    board = await boards(TOML, env={"LINK_KEY": KEY}, two_users=True)
    made = await mint(board)
    assert made.status == 201
    assert made.json["url"].endswith("/open#" + made.json["token"])
    opened = await redeem(board, made.json["token"])
    assert (opened.status, opened.json["session"], opened.json["mode"]) == (200, "one", "view")
    session = opened.json["session_token"]

    async def call(method, path, body=None):
        return await board.call(method, path, body, token=session)

    me = (await call("GET", "api/v1/me")).json
    assert me["principal"] == {"name": "link", "groups": [], "gate": "link"}
    assert me["role_by_target"] == {f"local/{LOGIN}": "viewer"}
    board.machine.tmux.new("two", "cat")
    await board.call("POST", "api/v1/refresh", {})
    await asyncio.sleep(0.3)
    hosts = (await call("GET", "api/v1/inventory")).json["hosts"]
    assert [[s["name"] for s in user["sessions"]] for host in hosts for user in host["users"]] == [["one"]]
    base = f"api/v1/hosts/local/users/{LOGIN}/sessions"
    assert (await call("GET", f"{base}/one/preview")).status == 200
    for method, path, body in (
        ("GET", f"{base}/two/preview", None),
        ("GET", f"{base}/two/scrollback", None),
        ("POST", base, {"name": "x"}),
        ("PATCH", f"{base}/one", {"name": "x"}),
        ("DELETE", f"{base}/one?confirm=one", None),
        ("POST", "api/v1/links", wanted()),
        ("POST", "api/v1/terminals", wanted(mode="control")),
        ("POST", "api/v1/terminals", wanted(session="two")),
        ("POST", "api/v1/terminals", wanted(user=OTHER)),
        ("GET", "api/v1/terminals?all=1", None),
    ):
        assert (await call(method, path, body)).code == "forbidden", (method, path)
    assert (await call("POST", "api/v1/terminals", wanted())).status == 201


async def test_a_link_is_good_once(boards):
    board = await boards(TOML, env={"LINK_KEY": KEY})
    token = (await mint(board)).json["token"]
    answers = await asyncio.gather(*(redeem(board, token) for _ in range(4)))
    assert sorted(answer.status for answer in answers) == [200, 401, 401, 401]


async def test_what_is_no_link_of_ours_is_refused(boards):
    board = await boards(TOML, env={"LINK_KEY": KEY})
    good = jwt.decode((await mint(board)).json["token"], KEY, ["HS256"], audience=AUDIENCE)
    for changes in (
        {"iss": "https://evil.example"},
        {"aud": "muxboard"},
        {"exp": good["iat"] - 60},
        {"exp": good["iat"] + 10 * 86400},
        {"jti": None},
        {"mode": "admin"},
        {"host": None},
        {"session": ["one"]},
    ):
        claims = {name: value for name, value in {**good, **changes}.items() if value is not None}
        assert (await redeem(board, jwt.encode(claims, KEY, "HS256"))).status == 401, changes
    assert (await redeem(board, jwt.encode(good, "x" * 32, "HS256"))).status == 401
    assert (await redeem(board, "nonsense")).status == 401


async def test_a_link_to_what_is_not_here_is_as_unknown(boards):
    board = await boards(TOML, env={"LINK_KEY": KEY})
    good = jwt.decode((await mint(board)).json["token"], KEY, ["HS256"], audience=AUDIENCE)
    for changes in ({"host": "nowhere"}, {"user": "nobody-here"}):
        assert (await redeem(board, jwt.encode({**good, **changes}, KEY, "HS256"))).code == "not_found"


async def test_only_who_may_make_links_does(boards):
    grants = (
        '[[grants]]\nprincipals = ["viewer"]\nrole = "viewer"\n'
        f'[[grants]]\nprincipals = ["operator"]\nrole = "operator"\nusers = ["{LOGIN}"]\n'
        '[[grants]]\nprincipals = ["boss"]\nrole = "admin"\n'
    )
    board = await boards(TOML + grants, env={"LINK_KEY": KEY}, two_users=True)

    async def status(person, **changes):
        return (await board.call("POST", "api/v1/links", wanted(**changes), token=f"person-{person}")).status

    assert await status("viewer") == 403
    assert await status("operator") == 201
    assert await status("operator", mode="control") == 201
    assert await status("operator", user=OTHER) == 403
    assert await status("operator", sub="ada") == 403
    assert await status("boss", sub="ada") == 201
    assert await status("boss", ttl="2d") == 400
    assert await status("boss", ttl="soon") == 400


async def test_without_a_key_there_are_no_links(board):
    assert (await mint(board)).code == "not_found"
    assert (await redeem(board, jwt.encode({"iss": "muxboard"}, KEY, "HS256"))).status == 401


def cookies(answer):
    """The cookies that an answer sets, as a browser sends them; those that it clears are left out."""
    lines = [line.partition(";")[0] for line in answer.headers.get_list("Set-Cookie")]
    return [line for line in lines if not line.endswith('=""')]


async def test_two_links_in_one_browser_do_not_take_each_other_away(boards):
    board = await boards(TOML, env={"LINK_KEY": KEY})
    board.machine.tmux.new("two", "cat")
    tokens = [(await mint(board, session=name)).json["token"] for name in ("one", "two")]
    # At the same time, as two frames of one page do: neither request has the other's cookie.
    answers = await asyncio.gather(*(redeem(board, token) for token in tokens))
    shown = {"Cookie": "; ".join(cookies(answers[0]) + cookies(answers[1])), "Origin": board.origin}
    me = (await board.call("GET", "api/v1/me", token=None, headers=shown)).json
    assert {link["session"] for link in me["links"]} == {"one", "two"}
    terminals = []
    for name in ("one", "two"):
        made = await board.call(
            "POST", "api/v1/terminals", wanted(session=name, cols=80, rows=24), token=None, headers=shown
        )
        assert made.status == 201
        terminals.append(made.json["id"])
        (await board.upgrade(f"api/v1/terminals/{made.json['id']}/socket", token=None, **shown)).cut()
    mine = (await board.call("GET", "api/v1/terminals", token=None, headers=shown)).json
    assert [each["id"] for each in mine] == terminals
    only = {"Cookie": cookies(answers[0])[0], "Origin": board.origin}
    assert len((await board.call("GET", "api/v1/terminals", token=None, headers=only)).json) == 1
    gone = await board.call("DELETE", f"api/v1/terminals/{terminals[1]}", token=None, headers=only)
    assert gone.code == "not_found"


async def test_a_link_does_not_take_a_login_away_and_ends_by_itself(boards):
    board = await boards(TOML, env={"LINK_KEY": KEY})
    page = await board.login()
    token = (await mint(board, mode="control")).json["token"]
    answer = await board.call("POST", "api/v1/links/redeem", {"token": token}, token=None, headers=page)
    both = {**page, "Cookie": "; ".join([page["Cookie"], *cookies(answer)])}
    me = (await board.call("GET", "api/v1/me", token=None, headers=both)).json
    assert (me["principal"]["gate"], len(me["links"])) == ("token", 1)
    assert (await board.call("POST", "api/v1/links", wanted(), token=None, headers=both)).status == 201
    out = await board.call("POST", "api/v1/logout", token=None, headers=both)
    assert len(out.headers.get_list("Set-Cookie")) == 2
    assert (await board.call("GET", "api/v1/me", token=None, headers=both)).status == 401


async def test_a_terminal_by_a_link_belongs_to_the_link(boards):
    """Who has grants of their own acts as themselves; where only a link lets them in, its end is theirs."""
    grants = '[[grants]]\nprincipals = ["operator"]\nrole = "viewer"\n'
    grants += '[[grants]]\nprincipals = ["boss"]\nrole = "admin"\n'
    board = await boards(TOML + 'session = "1h"\n' + grants, env={"LINK_KEY": KEY})
    page = await board.login()
    answer = await board.call("POST", "api/v1/links", wanted(mode="control"), token="person-boss")
    opened = await board.call(
        "POST", "api/v1/links/redeem", {"token": answer.json["token"]}, token=None, headers=page
    )
    both = {**page, "Cookie": "; ".join([page["Cookie"], *cookies(opened)])}
    ends = opened.json["expires_at"]
    for mode, until in (("view", None), ("control", ends)):
        made = await board.call(
            "POST", "api/v1/terminals", wanted(mode=mode, cols=80, rows=24), token=None, headers=both
        )
        terminal = board.service.attacher.table._terminals[made.json["id"]]
        assert terminal.principal.name == "operator"
        assert (terminal.principal.expires_at == ends) is (until == ends)


async def test_no_more_links_are_kept_than_a_request_can_carry(boards):
    board = await boards(TOML, env={"LINK_KEY": KEY})
    jar = {}
    for _ in range(MAX_LINKS + 2):
        token = (await mint(board)).json["token"]
        shown = {"Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())}
        answer = await board.call("POST", "api/v1/links/redeem", {"token": token}, token=None, headers=shown)
        for line in answer.headers.get_list("Set-Cookie"):
            name, _, value = line.partition(";")[0].partition("=")
            jar.pop(name, None)
            if value != '""':
                jar[name] = value
    assert len(jar) == MAX_LINKS


async def test_a_link_for_somebody_is_for_them_where_the_gate_knows_who_asks(boards):
    board = await boards(TOML, env={"LINK_KEY": KEY})

    async def open_as(person, token):
        return await board.call("POST", "api/v1/links/redeem", {"token": token}, token=person)

    token = (await mint(board, sub="ada")).json["token"]
    assert (await open_as("person-bob", token)).code == "forbidden"
    assert (await open_as("not-the-token", token)).code == "unauthenticated"
    assert (await open_as("person-ada", token)).status == 200
    # Where nobody is known, the link is what makes them known.
    token = (await mint(board, sub="ada")).json["token"]
    assert (await open_as(None, token)).status == 200


async def test_links_leave_room_for_people(boards):
    """Each link is a principal of its own, so what each may have does not bound them all."""
    limits = "[limits]\nattaches_per_principal = 2\nattaches_global = 4\n"
    board = await boards(TOML + limits, env={"LINK_KEY": KEY})
    answers = []
    for _ in range(3):
        token = (await mint(board)).json["token"]
        bearer = (await redeem(board, token)).json["session_token"]
        answers.append(await board.call("POST", "api/v1/terminals", wanted(cols=80, rows=24), token=bearer))
    assert [answer.status for answer in answers] == [201, 201, 429]
    assert "by a link" in answers[-1].json["detail"]
    await board.open()
