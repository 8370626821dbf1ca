"""A folder for sockets in nobody else's power, and what a killed predecessor has left."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from muxboard.hosts.ssh.folder import MARK, PREFIX, SHORT_CHARS, Folder, clear, place

NOBODY = 65534


@pytest.fixture
def short():
    """A folder of ours with a short name, as XDG_RUNTIME_DIR has it."""
    with tempfile.TemporaryDirectory(prefix="mb", dir="/tmp") as path:
        assert len(path) < SHORT_CHARS - 5
        yield Path(path)


@pytest.fixture
def folder(short):
    made = Folder(str(short))
    yield made
    made.close()


def placed(path):
    return place({"XDG_RUNTIME_DIR": str(path)})


# --- where


def test_a_runtime_folder_of_ours_is_taken(short):
    assert placed(short) == placed(f"{short}/") == str(short)
    for mode in (0o700, 0o750, 0o755):
        short.chmod(mode)
        assert placed(short) == str(short)


def test_without_one_it_is_tmp():
    assert place({}) == place({"XDG_RUNTIME_DIR": ""}) == "/tmp"


@pytest.mark.parametrize("mode", [0o770, 0o720, 0o702, 0o777, 0o1777])
def test_one_that_others_may_write_to_is_not_taken(short, mode):
    short.chmod(mode)
    assert placed(short) == "/tmp"


def test_one_of_somebody_else_is_not_taken(short):
    os.chown(short, NOBODY, NOBODY)
    assert placed(short) == "/tmp"


@pytest.mark.parametrize("end", ["", "/"])
def test_a_link_is_not_taken(short, end):
    (short / "a").mkdir(mode=0o700)
    (short / "b").symlink_to("a")
    assert placed(short / "a") == str(short / "a")
    assert placed(f"{short}/b{end}") == "/tmp"


def test_what_is_no_folder_is_not_taken(short):
    (short / "file").touch()
    for name in ("file", "none"):
        assert placed(short / name) == "/tmp"


def test_a_long_name_is_not_taken(short):
    path = short / ("x" * (SHORT_CHARS - len(str(short)) - 1))
    path.mkdir()
    assert len(str(path)) == SHORT_CHARS
    assert placed(path) == "/tmp"
    shorter = path.rename(str(path)[:-1])
    assert placed(shorter) == str(shorter)


def test_a_relative_name_is_not_taken(short, monkeypatch):
    """ssh runs elsewhere."""
    monkeypatch.chdir(short)
    for name in ("run", "~"):
        Path(name).mkdir(mode=0o700)
        assert placed(name) == "/tmp"
    assert placed(".") == "/tmp"


@pytest.mark.parametrize("name", ["a b", "a%h", 'a"b', "a${b}"])
def test_a_name_that_ssh_would_take_apart_is_not_taken(short, name):
    path = short / name
    path.mkdir(mode=0o700)
    assert placed(path) == "/tmp"


def test_one_that_cannot_be_written_to_is_not_taken(short):
    """As the service's own user, which may not do everything."""
    (short / "run").mkdir(mode=0o500)
    os.chown(short / "run", NOBODY, NOBODY)
    short.chmod(0o711)
    real = os.getuid()
    os.setresuid(NOBODY, NOBODY, real)
    try:
        assert placed(short / "run") == "/tmp"
        (short / "run").chmod(0o700)
        assert placed(short / "run") == str(short / "run")
    finally:
        os.setresuid(real, real, real)


# --- ours


def test_it_is_private_marked_and_goes_with_all_that_is_in_it(short, folder):
    path = Path(folder.path)
    assert path.parent == short
    assert path.name.startswith(PREFIX)
    assert path.stat().st_mode & 0o777 == 0o700
    assert (path / MARK).stat().st_mode & 0o777 == 0o600
    assert [each.name for each in short.iterdir()] == [path.name]
    assert folder.sound
    (path / "deeper").mkdir()
    (path / "deeper" / "file").touch()
    folder.close()
    assert not folder.sound
    assert list(short.iterdir()) == []
    folder.close()


def test_one_whose_name_means_another_is_not_sound_and_not_removed(short, folder):
    moved = short / "moved"
    Path(folder.path).rename(moved)
    assert not folder.sound
    Path(folder.path).mkdir(mode=0o700)
    (Path(folder.path) / "a stranger's").touch()
    assert not folder.sound
    folder.close()
    assert (Path(folder.path) / "a stranger's").exists()
    assert moved.exists()


def test_a_link_to_it_is_not_sound(short, folder):
    """Whoever could put a link there could let it point elsewhere tomorrow."""
    moved = short / "moved"
    Path(folder.path).rename(moved)
    Path(folder.path).symlink_to(moved)
    assert not folder.sound
    folder.close()
    assert (moved / MARK).exists()


# --- what was left


def left(short, *, name=f"{PREFIX}left", mode=0o700, mark=True):
    path = short / name
    path.mkdir()
    path.chmod(mode)
    (path / "deeper").mkdir()
    (path / "deeper" / "socket").touch()
    if mark:
        (path / MARK).touch()
    return path


def test_what_a_dead_owner_has_left_is_removed(short):
    left(short)
    left(short, name=f"{PREFIX}left2")
    clear(str(short))
    assert list(short.iterdir()) == []


def test_one_in_use_stays(short, folder):
    clear(str(short))
    assert folder.sound
    assert (Path(folder.path) / MARK).exists()


def test_one_stays_while_its_owner_lives_and_goes_when_it_was_killed(short):
    program = (
        "import sys; from muxboard.hosts.ssh.folder import Folder; folder = Folder(sys.argv[1])\n"
        "print(folder.path, flush=True); sys.stdin.read()"
    )
    owner = subprocess.Popen(
        [sys.executable, "-c", program, str(short)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with owner:
        path = Path(owner.stdout.readline().strip())
        clear(str(short))
        assert (path / MARK).exists()
        owner.send_signal(signal.SIGKILL)
        owner.wait(10)
        assert path.exists()
    clear(str(short))
    assert not path.exists()


def test_one_that_is_being_made_stays(short, monkeypatch):
    """Between its making and its lock it has another name."""
    made = []
    real = os.rename

    def rename(old, new):
        clear(str(short))
        made.append(old)
        real(old, new)

    monkeypatch.setattr(os, "rename", rename)
    folder = Folder(str(short))
    assert made
    assert folder.sound
    folder.close()


@pytest.mark.parametrize(
    "options",
    [
        {"mark": False},
        {"mode": 0o755},
        {"mode": 0o701},
        {"mode": 0o710},
        {"name": "muxboardx"},
        {"name": f"x{PREFIX}left"},
        {"name": f".{PREFIX}left"},
    ],
    ids=str,
)
def test_what_may_be_a_strangers_stays(short, options):
    path = left(short, **options)
    clear(str(short))
    assert (path / "deeper" / "socket").exists()


def test_what_belongs_to_another_user_stays(short):
    path = left(short)
    os.chown(path, NOBODY, NOBODY)
    clear(str(short))
    assert (path / "deeper" / "socket").exists()


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_a_mark_that_is_no_plain_file_is_none(short, kind):
    path = left(short, mark=False)
    if kind == "link":
        (path / MARK).symlink_to("/etc/passwd")
    elif kind == "folder":
        (path / MARK).mkdir()
    else:
        os.mkfifo(path / MARK)
    clear(str(short))
    assert (path / "deeper").exists()


def test_neither_a_link_nor_a_file_is_followed(short):
    (short / "kept").mkdir()
    target = left(short / "kept", name="target")
    (short / f"{PREFIX}link").symlink_to(target)
    (short / f"{PREFIX}file").touch()
    inside = left(short)
    (inside / "link").symlink_to(target)
    clear(str(short))
    assert not inside.exists()
    assert (target / "deeper" / "socket").exists()
    assert (short / f"{PREFIX}file").exists()


def test_clearing_where_nothing_is_does_nothing(short):
    clear(str(short / "none"))
    shutil.rmtree(left(short))
    clear(str(short))
