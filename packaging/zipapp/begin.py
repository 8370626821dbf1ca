"""The first thing that runs in muxboard.pyz: chooses where it is unpacked, then hands over to shiv.

Whoever may write there runs code as us. So it is a folder of our own, or one that root has prepared, and
nobody else may write to it; shiv alone would take ``~/.shiv`` or fail. An old Python must be able to read
this file, to say that it is too old.
"""

import contextlib
import os
import stat
import sys
from pathlib import Path

LEAST = (3, 11)


def main():
    """Unpack where that is safe, and run the command."""
    if sys.version_info < LEAST:
        have = "{}.{}".format(*sys.version_info)
        need = "{}.{}".format(*LEAST)
        sys.exit(
            f"muxboard needs Python {need} or newer, and this is {have}: run it as python3.X muxboard.pyz"
        )
    with _closed_to_others():
        os.environ["SHIV_ROOT"] = _root()
    import _bootstrap  # noqa: PLC0415  shiv's own, beside this file in the archive

    unpack = _bootstrap.extract_site_packages

    def carefully(*args, **options):
        with _closed_to_others():
            unpack(*args, **options)

    _bootstrap.extract_site_packages = carefully
    _bootstrap.bootstrap()


@contextlib.contextmanager
def _closed_to_others():
    """Nobody else can write to what is made meanwhile. Afterwards the umask is the caller's own again."""
    umask = os.umask(0o077)
    os.umask(umask | stat.S_IWGRP | stat.S_IWOTH)
    try:
        yield
    finally:
        os.umask(umask)


def _root():
    given = os.environ.get("SHIV_ROOT")
    tried = []
    # Absolute, for shiv reads a ~ or a $ at its beginning in its own way.
    for folder in [Path(os.path.abspath(os.path.expanduser(given)))] if given else _usual():  # noqa: PTH100, PTH111
        problem = _problem(folder)
        if problem is None:
            return str(folder)
        tried.append(f"{folder} {problem}")
    sys.exit(
        "muxboard has no folder to unpack itself: {}. Name one: SHIV_ROOT=/path".format("; ".join(tried))
    )


def _usual():
    cache = Path(os.environ.get("XDG_CACHE_HOME", ""))
    if cache.is_absolute():
        yield cache / "muxboard"
    home = Path(os.path.expanduser("~"))  # noqa: PTH111  Path's own raises where there is none
    if home.is_absolute():
        yield home / ".cache" / "muxboard"
    for shared in ("/var/tmp", "/tmp"):  # noqa: S108  a folder of our own in it, looked at before it is used
        yield Path(shared, f"muxboard-{os.geteuid()}")


def _renamed_by_others(found):
    """Whether somebody else than root and us may rename what is in a folder."""
    if found.st_uid not in (0, os.geteuid()):
        return True
    return bool(found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)) and not found.st_mode & stat.S_ISVTX


def _problem(folder):
    """Return why a folder cannot be used, or None. It is made where it is not there."""
    try:
        for above in folder.resolve().parents:
            if above.exists() and _renamed_by_others(above.stat()):
                return f"is below {above}, where another user may put another folder in its place"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        return f"cannot be made: {error.strerror}"
    if not stat.S_ISDIR(found.st_mode):
        return "is no folder"
    if found.st_uid not in (0, os.geteuid()):
        return "belongs to another user"
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return "may be written by others"
    if not os.access(folder, os.W_OK) and not any(folder.glob("*/site-packages")):
        return "cannot be written"
    if found.st_mode & (stat.S_IXGRP | stat.S_IXOTH):  # others get further in
        return _problem_inside(folder)
    return None


def _problem_inside(folder):
    """Return which part of what was unpacked before cannot be used, or None."""
    for inner in (*folder.glob("*/"), *folder.glob("*/site-packages/")):
        if inner.is_symlink() or _renamed_by_others(inner.stat()):
            return f"holds {inner}, which may be written by others"
    return None
