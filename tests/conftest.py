"""What every test has: the rig's fixtures, and the rule that a skipped test fails."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest_plugins = [
    "tests.rig.agent",
    "tests.rig.badssh",
    "tests.rig.browser",
    "tests.rig.jump",
    "tests.rig.parallel",
    "tests.rig.redis",
    "tests.rig.service",
    "tests.rig.image",  # after what it imports
    "tests.rig.settled",
    "tests.rig.sshd",
    "tests.rig.tmux",
    "tests.rig.users",
    "tests.packaging.released",  # after the rig, which it imports
]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """Nothing is skipped silently: a tool that is missing is a failure that names it."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped: {call.excinfo and call.excinfo.value}"
    setattr(item, f"report_{report.when}", report)  # fixtures ask how the test went
    return report


def pytest_collection_finish() -> None:
    """What was imported and collected stays: the collector need not walk it after every test."""
    gc.collect()
    gc.freeze()
