"""The built page: its files are read once and found by name, so no path leads out of their folder."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import NamedTuple

STATIC = Path(__file__).parent / "static"


class Asset(NamedTuple):
    """One file, and the same gzipped where that was built."""

    content: bytes
    gzipped: bytes | None
    media_type: str


class Assets:
    """The built page. Raises ``FileNotFoundError`` when it was not built.

    Attributes:
        index: The page itself.
        embed: The script for other sites' pages.
        files: What the page loads, by name.
    """

    def __init__(self, folder: Path = STATIC) -> None:
        self.index = (folder / "index.html").read_text(encoding="utf-8")
        self.embed = _asset(folder / "embed.js")
        self.files = {
            path.name: _asset(path)
            for path in (folder / "assets").iterdir()
            if path.is_file() and path.suffix != ".gz"
        }


def _asset(path: Path) -> Asset:
    gzipped = path.with_name(path.name + ".gz")
    media_type = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return Asset(
        path.read_bytes(),
        gzipped.read_bytes() if gzipped.is_file() else None,
        "text/javascript" if path.suffix == ".js" else media_type,
    )
