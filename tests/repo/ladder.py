"""Which room may import which. A room that is not here yet has its place already."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# From the bottom to the top; rooms on one step are strangers to each other.
STEPS = (
    {"problems", "supervisor", "tasks"},
    {"config"},
    {"registry"},
    {"access", "hosts", "records"},
    {"terminals"},
    {"listening", "opening", "web"},
    {"server", "healthy"},
    {"cli", "embed"},
    {"__main__"},
)
HEIGHT = {room: height for height, rooms in enumerate(STEPS) for room in rooms}

# Packages that only some files may know; a name ending in "/" is a folder.
CONFINED = {
    "paramiko": ("hosts/ssh",),
    "redis": ("registry/redis",),
    "tornado.web": ("web/", "server.py"),
    "tornado.websocket": ("web/", "server.py"),
    "tornado.httpserver": ("web/", "server.py"),
    "tornado.routing": ("web/", "server.py", "embed.py"),
    "tornado.template": ("web/", "server.py"),
}

STARTERS = {
    "create_task",
    "ensure_future",
    "run_in_executor",
    "to_thread",
    "TaskGroup",
    "Thread",
    "ThreadPoolExecutor",
    "start_new_thread",
}


def broken(package: Path) -> Iterator[str]:
    """Say what breaks a rule in the package at this folder."""
    for path in sorted(package.rglob("*.py")):
        file = path.relative_to(package).as_posix()
        tree = ast.parse(path.read_text(), file)
        yield from _imports(file, tree, package.name)
        for node in ast.walk(tree):
            if isinstance(node, ast.Assert):
                yield f"{file}:{node.lineno}: assert: raise a Problem, asserts are gone under -O"
            elif isinstance(node, ast.Call) and file != "tasks.py" and _name(node.func) in STARTERS:
                yield f"{file}:{node.lineno}: {_name(node.func)}: only tasks.py starts tasks and threads"


def _imports(file: str, tree: ast.Module, package: str) -> Iterator[str]:
    room = file.partition("/")[0].removesuffix(".py")
    if room not in HEIGHT and room != "__init__":
        yield f"{file}: a room without a place on the ladder"
        return
    for line, module in _imported(file, tree, package):
        top, _, rest = module.partition(".")
        for name, places in CONFINED.items():
            if (module == name or module.startswith(f"{name}.")) and not file.startswith(places):
                yield f"{file}:{line}: imports {module}, which belongs in {' and '.join(places)}"
        other = rest.partition(".")[0]
        if top != package or other == room or other not in HEIGHT:
            continue
        if room == "__init__" or HEIGHT[other] >= HEIGHT[room]:
            yield f"{file}:{line}: {room} imports {other}, which is not below it"


def _imported(file: str, tree: ast.Module, package: str) -> Iterator[tuple[int, str]]:
    folder = [package, *file.split("/")[:-1]]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = folder[: len(folder) + 1 - node.level] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            # `from muxboard import hosts` names a room as well as `from muxboard.hosts import model`.
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def _name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""
