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

from muxboard.config.address import valid_file

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "muxboard-"
MARK = ".muxboard-runtime"  # in each folder that is ours to remove
SHORT_CHARS = 32  # a socket's path has room for 107, and ssh appends 17 while it makes one


def place(environ: Mapping[str, str]) -> str:
    """Return where such folders are: short, and in nobody else's power."""
    runtime = environ.get("XDG_RUNTIME_DIR", "").rstrip("/")  # or a link at its end would be followed
    # ssh runs elsewhere, and would take the name apart.
    plain = runtime.startswith("/") and valid_file(runtime)
    return runtime if plain and len(runtime) < SHORT_CHARS and _own(runtime) else "/tmp"  # noqa: S108


def _own(path: str) -> bool:
    """Whether a folder is ours alone to write: whoever else can could put another in place of ours."""
    with contextlib.suppress(OSError):
        found = os.lstat(path)
        own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
        return own and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and os.access(path, os.W_OK)
    return False


class Folder:
    """A folder of mode 0700 with a lock on it that ends with this process."""

    def __init__(self, where: str) -> None:
        hidden = tempfile.mkdtemp(prefix=f".{PREFIX}", dir=where)
        self._lock = _locked(hidden)
        (Path(hidden) / MARK).touch(mode=0o600)
        # It gets the name that others look for when it is locked.
        self.path = f"{where}/{Path(hidden).name.removeprefix('.')}"
        os.rename(hidden, self.path)  # noqa: PTH104

    @property
    def sound(self) -> bool:
        """Whether its name still means it: a cleaner of old files may have freed the name for a stranger."""
        with contextlib.suppress(OSError):
            return self._lock >= 0 and os.path.samestat(os.fstat(self._lock), os.lstat(self.path))
        return False

    def close(self) -> None:
        """Remove it. Idempotent."""
        if self._lock >= 0:
            if self.sound:
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
        if not stat.S_ISREG((path / MARK).lstat().st_mode):
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
