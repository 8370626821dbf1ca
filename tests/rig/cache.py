"""What takes minutes to make and is the same for every checkout: kept in the user's folder for caches."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from tests.rig.service import CHECKOUT


def cache() -> Path:
    """Where it is; the Makefile has the same."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "muxboard-tests"


def checkov() -> Path:
    """The program, as ``make ready`` has installed it from its lock."""
    lock = (CHECKOUT / "tests/packaging/checkov.lock").read_bytes()
    return cache() / f"checkov-{hashlib.sha256(lock).hexdigest()[:12]}" / "bin" / "checkov"
