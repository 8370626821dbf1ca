"""The board on the test's own service and tmux, through whatever stands in between."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import pytest

from tests.browser.board import Board
from tests.rig.browser import Watch

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.rig.service import Service


class Front(Protocol):
    """Where the page is served."""

    port: int


@pytest.fixture
def front(service: Service) -> Front:
    """What the page comes through: a module or class may put something in front of the service."""
    return service


@pytest.fixture
def complaints() -> str:
    """Pattern of what that makes the browser say; "" = nothing."""
    return ""


@pytest.fixture
def watch(service: Service, front: Front, complaints: str) -> Watch:
    """What the page did so far."""
    watch = Watch(_through(front, service, service.url))
    if complaints:
        watch.expect(complaints)
    return watch


@pytest.fixture
def board(page: Page, service: Service, front: Front) -> Board:
    """The dashboard of the printed URL, not opened yet."""
    return Board(page, _through(front, service, service.printed_url))


def _through(front: Front, service: Service, url: str) -> str:
    return url.replace(str(service.port), str(front.port), 1)
