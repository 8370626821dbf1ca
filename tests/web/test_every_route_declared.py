"""Nothing is served that is not declared in ``everyroute``, and nothing is declared that is not served."""

from __future__ import annotations

import re

import pytest

from muxboard.access.grants import _LINKS, _ROLES, Need
from muxboard.web import app
from muxboard.web.app import HEALTH, ROUTES
from muxboard.web.handler import Handler
from muxboard.web.health import MetricsText
from tests.web import bare
from tests.web.everyroute import ENTRIES, HEALTH_ENTRIES, METRICS_ENTRIES, ROLES, Place

METRICS = (*HEALTH, (r"metrics", MetricsText))
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@pytest.mark.parametrize(
    ("entries", "routes"),
    [(ENTRIES, ROUTES), (HEALTH_ENTRIES, HEALTH), (METRICS_ENTRIES, METRICS)],
    ids=["main", "health", "metrics"],
)
def test_the_declared_table_is_the_applications(entries, routes):
    real = {(pattern, method, need) for pattern, each in routes for method, need in each.access.items()}
    declared = set()
    for entry in entries:
        path = entry.at(Place()).partition("?")[0]
        (pattern,) = [pattern for pattern, _ in routes if re.fullmatch(pattern, path)]
        declared.add((pattern, entry.method, entry.access))
    assert declared == real


def test_the_applications_serve_these_tables_and_nothing_else():
    """Nobody adds a route to the application itself, past the table."""

    class Config:
        class server:  # noqa: N801
            base_path = "/"
            metrics_bind = ""

    class Services:
        config = Config

    def served(application):
        return {(rule.matcher.regex.pattern, rule.target) for rule in application.wildcard_router.rules} | {
            (str(rule.matcher), rule.target) for rule in application.default_router.rules[:-1]
        }

    main = {(f"/{pattern}$", handler) for pattern, handler in (*ROUTES, *HEALTH)}
    assert served(app.application(Services)) == main
    assert served(app.health_application(Services)) == {(f"/{pattern}$", each) for pattern, each in METRICS}


def test_what_a_role_may_is_said_in_both_places():
    for role, needs in _ROLES.items():
        assert {need.value for need in needs} == ROLES[role] | {"list"}
    for mode, needs in _LINKS.items():
        assert {need.value for need in needs} == ROLES[f"link-{mode}"] | {"list"}
    assert {need.value for need in Need} == ROLES["admin"] | {"list"}


@pytest.mark.gen_test
async def test_a_handler_that_says_nothing_refuses_everything(boards, monkeypatch):
    class Careless(Handler):
        def get(self):
            self.write("reached")

        head = post = put = patch = delete = options = get

    monkeypatch.setattr(app, "ROUTES", (*ROUTES, ("careless", Careless)))
    board = await boards()
    for method in METHODS:
        for lines in ([], [("Authorization", "Bearer person-anybody")]):
            answer = await bare.ask(board, method, "careless", lines, b"")
            assert answer.status == 405, method
            assert b"reached" not in answer.body
