"""Each line of the threat model names tests that are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NAMED = re.compile(r"`([a-z_]+/[a-z0-9_]+\.py)(?:::(test_\w+))?`")


def rows() -> list[str]:
    """The lines of tables with three columns, headings left out."""
    text = (ROOT / "docs/threat-model.md").read_text()
    tables = text.partition("## Who is asking")[2].splitlines()
    return [line for line in tables if line.startswith("| ") and not line.startswith("| threat ")]


@pytest.mark.parametrize("row", rows())
def test_each_line_names_tests_that_exist(row):
    _, threat, _, shown, _ = row.split("|")
    named = NAMED.findall(shown)
    assert named, f"no test for: {threat}"
    for file, test in named:
        path = ROOT / "tests" / file
        assert path.is_file(), f"{file} is not there"
        if test:
            assert re.search(rf"^(async )?def {test}\(", path.read_text(), re.MULTILINE), f"{file}::{test}"
