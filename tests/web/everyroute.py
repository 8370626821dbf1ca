"""Every route and method, declared once: what stands here is compared with the application's own table, and
the tests of who may do what are made from it. A route that is not here fails the suite."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from muxboard.web.handler import Access
from tests.web.harness import LOGIN, OTHER, TOKEN

UNKNOWN = "A" * 24  # an id that no terminal has
UPGRADE = (
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
)

public, principal, change, stream = Access.public, Access.principal, Access.change, Access.stream
SESSIONS = "api/v1/hosts/{host}/users/{user}/sessions"
INPUT = "api/v1/terminals/{terminal}/input?offset=0"
RESIZE = {"type": "resize", "cols": 90, "rows": 30}
TARGET = {"host": "{host}", "user": "{user}", "session": "{session}"}


class Place(NamedTuple):
    """What fills a route's example in."""

    host: str = "local"
    user: str = LOGIN
    session: str = "one"
    terminal: str = UNKNOWN
    link: str = "nonsense"


class Entry(NamedTuple):
    """One way to call one method of one route.

    Attributes:
        method: Of HTTP.
        path: Below base_path, with the fields of ``Place`` in braces.
        access: What the handler must say that the method needs.
        done: The status for whoever may.
        needs: What a role must list; () for whoever is known.
        body: JSON, with the same fields.
        holds: Whose it is that it names: ``terminal``, ``target``, ``host`` or nothing.
        code: The problem's code for whoever may. The terminals of these tests are for looking at.
    """

    method: str
    path: str
    access: Access
    done: int = 200
    needs: tuple[str, ...] = ()
    body: dict[str, Any] | None = None
    holds: str = ""
    code: str = ""

    @property
    def name(self) -> str:
        words = json.dumps(self.body) if self.body else ""
        return f"{self.method} /{self.path} {words}".rstrip()

    @property
    def guarded(self) -> bool:
        """Whether an ambient credential needs a page of ours to call it."""
        return self.access is stream or self.method not in {"GET", "HEAD"}

    @property
    def socket(self) -> bool:
        return self.path.split("?")[0].endswith("/socket")

    def at(self, place: Place) -> str:
        return self.path.format(**place._asdict())

    def said(self, place: Place) -> bytes | None:
        """The body at a place."""
        if self.body is None:
            return None if self.method in {"GET", "HEAD"} else b""
        filled = {
            name: value.format(**place._asdict()) if isinstance(value, str) else value
            for name, value in self.body.items()
        }
        return json.dumps(filled).encode()


def _file(path: str) -> list[Entry]:
    return [Entry(method, path, public) for method in ("GET", "HEAD")]


def _terminal(mode: str) -> Entry:
    body = {**TARGET, "mode": mode}
    return Entry("POST", "api/v1/terminals", change, 201, (mode,), body, "target")


def _mint(*needs: str, **more: str) -> Entry:
    return Entry("POST", "api/v1/links", change, 201, ("mint", *needs), {**TARGET, **more}, "target")


ENTRIES: tuple[Entry, ...] = (
    *_file(""),
    *_file("h/{host}"),
    *_file("h/{host}/{user}/{session}"),
    *_file("login"),
    *_file("open"),
    *_file("admin"),
    *_file("assets/main-1a2b.js"),
    *_file("embed.js"),
    Entry("GET", "api/v1/me", principal),
    Entry("GET", "api/v1/inventory", principal),
    Entry("GET", "api/v1/events", stream),
    Entry("GET", "api/v1/events?changes=1", stream),
    Entry("POST", "api/v1/refresh", change, 202),
    Entry("POST", "api/v1/refresh", change, 202, (), {"host": "{host}"}, "host"),
    Entry("POST", SESSIONS, change, 201, ("create",), {"name": "made"}, "target"),
    Entry("PATCH", SESSIONS + "/{session}", change, 200, ("change",), {"name": "renamed"}, "target"),
    Entry("DELETE", SESSIONS + "/{session}?confirm={session}", change, 204, ("change",), None, "target"),
    Entry("GET", SESSIONS + "/{session}/preview", change, 200, ("view",), None, "target"),
    Entry("GET", SESSIONS + "/{session}/scrollback", change, 200, ("view",), None, "target"),
    Entry("GET", "api/v1/terminals", principal),
    Entry("GET", "api/v1/terminals?all=1", principal, 200, ("oversee",)),
    _terminal("view"),
    _terminal("control"),
    Entry("DELETE", "api/v1/terminals/{terminal}", change, 204, ("view",), None, "terminal"),
    Entry("GET", "api/v1/terminals/{terminal}/socket", stream, 101, ("view",), None, "terminal"),
    Entry("GET", "api/v1/terminals/{terminal}/stream", stream, 200, ("view",), None, "terminal"),
    Entry("GET", "api/v1/terminals/{terminal}/output?wait=5", stream, 200, ("view",), None, "terminal"),
    Entry("POST", INPUT, principal, 403, ("view",), None, "terminal", "read_only"),
    Entry("POST", "api/v1/terminals/{terminal}/control", principal, 204, ("view",), RESIZE, "terminal"),
    _mint("view", mode="view"),
    _mint("control", mode="control"),
    _mint("view", "oversee", mode="view", sub="somebody else"),
    Entry("POST", "api/v1/links/redeem", public, 200, (), {"token": "{link}"}),
    Entry("POST", "api/v1/login", public, 204, (), {"token": TOKEN}),
    Entry("POST", "api/v1/logout", principal, 204),
)
HEALTH_ENTRIES: tuple[Entry, ...] = (*_file("healthz"), *_file("readyz"))
# The second listener has those of health, and this.
METRICS_ENTRIES: tuple[Entry, ...] = (*HEALTH_ENTRIES, Entry("GET", "metrics", public))
MAIN: tuple[Entry, ...] = ENTRIES + HEALTH_ENTRIES

# What each role may do, said again here: a role that gains something must gain it in both places.
ROLES: dict[str, frozenset[str]] = {
    "nobody": frozenset(),
    "viewer": frozenset({"view"}),
    "operator": frozenset({"view", "control", "create", "change", "mint"}),
    "admin": frozenset({"view", "control", "create", "change", "mint", "oversee"}),
    "link-view": frozenset({"view"}),
    "link-control": frozenset({"view", "control"}),
}

KEY = "a key of at least thirty-two characters"
LINKS = '[auth.links]\nsecret_env = "LINK_KEY"\n'
# So that no test is stopped by a rate or a cap before it comes to what it is about.
ROOM = (
    '[limits]\nrequests = "1000000/minute"\nlogin_failures = "1000000/minute"\n'
    "attaches_per_principal = 400\nattaches_global = 800\n"
)
HOSTS = (
    '[[hosts]]\nkey = "local"\nlabel = "this machine"\nlocal = true\n'
    f'tmux_users = ["{LOGIN}", "{OTHER}"]\n'
    '[[hosts]]\nkey = "hidden"\nlabel = "the hidden one"\nlocal = true\n'
)


def grant(person: str, role: str, *, host: str = "local", user: str = LOGIN) -> str:
    """A grant of one person for one tmux user."""
    return f'[[grants]]\nprincipals = ["{person}"]\nrole = "{role}"\nhosts = ["{host}"]\nusers = ["{user}"]\n'
