"""The wheel is whole: it holds the program, the page and the licence, and it imports."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("muxboard-*.whl")
    return built


def test_it_holds_the_program_and_the_page(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "muxboard/web/static/index.html" in names
    assert any(name.startswith("muxboard/web/static/assets/") and name.endswith(".js") for name in names)
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "muxboard").rglob("*.py")}
    assert sources <= names
    assert any(name.endswith("/LICENSE") for name in names)


def test_it_holds_nothing_else(wheel):
    others = [
        name
        for name in zipfile.ZipFile(wheel).namelist()
        if not name.startswith(("muxboard/", "muxboard-")) or "__pycache__" in name
    ]
    assert others == []


def test_it_runs(wheel, tmp_path):
    command = [sys.executable, "-m", "muxboard", "config", "example"]
    env = {"PYTHONPATH": str(wheel), "PATH": "/usr/bin:/bin", "PYTHONSAFEPATH": "1"}
    done = subprocess.run(
        command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "[server]" in done.stdout
