"""Fixtures of the handlers' tests: Services on the test's loop, over tmux on private sockets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.terminals.desk import Programs
from tests.web.harness import Board, Boards

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tornado.ioloop import IOLoop

    from muxboard.server import Service


@pytest.fixture(scope="session", autouse=True)
def _no_other_loop() -> None:
    """Without this, Tornado's loop asks asyncio for the one before it, which makes one that nobody closes."""
    asyncio.set_event_loop(None)


@pytest.fixture
def boards(io_loop: IOLoop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Boards]:
    """``await boards(toml)`` starts a Service."""
    boards = Boards(monkeypatch)
    yield boards
    try:
        io_loop.run_sync(boards.close)
    finally:
        boards.close_machines()


@pytest.fixture
def board(io_loop: IOLoop, boards: Boards) -> Board:
    """A Service with the defaults, one tmux user and the session ``one``, which runs cat."""
    return io_loop.run_sync(boards)


@pytest.fixture
def programs(io_loop: IOLoop, boards: Boards) -> Board:
    """A Service whose sessions are shell scripts on plain PTYs: each byte is seen as it was sent."""

    def plain(service: Service) -> None:
        service.attacher._launcher = Programs()  # type: ignore[assignment]

    return io_loop.run_sync(lambda: boards("[limits]\nrequests = '10000/minute'\n", before_start=plain))


@pytest.fixture
def base_url(board: Board) -> str:
    """pytest-tornado's name for where the application is."""
    return board.url.rstrip("/")
