"""The first thing that runs in muxboard.pyz: chooses where it is unpacked, then hands over to shiv.

Whoever may write there runs code as us. So it is a folder of our own, or one that root has prepared, and nobody
else may write to it; shiv alone would take ``~/.shiv`` or fail.
"""

import os
import stat
import sys
from pathlib import Path

LEAST = (3, 11)
SHARED = (0o1777, 0o777)  # modes of folders below which everybody may make one


def main():
    """Unpack where that is safe, and run the command."""
    if sys.version_info < LEAST:
        have = "%d.%d" % sys.version_info[:2]
        sys.exit("muxboard needs Python %d.%d or newer, and this is %s: run it as python3.X muxboard.pyz" % (*LEAST, have))
    os.environ["SHIV_ROOT"] = _root()
    from _bootstrap import bootstrap  # noqa: PLC0415  shiv's own, beside this file in the archive

    bootstrap()


def _root():
    given = os.environ.get("SHIV_ROOT")
    tried = []
    for folder in [Path(given)] if given else _usual():
        problem = _problem(folder)
        if problem is None:
            return str(folder)
        tried.append("%s %s" % (folder, problem))
    sys.exit("muxboard has no folder to unpack itself: %s. Name one: SHIV_ROOT=/path" % "; ".join(tried))


def _usual():
    cache = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(cache):
        yield Path(cache, "muxboard")
    home = os.path.expanduser("~")
    if os.path.isabs(home):
        yield Path(home, ".cache", "muxboard")
    for shared in ("/var/tmp", "/tmp"):  # noqa: S108  a folder of our own in it, looked at before it is used
        yield Path(shared, "muxboard-%d" % os.geteuid())


def _problem(folder):
    """Return why a folder cannot be used, or None. It is made where it is not there."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        return "cannot be made: %s" % error.strerror
    if not stat.S_ISDIR(found.st_mode):
        return "is no folder"
    if found.st_uid not in (0, os.geteuid()):
        return "belongs to another user"
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "may be written by others"
    if not os.access(folder, os.W_OK) and not any(folder.glob("*/site-packages")):
        return "cannot be written"
    return None
