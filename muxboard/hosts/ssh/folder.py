"""A folder of our own for sockets. What a killed predecessor has left is cleared away."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "muxboard-"
SHORT_CHARS = 32  # a socket's path has room for 107, and ssh appends 17 while it makes one


def place(environ: Mapping[str, str]) -> str:
    """Return where such folders are: short, and this machine's."""
    runtime = environ.get("XDG_RUNTIME_DIR", "")
    usable = 0 < len(runtime) < SHORT_CHARS and os.path.isdir(runtime)  # noqa: PTH112
    return runtime if usable else "/tmp"  # noqa: S108


class Folder:
    """A folder of mode 0700 with a lock on it that ends with this process."""

    def __init__(self, where: str) -> None:
        hidden = tempfile.mkdtemp(prefix=f".{PREFIX}", dir=where)
        self._lock = _locked(hidden)
        # It gets the name that others look for when it is locked.
        self.path = f"{where}/{Path(hidden).name.removeprefix('.')}"
        os.rename(hidden, self.path)  # noqa: PTH104

    def close(self) -> None:
        """Remove it. Idempotent."""
        if self._lock >= 0:
            shutil.rmtree(self.path, ignore_errors=True)
            os.close(self._lock)
            self._lock = -1


def clear(where: str) -> None:
    """Remove folders of this user whose owners have gone."""
    with contextlib.suppress(OSError):
        for entry in Path(where).glob(f"{PREFIX}*"):
            _remove_if_left(entry)


def _remove_if_left(path: Path) -> None:
    with contextlib.suppress(OSError):
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            return
        lock = _locked(str(path))
        try:
            shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(lock)


def _locked(path: str) -> int:
    """Open a folder and lock it. Raises ``OSError`` where another process has."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(fd)
        raise
    return fd
