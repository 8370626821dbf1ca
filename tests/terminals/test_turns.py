"""A flood beside others takes small turns, alone large ones."""

import os

import pytest

from muxboard.terminals.pty import FRAME_BYTES, SHARED_BYTES, PtyManager
from tests.rig.soon import soon

pytestmark = pytest.mark.gen_test(timeout=20)


async def test_a_terminal_takes_small_turns_while_another_is_at_work_and_large_ones_alone():
    manager = PtyManager()
    env = {"PATH": os.environ["PATH"]}
    heard: list[int] = []
    terminals = [manager.spawn(["cat"], env, 80, 24) for _ in range(2)]
    try:
        for pty in terminals:
            pty.on_readable = lambda pty=pty: heard.append(len(pty.read(pty.turn_bytes)[0]))
            pty.write(b"one\n")
        await soon(lambda: len(heard) >= 2, "both echoes")
        assert manager.turn_bytes == SHARED_BYTES
        await soon(lambda: manager.turn_bytes == FRAME_BYTES, "quiet")
        before = len(heard)
        terminals[1].write(b"two\n")
        await soon(lambda: len(heard) > before, "an echo")
        assert SHARED_BYTES < FRAME_BYTES
    finally:
        for pty in terminals:
            await pty.close()
        await manager.shutdown()
