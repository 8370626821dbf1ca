"""The rules between the rooms hold, and each of them is seen failing."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.repo.ladder import broken

ROOT = Path(__file__).parents[2]
MAX_LINES = 400  # a file that is longer has more than one thing in it


def test_the_rooms_keep_the_rules():
    assert list(broken(ROOT / "muxboard")) == []


@pytest.mark.parametrize(
    ("file", "line", "says"),
    [
        ("config.py", "import muxboard.web.app", "config imports web"),
        ("problems.py", "from muxboard import config", "problems imports config"),
        ("hosts/model.py", "from muxboard.access.grants import Grants", "hosts imports access"),
        ("hosts/model.py", "from ..records import audit", "hosts imports records"),
        ("registry/memory.py", "def f():\n    from muxboard.hosts import tmux", "registry imports hosts"),
        ("terminals/ring.py", "from muxboard.server import Service", "terminals imports server"),
        ("hosts/local.py", "import paramiko", "belongs in hosts/ssh"),
        ("registry/memory.py", "from redis.asyncio import Redis", "belongs in registry/redis"),
        ("terminals/attach.py", "from tornado.web import HTTPError", "belongs in web/"),
        ("cli.py", "import tornado.websocket", "belongs in web/"),
        ("misc/things.py", "", "without a place on the ladder"),
        ("hosts/sweep.py", "import asyncio\nasyncio.ensure_future(f())", "only tasks.py starts"),
        ("hosts/ssh.py", "from threading import Thread\nThread(target=f)", "only tasks.py starts"),
        ("access/caps.py", "assert 1", "assert"),
    ],
)
def test_a_broken_rule_is_told(tmp_path, file, line, says):
    path = tmp_path / "muxboard" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{line}\n")
    told = list(broken(tmp_path / "muxboard"))
    assert any(says in text for text in told), told


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("hosts/ssh.py", "import paramiko"),
        ("hosts/ssh/pool.py", "from paramiko.client import SSHClient"),
        ("registry/redis.py", "import redis.asyncio"),
        ("web/app.py", "import tornado.web\nfrom muxboard.terminals import table\nfrom . import handler"),
        ("server.py", "from tornado.web import Application\nfrom muxboard.web.app import application"),
        ("tasks.py", "asyncio.create_task(f())"),
        ("cli.py", "from muxboard import __version__"),
    ],
)
def test_what_the_rules_allow_is_not_told(tmp_path, file, line):
    path = tmp_path / "muxboard" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{line}\n")
    assert list(broken(tmp_path / "muxboard")) == []


FOLDERS = sorted(path.parent for path in (ROOT / "muxboard").rglob("__init__.py"))


def modules(folder):
    names = {path.stem for path in folder.glob("*.py")} | {
        path.parent.name for path in folder.glob("*/__init__.py")
    }
    return {name for name in names if not name.startswith("__")}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_a_folder_says_what_each_of_its_files_is(folder):
    said = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
    assert sorted(name for name in modules(folder) if f"``{name}``" not in said) == []
    listed = re.findall(r"^- ``(\w+)``", said, re.MULTILINE)
    assert sorted(set(listed) - modules(folder)) == [], "and names none that is gone"


def test_the_architecture_has_every_room():
    page = (ROOT / "docs" / "architecture.md").read_text()
    rooms = {
        cell.strip("/") for cell in re.findall(r"^\| `([\w/]+)` \|", page.split("## Rooms")[1], re.MULTILINE)
    }
    assert sorted(modules(ROOT / "muxboard") - rooms) == []


def test_no_file_is_longer_than_one_thing_needs():
    sources = [
        path
        for folder, kinds in {"muxboard": ("*.py",), "frontend/src": ("*.ts", "*.css")}.items()
        for kind in kinds
        for path in (ROOT / folder).rglob(kind)
        if "static" not in path.parts
    ]
    lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in sources}
    assert lines
    assert {path: count for path, count in lines.items() if count > MAX_LINES} == {}
