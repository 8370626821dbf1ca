"""The hosts of the configuration, when it is another one."""

from __future__ import annotations

import pytest

from muxboard.config.load import checked
from muxboard.hosts.configured import Configured

pytestmark = pytest.mark.gen_test(timeout=30)


async def test_a_host_that_is_taken_out_is_closed_at_once():
    """A terminal that is being opened looks whether it is; those that are open have been told just before."""

    def loaded(*keys):
        return checked({"hosts": [{"key": key, "local": True} for key in keys]}, {})

    configured = Configured(loaded("stays", "goes"), {})
    stays, goes = configured.hosts["stays"], configured.hosts["goes"]
    change = configured.update(loaded("stays", "comes"))
    assert (change.added, change.removed, change.changed) == (["comes"], ["goes"], [])
    assert (stays.closed, goes.closed) == (False, True)
    await configured.let_go()
    await configured.close()
