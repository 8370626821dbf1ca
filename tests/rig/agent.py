"""Ssh key pairs, and a real ssh-agent that holds them."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import os
import secrets
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.rig.waiting import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

KINDS = {
    "ed25519": ("ed25519",),
    "rsa": ("rsa", "-b", "2048"),  # short: it takes a while to find one
    "ecdsa": ("ecdsa", "-b", "256"),
}


@dataclass(frozen=True)
class Key:
    """A key pair: the private one in ``path``, the public one beside it in ``path`` + ``.pub``."""

    path: Path
    passphrase: str = ""

    @property
    def public(self) -> str:
        """The public key as one line without its comment."""
        return " ".join(Path(f"{self.path}.pub").read_text().split()[:2])

    @property
    def fingerprint(self) -> str:
        """As ``ssh-keygen -l`` and sshd's log tell it: ``SHA256:…``."""
        return fingerprint(base64.b64decode(self.public.split()[1]))

    def known_host(self, host: str, port: int, *, mark: str = "", hashed: bool = False) -> str:
        """The line of a known_hosts file that says this key is that host's.

        Args:
            host: Name or address, without brackets.
            port: The host's.
            mark: ``@cert-authority`` or ``@revoked``.
            hashed: Whether the name is hidden, as ``HashKnownHosts yes`` does it.
        """
        name = host if port == 22 else f"[{host}]:{port}"
        if hashed:
            salt = secrets.token_bytes(20)
            digest = hmac.digest(salt, name.encode(), "sha1")
            name = "|".join(["", "1", *(base64.b64encode(part).decode() for part in (salt, digest))])
        return f"{mark} {name} {self.public}".lstrip() + "\n"


def fingerprint(public: bytes) -> str:
    """Of a public key as it goes over the wire."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(public).digest()).decode().rstrip("=")


def generate(path: Path, kind: str = "ed25519", *, passphrase: str = "", owner: str | None = None) -> Key:
    """Make a key pair with ssh-keygen; the private key's file has mode 0600."""
    run(
        *("ssh-keygen", "-q", "-t", *KINDS[kind], "-N", passphrase),
        *("-C", f"{kind} of the tests", "-f", str(path)),
    )
    if owner is not None:
        for file in (path, Path(f"{path}.pub")):
            shutil.chown(file, owner, owner)
    return Key(path, passphrase)


def run(*argv: str, env: Mapping[str, str] | None = None) -> str:
    """Run a command that has to work and return what it prints."""
    done = subprocess.run(
        argv,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    if done.returncode:
        raise AssertionError(f"{' '.join(argv)}: {done.stderr.strip() or done.returncode}")
    return done.stdout


class Agent:
    """A running ssh-agent. It serves root and the user that it runs as.

    Attributes:
        socket: What ``SSH_AUTH_SOCK`` has to be.
    """

    def __init__(self, *keys: Key, owner: str | None = None) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="mbagent-", dir="/tmp"))
        self.socket = self.folder / "socket"
        as_user = {}
        if owner is not None:
            shutil.chown(self.folder, owner, owner)
            as_user = {"user": owner, "group": owner, "extra_groups": []}
        self.process = subprocess.Popen(
            ["ssh-agent", "-D", "-a", str(self.socket)],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **as_user,
        )
        try:
            until(self.socket.exists, "the agent's socket")
            for key in keys:
                self.add(key)
        except BaseException:
            self.close()
            raise

    @property
    def env(self) -> dict[str, str]:
        """What a process needs to use the agent."""
        return {"SSH_AUTH_SOCK": str(self.socket)}

    def add(self, key: Key) -> None:
        """Load a key; the agent goes on holding it when the file is gone."""
        with askpass(key.passphrase) as env:
            run("ssh-add", "-q", str(key.path), env={**os.environ, **self.env, **env})

    def forget(self) -> None:
        """Drop all keys."""
        run("ssh-add", "-q", "-D", env={**os.environ, **self.env})

    def fingerprints(self) -> list[str]:
        """Of the keys it holds."""
        done = subprocess.run(
            ["ssh-add", "-l"], env={**os.environ, **self.env}, capture_output=True, text=True, check=False
        )
        return [line.split()[1] for line in done.stdout.splitlines() if "SHA256:" in line]

    def close(self) -> None:
        """End it; a second time does nothing. A process that wants it meets a socket that is not there."""
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def askpass(secret: str) -> Iterator[dict[str, str]]:
    """The environment in which ssh and ssh-add take ``secret`` for every question that they ask."""
    with tempfile.TemporaryDirectory(prefix="mbaskpass-", dir="/tmp") as folder:
        program = Path(folder) / "askpass"
        program.write_text('#!/bin/sh\nprintf "%s\\n" "$MUXBOARD_TEST_SECRET"\n')
        program.chmod(0o755)
        yield {
            "SSH_ASKPASS": str(program),
            "SSH_ASKPASS_REQUIRE": "force",
            "DISPLAY": "none",
            "MUXBOARD_TEST_SECRET": secret,
        }


@pytest.fixture
def make_key() -> Iterator[Callable[..., Key]]:
    """Call it with ``generate``'s options, such as ``"rsa", passphrase="…", owner=user``, for a new key pair.

    Name it before what is handed the keys' files.
    """
    with tempfile.TemporaryDirectory(prefix="mbkeys-", dir="/tmp") as folder:
        Path(folder).chmod(0o711)  # an owner that is not us has to get in
        count = 0

        def make(kind: str = "ed25519", **options: str | None) -> Key:
            nonlocal count
            count += 1
            return generate(Path(folder) / f"key{count}_{kind}", kind, **options)

        yield make


@pytest.fixture
def start_agent() -> Iterator[Callable[..., Agent]]:
    """Call it with keys and ``owner=`` for a running ssh-agent."""
    with contextlib.ExitStack() as stack:

        def start(*keys: Key, owner: str | None = None) -> Agent:
            agent = Agent(*keys, owner=owner)
            stack.callback(agent.close)
            return agent

        yield start
