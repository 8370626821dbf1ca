"""Commands as processes of their own: with pipes, and on a terminal."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from ptyprocess import PtyProcess

from tests.rig import toml
from tests.rig.service import CHECKOUT
from tests.rig.users import let_in
from tests.rig.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from tests.rig.agent import Key
    from tests.rig.badssh import BadSsh
    from tests.rig.sshd import Sshd
    from tests.rig.tmux import Tmux

ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07|[()][A-Z0-9])")


@pytest.fixture
def plain_env(tmp_path: Path, tmux: Tmux) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "PYTHONPATH": str(CHECKOUT),
        "PYTHONWARNINGS": "error",
        "TMUX_TMPDIR": str(tmux.folder),
    }


@pytest.fixture
def run(tmp_path: Path, plain_env: Mapping[str, str]) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run ``python -m muxboard`` with arguments in a folder of its own."""

    def run(*arguments, env=None, config=None, before=()):
        if config is not None:
            (tmp_path / "muxboard.toml").write_text(config)
        return subprocess.run(
            [*before, sys.executable, "-m", "muxboard", *arguments],
            cwd=tmp_path,
            env={**plain_env, **(env or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


class OnTerminal:
    """A command on a terminal of its own."""

    def __init__(self, process: PtyProcess) -> None:
        self.process = process
        self.raw = ""

    def read(self) -> bool:
        """Take in what is there; return whether it has ended."""
        try:
            self.raw += self.process.read(65536).decode(errors="replace")
        except EOFError:
            return True
        return False

    def wait_for(self, pattern: str) -> None:
        """Wait until something was drawn, colours aside."""

        def drawn() -> bool:
            return re.search(pattern, ESCAPES.sub("", self.raw)) is not None

        until(lambda: self.read() or drawn(), f"{pattern!r} on the terminal")
        assert drawn(), self.raw

    def to_the_end(self) -> int:
        while not self.read():
            pass
        return self.process.wait()

    @property
    def lines(self) -> list[str]:
        """What stays on the screen and in its history, without colours."""
        kept = self.raw.rpartition("\x1b[?25h")[2]  # the cursor comes back when the live table has gone
        return [ESCAPES.sub("", line).rstrip() for line in kept.replace("\r", "").split("\n")]


@pytest.fixture
def on_terminal(tmp_path: Path, plain_env: Mapping[str, str]):
    """Call it with arguments for a command on a terminal."""
    started: list[PtyProcess] = []

    def start(*arguments, cols=100, rows=30, **env):
        process = PtyProcess.spawn(
            [sys.executable, "-m", "muxboard", *arguments],
            cwd=str(tmp_path),
            env={**plain_env, "TERM": "xterm-256color", "LANG": "C.UTF-8", **env},
            dimensions=(rows, cols),
        )
        started.append(process)
        return OnTerminal(process)

    yield start
    for process in started:
        process.close(force=True)


@dataclass
class Fleet:
    """A configuration that grows host by host, and the commands on it."""

    folder: Path
    key: Key
    run: Callable[..., subprocess.CompletedProcess[str]]

    def __post_init__(self) -> None:
        self.hosts: list[dict[str, Any]] = []
        self.known_hosts = self.folder / "known_hosts"
        self.known_hosts.write_text("")
        self.inventory = {"connect_timeout": "5s", "command_timeout": "5s"}

    def add(self, key: str, sshd: Sshd, user: str, **fields: Any) -> None:
        """A host that is asked as a user who may log in; its host key is known."""
        sshd.authorize(user, self.key)
        self.trust(sshd.known_hosts())
        self.hosts.append(
            {"key": key, "hostname": sshd.addresses[0], "port": sshd.port, "ssh_user": user, **fields}
        )

    def add_bad(self, key: str, bad: BadSsh, **fields: Any) -> None:
        self.trust(bad.host_key_line)
        self.hosts.append(
            {"key": key, "hostname": "127.0.0.1", "port": bad.port, "ssh_user": "anybody", **fields}
        )

    def trust(self, lines: str) -> None:
        with self.known_hosts.open("a") as file:
            file.write(lines)

    def write(self) -> None:
        ssh = {"key_file": str(self.key.path), "known_hosts": [str(self.known_hosts)]}
        config = {"inventory": self.inventory, "ssh": ssh, "hosts": self.hosts}
        (self.folder / "muxboard.toml").write_text(toml.dumps(config))

    def __call__(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        self.write()
        return self.run(*arguments, **options)

    def checked(self, **options: Any) -> dict[str, Checked]:
        """What ``check --json`` finds, by host."""
        done = self("check", "--json", **options)
        assert done.stderr == ""
        found = json.loads(done.stdout)
        assert done.returncode == (0 if found["ok"] else 1)
        return {host["key"]: Checked(host) for host in found["hosts"]}


class Checked:
    """One host of the JSON."""

    def __init__(self, host: dict[str, Any]) -> None:
        self.host = host
        self.state = host["state"]
        self.steps = {
            f"{step['name']} {step['user']}" if step["user"] else step["name"]: step for step in host["steps"]
        }
        self.failed = {name: step for name, step in self.steps.items() if step["state"] == "failed"}

    def states(self) -> dict[str, str]:
        return {name: step["state"] for name, step in self.steps.items()}


@pytest.fixture
def fleet(tmp_path: Path, run: Callable[..., Any], make_key: Callable[..., Key]) -> Fleet:
    return Fleet(tmp_path, make_key(), run)


@pytest.fixture
def program(tmp_path_factory) -> Callable[[str, str], Path]:
    """Call it with a name and a script for a folder, open to all users, that holds such a program."""

    def program(name, script):
        folder = tmp_path_factory.mktemp("bin")
        let_in(folder)
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
        return folder

    return program
