"""A board with two tmux users and a hidden host, people for every role, and what a request could change."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.rig.soon import soon
from tests.web import bare
from tests.web.everyroute import HOSTS, KEY, LINKS, ROOM, Place, grant
from tests.web.harness import LOGIN, TOKEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.web.bare import Lines
    from tests.web.everyroute import Entry
    from tests.web.harness import Answer, Board, Boards

SECRET = "secret-of-other"  # a session of the second tmux user
PEOPLE = "".join(
    [
        # "operator" is also whom the token gate's own login is for
        *(grant(role, role) for role in ("viewer", "operator", "admin")),
        grant("boss", "admin", host="*", user="*"),
        grant("bob", "operator"),
    ]
)


def bearer(person: str) -> Lines:
    return [("Authorization", f"Bearer person-{person}")]


class World:
    """One board, made anew between requests.

    Attributes:
        audit: Where its audit lines stand.
    """

    def __init__(self, board: Board) -> None:
        self.board = board
        self.audit = board.machine.folder / "audit.jsonl"
        board.machine.other.new(SECRET, "cat")

    @classmethod
    async def start(cls, boards: Boards, toml: str = "", people: str = PEOPLE, **more: Any) -> World:
        """Start a board; ``toml`` may say more of ``[server]`` and ``[auth]``."""
        machine = more.pop("machine", None) or boards.machine()
        if "[server]" not in toml:
            toml = f"[server]\n{toml}"
        text = f'{toml}{LINKS}{ROOM}[audit]\npath = "{machine.folder}/audit.jsonl"\n{people}{HOSTS}'
        return cls(await boards(text, machine=machine, env={"LINK_KEY": KEY, **more.pop("env", {})}, **more))

    async def ask(
        self, entry: Entry, lines: Sequence[tuple[str, str]], place: Place | None = None, **more: Any
    ) -> Answer:
        where = place or Place()
        return await bare.ask(
            self.board, entry.method, entry.at(where), list(lines), entry.said(where), **more
        )

    def fresh(self) -> None:
        """The login user's sessions are ``one`` and ``two`` again."""
        tmux = self.board.tmux
        there = tmux.ls()
        for name in {"made", "renamed"} & set(there):
            tmux("kill-session", "-t", f"={name}")
        for name in {"one", "two"} - set(there):
            tmux.new(name, "cat")

    async def terminal(self, lines: Sequence[tuple[str, str]], **more: str) -> str:
        """Open a terminal to look at a session and return its id."""
        wanted = {"host": "local", "user": LOGIN, "session": "one", "mode": "view", **more}
        body = json.dumps(wanted).encode()
        answer = await bare.ask(self.board, "POST", "api/v1/terminals", lines, body)
        assert answer.status == 201, answer
        return answer.json["id"]

    async def link(self, mode: str = "view", session: str = "one", sub: str | None = "boss") -> str:
        """Return the token of a fresh link. It is for somebody whose grants it must not bring along."""
        wanted = {"host": "local", "user": LOGIN, "session": session, "mode": mode, "sub": sub}
        body = json.dumps(wanted).encode()
        answer = await bare.ask(self.board, "POST", "api/v1/links", self.maker, body)
        assert answer.status == 201, answer
        return answer.json["token"]

    maker: Lines = bearer("boss")  # who makes links

    async def redeem(self, token: str) -> Answer:
        body = json.dumps({"token": token}).encode()
        answer = await bare.ask(self.board, "POST", "api/v1/links/redeem", [], body)
        assert answer.status == 200, answer
        return answer

    async def link_cookie(self, mode: str = "view", **more: str) -> Lines:
        """What a browser sends after it has opened a link: no line but the credential's."""
        return cookies(await self.redeem(await self.link(mode, **more)))

    async def link_bearer(self, mode: str = "view", **more: str) -> Lines:
        """What a client without cookies sends then."""
        answer = await self.redeem(await self.link(mode, **more))
        return [("Authorization", f"Bearer {answer.json['session_token']}")]

    async def state(self) -> dict[str, Any]:
        """All that a request could have changed, once what has ended is undone."""
        machine, service = self.board.machine, self.board.service
        caps, table = service.registry._counts, service.attacher.table
        await soon(lambda: not service.services.streams, "the end of all streams")
        await soon(lambda: not any(name.startswith("streams") for name in caps), "their leases' end")
        await soon(lambda: caps["terminals"] == len(table), "the end of what was ended")
        return {
            "sessions": machine.tmux("list-sessions", "-F", "#{session_id} #{session_name}"),
            "theirs": machine.other("list-sessions", "-F", "#{session_id} #{session_name}"),
            "terminals": sorted(terminal.id for terminal in table),
            "caps": dict(caps),
            "audit": self.audit.read_text(),
        }


def cookies(answer: Answer) -> Lines:
    """What a browser makes of the cookies that it was given."""
    given = [line.partition(";")[0] for line in answer.headers.get_list("Set-Cookie")]
    return [("Cookie", "; ".join(given))]


def both(*shown: Lines) -> Lines:
    """What a browser sends that has been given all these cookies."""
    return [("Cookie", "; ".join(value for lines in shown for name, value in lines if name == "Cookie"))]


async def login_cookie(world: World) -> Lines:
    """What a browser sends after a login with the token."""
    answer = await bare.ask(world.board, "POST", "api/v1/login", [], json.dumps({"token": TOKEN}).encode())
    assert answer.status == 204, answer
    return cookies(answer)
