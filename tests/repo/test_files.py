"""What is committed says nothing about the machine it was written on; the locks fit what they lock."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NODE_FOLDERS = ("frontend", "tests/proxies")

# In brackets, so that this line is not its own finding.
HOMES = re.compile(rf"(?<![\w}}])(?:/[r]oot/|/[U]sers/\w|{re.escape(str(Path.home()))}/[.\w])")
INDEXES = re.compile(
    r"^\s*(--?(extra-)?index-url|--?find-links|-i|-f)\b|(index-url|find-links)\s*=", re.MULTILINE
)
REQUIREMENT = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)
NAME = re.compile(r"^[A-Za-z0-9._-]+")


def committed() -> list[Path]:
    names = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True).split("\0")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def test_no_file_names_a_home_folder_or_the_checkout():
    here = re.compile(re.escape(str(ROOT)) + r"\b")
    found = []
    for path in committed():
        text = path.read_text(errors="replace")
        found += [
            f"{path.relative_to(ROOT)}: {hit[0]}" for rule in (HOMES, here) for hit in rule.finditer(text)
        ]
    assert found == []


def test_no_lock_names_an_index():
    for path in ROOT.glob("**/*.lock"):
        if {"node_modules", ".venv", "build"}.isdisjoint(path.parts):
            text = "\n".join(line for line in path.read_text().splitlines() if not line.startswith("#"))
            assert not INDEXES.search(text), path
            assert "://" not in text, path
    for folder in NODE_FOLDERS:
        assert '"resolved"' not in (ROOT / folder / "package-lock.json").read_text(), folder


def test_the_index_rule_sees_one():
    assert INDEXES.search("--index-url https://example.com/simple\nclick==1")
    assert INDEXES.search("[global]\nfind-links = /wheels")


def name_of(requirement: str) -> str:
    found = NAME.match(requirement)
    return re.sub(r"[-_.]+", "-", found[0] if found else "").lower()


def locked(lock: str) -> dict[str, str]:
    return {name_of(name): version for name, version in REQUIREMENT.findall((ROOT / lock).read_text())}


def test_the_locks_hold_what_the_project_asks_for():
    """By name and by version; `make lock` mends it."""
    from packaging.requirements import Requirement

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    run = [Requirement(text) for text in project["project"]["dependencies"]]
    dev = [Requirement(text) for text in project["dependency-groups"]["dev"]]
    for lock, asked in (("requirements.lock", run), ("requirements-dev.lock", run + dev)):
        held = locked(lock)
        wrong = [
            str(requirement)
            for requirement in asked
            if not requirement.specifier.contains(held.get(name_of(requirement.name), "0.dev0"))
        ]
        assert wrong == [], lock


def test_the_development_lock_holds_the_same_versions():
    run, dev = locked("requirements.lock"), locked("requirements-dev.lock")
    assert {name: dev.get(name) for name in run} == run


LOCKS = ("requirements.lock", "requirements-dev.lock", "tools/node.lock", "tests/packaging/checkov.lock")


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_a_hash(lock):
    blocks = re.split(r"\n(?=[A-Za-z0-9])", (ROOT / lock).read_text())
    assert [block.split()[0] for block in blocks if "==" in block and "--hash=sha256:" not in block] == []


@pytest.mark.parametrize("folder", NODE_FOLDERS)
def test_the_page_lock_holds_what_the_page_asks_for(folder):
    asked = json.loads((ROOT / folder / "package.json").read_text())
    packages = json.loads((ROOT / folder / "package-lock.json").read_text())["packages"]
    for kind in ("dependencies", "devDependencies"):
        assert packages[""].get(kind) == asked.get(kind)
    assert [name for name, entry in packages.items() if name and "integrity" not in entry] == []
