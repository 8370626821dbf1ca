"""The configuration files that people are given, filled in for one test."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.rig.service import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = CHECKOUT / "packaging" / "proxies"
# What stands in them for muxboard, as people come to it, and for the identity provider.
URL = "https://mux.example.com"
PROVIDER = "https://idp.example.com"


def filled(name: str, changes: Mapping[str, str]) -> str:
    """Return a file with texts replaced, each of which must be in it."""
    text = (FOLDER / name).read_text()
    for old, new in changes.items():
        assert old in text, f"{name} has no {old!r}"
        text = text.replace(old, new)
    return text
