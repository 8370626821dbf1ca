from __future__ import annotations

import os

import pytest

from tests.ssh.fleet import Hosts


@pytest.fixture
def make_hosts(tmp_path, io_loop):
    """Call it with variables of the environment for ``Hosts``; they are closed with the test."""
    made = []

    def make(**environ):
        folder = tmp_path / f"fleet{len(made)}"
        folder.mkdir()
        made.append(Hosts(folder, {"PATH": os.environ["PATH"], **environ}))
        return made[-1]

    yield make
    for hosts in made:
        io_loop.run_sync(hosts.close)


@pytest.fixture
def hosts(make_hosts):
    """Makes hosts over ssh, without an agent."""
    return make_hosts()


@pytest.fixture
def key(make_key):
    return make_key()
