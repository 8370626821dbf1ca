"""Images, built for real, on a Debian made by debootstrap: there may be no registry. Needs root, as CI has.

What takes long is made once on a machine and stays in the cache: the base, the layers, the wheels.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from packaging.markers import Marker

from tests.rig.cache import cache
from tests.rig.service import CHECKOUT

if TYPE_CHECKING:
    from collections.abc import Iterator

Done = subprocess.CompletedProcess[str]

BASE = "localhost/muxboard-test-base:bookworm"
BUILD_S = 400
# What Debian's slim images leave out, which the Dockerfile is for, and how they set dpkg and apt.
LEFT_OUT = ("doc", "info", "locale", "man")
DPKG = "".join(f"path-exclude /usr/share/{name}/*\n" for name in LEFT_OUT) + "force-unsafe-io\n"
APT = 'Acquire::Languages "none";\n'
PYTHON = ("--python-version=3.11", "--implementation=cp", "--abi=cp311", "--abi=abi3", "--abi=none")
DEBIANS = {"python_version": "3.11", "python_full_version": "3.11.2"}
GLIBC = ("manylinux2014", "manylinux_2_17", "manylinux_2_28", "manylinux_2_34")


@dataclass(frozen=True)
class Entry:
    """One file of an image."""

    regular: bool
    mode: int
    owner: tuple[int, int]
    size: int
    time: float
    content: str  # a hash, or where a link leads to


class Images:
    """A store of images, and the programs that work on it.

    Attributes:
        folder: All that they write, but for what the containers of a test are given.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # podman wants a short path here, and the same one each time.
        self._run_folder = Path("/tmp", f"mbimage-{hashlib.sha256(bytes(folder)).hexdigest()[:8]}")
        self._run_folder.mkdir(mode=0o700, exist_ok=True)
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "TMPDIR": str(folder / "tmp"),
            "LANG": "C.UTF-8",
            "CONTAINERS_CONF": str(folder / "containers.conf"),
        }
        (folder / "tmp").mkdir(parents=True, exist_ok=True)
        policy = folder / ".config" / "containers" / "policy.json"
        policy.parent.mkdir(parents=True, exist_ok=True)
        # Not in the memory that all of this machine's stores share.
        (folder / "containers.conf").write_text('[engine]\nlock_type = "file"\n')
        policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')

    @property
    def _store(self) -> list[str]:
        return [
            *("--root", str(self.folder / "store"), "--runroot", str(self._run_folder)),
            *("--storage-driver", "overlay"),
        ]

    def podman(self, *words: str, check: bool = True, timeout: float = 60) -> Done:
        """Run one podman command."""
        return self._run(
            *("podman", *self._store, "--runtime", "runc", "--cgroup-manager", "cgroupfs"),
            *("--events-backend", "none", "--tmpdir", str(self._run_folder / "libpod")),
            *words, check=check, timeout=timeout,
        )  # fmt: skip

    def build(self, wheels_at: str = "/mnt") -> str:
        """Build this checkout's image as ``make image`` does; return its id.

        Args:
            wheels_at: Where they are in a build. Another spelling makes all anew but Debian's packages.
        """
        wheels = self._wheels()
        self.base()
        builder = ["buildah", *self._store]
        self._run(
            "tools/image", "--isolation", "chroot", "--jobs", "2", "--layers", "--pull-never",
            "--build-arg", f"BASE={BASE}", "--volume", f"{wheels}:/mnt:ro",
            "--build-arg", "PIP_NO_INDEX=1", "--build-arg", f"PIP_FIND_LINKS={wheels_at}",
            timeout=BUILD_S, BUILDER=" ".join(builder), CONTEXT=str(self.folder / "context"),
            SOURCE_DATE_EPOCH="1700000000",  # layers that were kept have it too
        )  # fmt: skip
        return self.podman("image", "inspect", "--format", "{{.Id}}", "muxboard:latest").stdout.strip()

    def base(self) -> None:
        """Make the base image unless it is there."""
        if self.podman("image", "exists", BASE, check=False).returncode == 0:
            return
        root = self.folder / "base"
        shutil.rmtree(root, ignore_errors=True)
        words = ["--variant=minbase", "bookworm", str(root)]
        self._run("debootstrap", *words, timeout=BUILD_S)
        (root / "etc/dpkg/dpkg.cfg.d/slim").write_text(DPKG)
        (root / "etc/apt/apt.conf.d/slim").write_text(APT)
        for name in LEFT_OUT:
            shutil.rmtree(root / "usr/share" / name)
        for emptied in ("var/cache/apt", "var/lib/apt/lists", "var/log"):
            shutil.rmtree(root / emptied)
            (root / emptied).mkdir()
        self._run("tar", "-C", str(root), "-cf", str(root.with_suffix(".tar")), ".")
        self.podman("import", str(root.with_suffix(".tar")), BASE)
        shutil.rmtree(root)
        root.with_suffix(".tar").unlink()

    def _wheels(self) -> Path:
        """Have what the lock names, by whatever way pip has here."""
        lock = CHECKOUT / "requirements.lock"
        folder = self.folder / f"wheels-{hashlib.sha256(lock.read_bytes()).hexdigest()[:12]}"
        if not folder.exists():
            machine = os.uname().machine
            platforms = [word for libc in GLIBC for word in ("--platform", f"{libc}_{machine}")]
            part = folder.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            pip = [sys.executable, "-m", "pip", "--quiet", "download", "--no-deps", "--require-hashes"]
            part.mkdir()
            (part / "lock").write_text("".join(_for_debian(lock.read_text())))
            words = ["--only-binary=:all:", *PYTHON, *platforms, "-r", part / "lock", "-d", part]
            subprocess.run([*pip, *words], check=True, timeout=BUILD_S, capture_output=True)
            part.rename(folder)
        return folder

    def files(self, image: str) -> dict[str, Entry]:
        """Every file of an image, by its path."""
        container = self.podman("create", image).stdout.strip()
        archive = self.folder / "tmp" / f"{container}.tar"
        try:
            self.podman("export", "--output", str(archive), container)
            with tarfile.open(archive) as tar:
                return {member.name: _entry(tar, member) for member in tar}
        finally:
            archive.unlink(missing_ok=True)
            self.podman("rm", "--force", container)

    def size(self, image: str) -> int:
        """Bytes of an image unpacked, its base with it."""
        return int(self.podman("image", "inspect", "--format", "{{.Size}}", image).stdout)

    def _run(self, *argv: str, check: bool = True, timeout: float = 60, **env: str) -> Done:
        done = subprocess.run(
            argv, cwd=CHECKOUT, env=self.env | env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            errors="replace", timeout=timeout, check=False,
        )  # fmt: skip
        if check and done.returncode:
            raise AssertionError(f"{' '.join(argv)}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        return done

    def close(self) -> None:
        """Leave nothing mounted. The store's own mount point stays mounted after every command."""
        for line in reversed(Path("/proc/self/mounts").read_text().splitlines()):
            place = line.split()[1]
            if place.startswith((f"{self.folder}/", f"{self._run_folder}/")):
                subprocess.run(["umount", place], check=True, timeout=30)
        shutil.rmtree(self._run_folder)


def _for_debian(lock: str) -> Iterator[str]:
    """The requirements for Debian's Python: pip would look at the markers with the one that it runs on."""
    keep = True
    for line in lock.splitlines(keepends=True):
        if "==" in line and not line.startswith((" ", "#")):
            requirement, _, marker = line.rstrip("\\\n ").partition(" ; ")
            keep = not marker or Marker(marker).evaluate(DEBIANS)
            if keep:
                yield f"{requirement} \\\n"
        elif keep:
            yield line


def _entry(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Entry:
    content = member.linkname
    if member.isreg() and (file := tar.extractfile(member)):
        content = hashlib.file_digest(file, "sha256").hexdigest()
    return Entry(member.isreg(), member.mode, (member.uid, member.gid), member.size, member.mtime, content)


@pytest.fixture(scope="module")
def images() -> Iterator[Images]:
    """The store; two runs on one machine take turns."""
    if os.getuid() != 0:
        pytest.fail("this test makes containers: run it as root, with `sudo make test`", pytrace=False)
    folder = cache() / "image"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock, contextlib.ExitStack() as stack:
        fcntl.flock(lock, fcntl.LOCK_EX)
        store = Images(folder)
        stack.callback(store.close)
        yield store
