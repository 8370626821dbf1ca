"""Which tests may run beside one another, when pytest-xdist runs several at once.

A file's tests stay together, for their fixtures. What shares something of the machine's stays together too,
and what takes longest begins first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    import pytest

# Folder, or file → what is shared: the Unix users are one set, the identity provider starts slowly.
SHARED = {
    "tests/proxies": "proxies",
    "tests/ssh": "users",
    "tests/real": "users",
    "tests/cli": "users",
    "tests/rig": "users",
    "tests/faults/test_killed.py": "users",
    "tests/packaging/test_systemd.py": "users",
    # What they look at takes long to build, and is built once for those that stay together.
    "tests/packaging/test_release.py": "release",
    "tests/packaging/test_zipapp.py": "release",
    "tests/packaging/test_install.py": "release",
}
# Of those folders, what needs nothing that is shared.
ALONE = (
    *(f"tests/ssh/test_{name}.py" for name in ("breaker", "command", "folder", "known", "script")),
    *(f"tests/cli/test_{name}.py" for name in ("check_keys", "commands", "healthy", "link")),
    "tests/real/test_attach.py",
    "tests/rig/test_badssh.py",
)
# Longest first: what begins last should be short.
FIRST = (
    *("tests/ssh", "tests/real", "tests/cli", "tests/rig"),
    "tests/packaging/test_image",
    *("tests/proxies", "tests/browser"),
)


class _Scheduling(LoadScopeScheduling):  # type: ignore[misc]  # xdist's own base is untyped
    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        if file in ALONE:
            return file
        return SHARED.get(file) or SHARED.get("/".join(file.split("/")[:2]), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> _Scheduling:
    config.option.loadscopereorder = False
    return _Scheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not hasattr(config, "workerinput"):
        return
    items.sort(
        key=lambda item: next((n for n, folder in enumerate(FIRST) if item.nodeid.startswith(folder)), 99)
    )
