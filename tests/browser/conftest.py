"""The board on the test's own service and tmux."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browser.board import Board

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.rig.service import Service


@pytest.fixture
def board(page: Page, service: Service) -> Board:
    """The dashboard of the printed URL, not opened yet."""
    return Board(page, service.printed_url)
