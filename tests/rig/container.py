"""The image as a running container, and a machine that it logs in to by ssh."""

from __future__ import annotations

import contextlib
import re
import secrets
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import psutil

from tests.rig import toml
from tests.rig.ports import free_ports
from tests.rig.service import TOKEN, Service
from tests.rig.sshd import PROGRAM, Sshd
from tests.rig.waiting import ended, until

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.rig.image import Images

IMAGE_UID = 10001
TMPFS = "/tmp:exec,mode=1777,size=64m"  # as docs/install.md says it: without exec, docker mounts it noexec
# As a cluster that trusts nobody runs it. LIMITS, since a container may not raise those that we have.
HARDENED = (
    *("--read-only", "--read-only-tmpfs=false", "--tmpfs", TMPFS),
    *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
)
LIMITS = ("--ulimit", "nofile=4096:4096", "--ulimit", "nproc=30000:30000")


class Container:
    """One container of the image.

    Args:
        images: Where the image is.
        folder: Becomes its ``/etc/muxboard``, with ``config`` in it.
        config: The configuration; ``bind`` is a free loopback port unless it is given. None: the image's own.
        options: For ``podman run``.
        words: The command.
        network: "none" gives it one of its own, where nobody reaches it.
    """

    request = Service.request

    def __init__(
        self,
        images: Images,
        folder: Path,
        config: Mapping[str, Any] | None,
        *,
        options: Sequence[str] = HARDENED,
        words: Sequence[str] = ("serve",),
        network: str = "host",
    ) -> None:
        self.images = images
        self.name = f"mbtest-{secrets.token_hex(4)}"
        self.token = TOKEN
        (self.port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}/"
        given: list[str] = ["--env", f"MUXBOARD_TOKEN={TOKEN}"]
        if config is not None:
            server = {"bind": f"127.0.0.1:{self.port}", "drain": "5s", **config.get("server", {})}
            (folder / "muxboard.toml").write_text(toml.dumps({**config, "server": server}))
            given += ["--volume", f"{folder}:/etc/muxboard:ro"]
        self.images.podman(
            "run", "--detach", "--name", self.name, "--network", network, "--log-driver", "k8s-file",
            *LIMITS, *options, *given, "muxboard:latest", *words,
        )  # fmt: skip

    @property
    def pid(self) -> int:
        """Of its first process, as it is seen from outside."""
        return int(self.inspect("{{.State.Pid}}"))

    @property
    def log(self) -> str:
        done = self.images.podman("logs", self.name, check=False)
        return done.stdout + done.stderr

    def inspect(self, form: str) -> str:
        return self.images.podman("inspect", "--format", form, self.name).stdout.strip()

    def wait_until_ready(self) -> Container:
        """Wait for the printed URL."""

        def printed() -> bool:
            assert self.inspect("{{.State.Running}}") == "true", self.log
            return re.search(r"^muxboard \S+: http\S+$", self.log, re.MULTILINE) is not None

        until(printed, lambda: f"the service's URL:\n{self.log}", seconds=30)
        return self

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it."""
        return self.images.podman("exec", self.name, *words, check=False)

    def processes(self) -> list[psutil.Process]:
        """All of its processes but the first."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return psutil.Process(self.pid).children(recursive=True)
        return []

    def exit_code(self, seconds: float = 30) -> int:
        """Wait for its end."""
        return int(self.images.podman("wait", self.name, timeout=seconds).stdout)

    def close(self) -> None:
        """End and remove it. Idempotent."""
        self.images.podman("rm", "--force", "--time", "10", "--volumes", "--ignore", self.name)


class Machine(Sshd):
    """A machine to log in to as ``ops``: an sshd that sees an ``/etc`` of its own, so no user is made here.

    The whole folder: passwd alone would be lost as soon as somebody adds a user on this machine.

    Attributes:
        socket: Its tmux server's.
    """

    prefix = "mbmachine-"
    user = "ops"
    uid = 20817
    seen = ("group", "hosts", "ld.so.cache", "nsswitch.conf", "passwd", "shadow")

    def __init__(self) -> None:
        super().__init__(UsePAM="no")
        self.stop()
        self.home = self.folder / "home"
        self.home.mkdir(mode=0o700)
        shutil.chown(self.home, self.uid, self.uid)
        self.socket = self.home / "tmux"
        etc = self.folder / "etc"
        etc.mkdir()
        for name in self.seen:
            shutil.copy2(f"/etc/{name}", etc)
        with (etc / "passwd").open("a") as file:
            file.write(f"{self.user}:*:{self.uid}:{self.uid}::{self.home}:/bin/sh\n")
        alone = ("unshare", "--mount", "--propagation", "private", "sh", "-c")
        self.program = (*alone, 'mount --bind "$0" /etc && exec "$@"', str(etc), PROGRAM)
        self.start()

    def tmux(self, *words: str) -> str:
        """Run tmux as that user, on the same server."""
        done = subprocess.run(
            ["tmux", "-u", "-f", "/dev/null", "-S", str(self.socket), *words],
            user=self.uid, group=self.uid, extra_groups=[], cwd="/", env={"PATH": "/usr/bin:/bin"},
            capture_output=True, text=True, timeout=20, check=True,
        )  # fmt: skip
        return done.stdout

    def close(self) -> None:
        with contextlib.suppress(subprocess.CalledProcessError):
            pid = int(self.tmux("display-message", "-p", "#{pid}"))
            self.tmux("kill-server")
            until(lambda: ended(pid), "the end of tmux")
        super().close()
