"""Commands that are cut short: their children have ended before the loop does."""

from __future__ import annotations

import asyncio
import contextlib

import psutil
import pytest

from muxboard.hosts import local
from tests.rig.soon import soon

pytestmark = pytest.mark.gen_test


@pytest.mark.parametrize("script", ["exec sleep 100", "trap '' TERM; while :; do sleep 0.1; done"])
async def test_a_command_that_was_cut_short_is_waited_for(script):
    me = psutil.Process()
    running = asyncio.ensure_future(local.run(["sh", "-c", script], local.environment({}), timeout_s=60))
    [child] = await soon(me.children, "the command")
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    await local.ended()
    assert not child.is_running()
