"""The product as a process of its own, as people run it."""

from __future__ import annotations

import contextlib
import functools
import http.client
import json
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psutil
import pytest

from tests.rig import toml
from tests.rig.waiting import ended, until
from tests.rig.warm import CHECKOUT, PYTHON, Forked, Warm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from tests.rig.tmux import Tmux

TOKEN = "token-of-the-tests-only"
START_S = 20
STOP_S = 15
PRINTED_URL = re.compile(r"https?://\S+")

LOCKED = re.compile(r"^([A-Za-z0-9._-]+)==", re.MULTILINE)


def _runtime_packages() -> set[str]:
    """What the service's dependencies put into the environment; the rest of it is the tests'."""
    found: set[str] = set()
    for name in LOCKED.findall((CHECKOUT / "requirements.lock").read_text()):
        with contextlib.suppress(metadata.PackageNotFoundError):  # of another platform
            found |= {file.parts[0] for file in metadata.files(name) or ()}
    return found - {".."}  # programs, which lie outside


@functools.cache
def warm() -> Warm:
    """This run's one."""
    return Warm()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:
        return json.loads(self.body)


class Service:
    """One running muxboard.

    Args:
        config: The configuration file's content. ``bind`` is a free loopback port unless it is given.
        env: What the process gets besides a plain environment.
        user: The Unix user to run as, which takes root.
        token: ``MUXBOARD_TOKEN``; None lets the service make a fresh one.
        command: What is run in place of the checkout's ``muxboard``, with none of our paths.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        *,
        env: Mapping[str, str] | None = None,
        user: str | None = None,
        token: str | None = TOKEN,
        command: Sequence[str] = (),
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mbserve-", dir="/tmp"))
        self.user = user
        server = {"bind": "127.0.0.1:0", "drain": "3s", **config.get("server", {})}
        self.config_file = self.folder / "muxboard.toml"
        self.config_file.write_text(toml.dumps({**config, "server": server}))
        self._out = self.folder / "out"
        self._log = self.folder / "log"
        home = Path(pwd.getpwnam(user).pw_dir) if user else self.folder
        self.env = {
            **PYTHON,
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "SHELL": "/bin/sh",
            **({} if token is None else {"MUXBOARD_TOKEN": token}),
            **(env or {}),
        }
        words = ["serve", "-c", str(self.config_file)]
        python, as_user = sys.executable, {}
        if user is not None:
            python = self._hand_over(user)
            as_user = {"user": user, "group": user, "extra_groups": []}
        if command:
            del self.env["PYTHONPATH"]
        self.process: Forked | subprocess.Popen[bytes]
        with self._out.open("wb") as out, self._log.open("wb") as log:
            if self.env.items() >= PYTHON.items() and user is None:
                self.process = warm().fork(words, self.env, home, out.fileno(), log.fileno())
                return
            self.process = subprocess.Popen(
                [*(command or (python, "-m", "muxboard")), *words],
                env=self.env,
                cwd=home,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                **as_user,
            )

    def _hand_over(self, user: str) -> str:
        """Give another user a copy of the product: the checkout may lie where they cannot look."""
        copy = self.folder / "product"
        packages = Path(sysconfig.get_path("purelib"))
        shutil.copytree(CHECKOUT / "muxboard", copy / "muxboard")
        for name in _runtime_packages():
            if (packages / name).is_dir():
                shutil.copytree(packages / name, copy / name)
            elif (packages / name).exists():
                shutil.copy(packages / name, copy)
        self.env["PYTHONPATH"] = str(copy)
        shutil.chown(self.folder, user)
        self.config_file.chmod(0o644)
        # Our own Python may lie in somebody's home; the system's of the same version will do.
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        for python in (os.path.realpath(sys.executable), f"/usr/bin/{version}", f"/usr/local/bin/{version}"):
            as_user = {"user": user, "group": user, "extra_groups": []}
            with contextlib.suppress(OSError, subprocess.CalledProcessError):
                subprocess.run([python, "-c", ""], check=True, capture_output=True, cwd="/", **as_user)
                return python
        raise AssertionError(f"no {version} that user {user} can run: apt-get install -y {version}")

    def wait_until_ready(self) -> Service:
        """Wait for the printed URL."""
        until(
            lambda: self.printed_url or self.process.poll() is not None, "the service's URL", seconds=START_S
        )
        if not self.printed_url:
            raise AssertionError(f"the service ended with {self.process.returncode}:\n{self.log}")
        return self

    @property
    def printed_url(self) -> str:
        """The URL as printed, with the token in its fragment; empty before that."""
        out = self._out.read_text()
        found = PRINTED_URL.search(out)
        return found[0] if found and out.endswith("\n") else ""

    @property
    def url(self) -> str:
        """Where the service answers, ending in ``/``."""
        return self.printed_url.partition("#")[0]

    @property
    def token(self) -> str:
        return self.printed_url.partition("token=")[2] or self.env["MUXBOARD_TOKEN"]

    @property
    def port(self) -> int:
        return urlsplit(self.url).port or 80

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def audit(self) -> list[dict[str, Any]]:
        """Its audit lines so far, where they go to the log."""
        lines = (json.loads(line) for line in self.log.splitlines() if line.startswith("{"))
        return [line for line in lines if "event" in line]

    def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        token: str | None = "",
        timeout: float = 15,
    ) -> Answer:
        """One request on a connection of its own. ``token`` None sends no Authorization header."""
        sent = {} if token is None else {"Authorization": f"Bearer {token or self.token}"}
        if json is not None:
            body = _json(json)
            sent["Content-Type"] = "application/json"
        base = urlsplit(self.url).path.rstrip("/")
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request(method, base + path, body, {**sent, **(headers or {})})
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def sessions(self, host: str = "local", user: str | None = None) -> list[str]:
        """The names that the inventory shows for one tmux user, by default the only one."""
        for shown in self.request("GET", "/api/v1/inventory").json()["hosts"]:
            for tmux_user in shown["users"] if shown["key"] == host else ():
                if user in (None, tmux_user["name"]):
                    return [session["name"] for session in tmux_user["sessions"]]
        return []

    def stop(self) -> None:
        """Ask it to stop; it must exit with 0, leave no child, and have no traceback in its log."""
        children: list[psutil.Process] = []
        with contextlib.suppress(psutil.NoSuchProcess):
            children = psutil.Process(self.pid).children(recursive=True)
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"still running {STOP_S} s after SIGTERM:\n{self.log}") from None
        with contextlib.suppress(AssertionError):
            until(lambda: all(ended(child.pid) for child in children), "the end of its children", seconds=2)
        left = [child for child in children if not ended(child.pid)]
        problems = [f"left a child: {child}" for child in left]
        for child in left:
            child.kill()
        if self.process.returncode != 0:
            problems.append(f"exit code {self.process.returncode}")
        if "Traceback" in self.log:
            problems.append("a traceback in the log")
        assert not problems, f"{', '.join(problems)}\n{self.log}"

    def close(self) -> None:
        """Stop it if it still runs, and remove its folder."""
        try:
            if self.process.returncode is None:
                self.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


def local_host(**fields: Any) -> dict[str, Any]:
    """A host entry for this machine and the user that runs the tests."""
    me = pwd.getpwuid(os.getuid()).pw_name
    return {"key": "local", "label": "this machine", "local": True, "tmux_users": [me], **fields}


@pytest.fixture(scope="session", autouse=True)
def _warm() -> Iterator[None]:
    """Before the first test, which would leave it behind."""
    warm()
    yield
    warm().close()


@pytest.fixture
def start_service() -> Iterator[Callable[..., Service]]:
    """Call it with a configuration and ``Service``'s options for a running service."""
    running: list[Service] = []

    def start(config: Mapping[str, Any] | None = None, **options: Any) -> Service:
        service = Service(config if config is not None else {"hosts": [local_host()]}, **options)
        running.append(service)
        return service.wait_until_ready()

    with contextlib.ExitStack() as stack:
        try:
            yield start
        finally:
            for service in running:
                stack.callback(service.close)


@pytest.fixture
def service(start_service: Callable[..., Service], tmux: Tmux) -> Service:
    """A service on the test's own tmux server, with the defaults of a machine without configuration."""
    return start_service(env={"TMUX_TMPDIR": str(tmux.folder)})
