"""The wheel as ``pipx`` and ``uv tool`` install it: into an environment of its own, with one command."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from muxboard import __version__
from tests.rig.service import CHECKOUT, local_host

PLAIN = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}


@pytest.fixture(scope="module")
def installed(released, tmp_path_factory):
    """An environment with the wheel; what it depends on is what is installed here, so nothing is fetched."""
    folder = tmp_path_factory.mktemp("tool") / "muxboard"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    site = sysconfig.get_path("purelib", vars={"base": str(folder), "platbase": str(folder)})
    # A .pth adds the packages and not their own .pth, by which the checkout can be imported.
    Path(site, "packages.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (wheel,) = released.glob("*.whl")
    python = folder / "bin/python"
    command = [python, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-index", wheel]
    done = subprocess.run(
        command, env=PLAIN, cwd="/", capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_the_command_is_there_and_knows_its_version(installed):
    done = subprocess.run(
        [installed / "bin/muxboard", "version"], env=PLAIN, cwd="/", capture_output=True, text=True,
        timeout=30, check=True,
    )  # fmt: skip
    assert __version__ in done.stdout.split()[1]
    where = subprocess.run(
        [installed / "bin/python", "-c", "import muxboard; print(muxboard.__file__)"],
        env=PLAIN, cwd="/", capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    assert where.stdout.startswith(str(installed)), "and is not the checkout's"
    assert not where.stdout.startswith(str(CHECKOUT))


def test_it_brings_one_command_and_all_that_it_needs(installed):
    made = {
        path.name for path in (installed / "bin").iterdir() if not re.match(r"python|[Aa]ctivate", path.name)
    }
    assert made == {"muxboard"}
    python = installed / "bin/python"
    done = subprocess.run(
        [python, "-m", "pip", "--disable-pip-version-check", "show", "muxboard"],
        env=PLAIN, cwd="/", capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    wanted = re.search(r"^Requires: (.+)$", done.stdout, re.MULTILINE)[1].split(", ")
    assert {"tornado", "msgspec", "redis"} <= set(wanted)


def test_it_serves_the_page(installed, start_service, tmux):
    service = start_service(
        {"hosts": [local_host()]},
        env={**tmux.env, **PLAIN, "PYTHONSAFEPATH": "1"},
        command=[os.fspath(installed / "bin/muxboard")],
    )
    page = service.request("GET", "/").text
    (script,) = re.findall(r'src="[^"]*(assets/index-[\w-]+\.js)"', page)
    assert service.request("GET", f"/{script}").status == 200
