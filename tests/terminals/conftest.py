from __future__ import annotations

import pytest

from tests.rig.managed import host, manage  # noqa: F401  fixtures
from tests.terminals.desk import Desk


@pytest.fixture
def desks(host, io_loop):  # noqa: F811  the fixture
    """Call it with ``[limits]`` for a desk; every one must be empty in the end."""
    made = []

    def make(**fields):
        made.append(Desk(host, **fields))
        return made[-1]

    yield make
    for desk in made:
        io_loop.run_sync(desk.close)


@pytest.fixture
def desk(desks):
    return desks()
