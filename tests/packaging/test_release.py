"""``make release``: what it builds is whole, named, and the same when it is built again."""

from __future__ import annotations

import base64
import fnmatch
import hashlib
import json
import re
import subprocess
import tarfile
import zipfile
from email import message_from_bytes

import pytest

from muxboard import __version__
from tests.packaging.released import clone, git, release
from tests.rig.service import CHECKOUT


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_every_file_is_there_and_its_checksum_is_right(released):
    sums = (released / "SHA256SUMS").read_text().splitlines()
    said = {name: digest for digest, name in (line.split("  ") for line in sums)}
    assert sorted([*said, "SHA256SUMS"]) == names(released)
    for name, digest in said.items():
        assert hashlib.sha256((released / name).read_bytes()).hexdigest() == digest
    kinds = [name.removeprefix(f"muxboard-{__version__}-") for name in said]
    assert [kind for kind in kinds if kind.startswith("muxboard")] == []
    assert sorted(re.sub(r"^(x86_64|aarch64)", "ARCH", kind) for kind in kinds) == [
        "ARCH.cdx.json",
        "ARCH.pyz",
        "image.tar",
        "py3-none-any.whl",
    ]
    subprocess.run(["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"], cwd=released, check=True)


def test_built_again_elsewhere_it_is_the_same(released, tmp_path):
    again = clone(tmp_path / "a folder with another name")
    (again / "dist").mkdir()
    for old in ("muxboard-0.0.1-py3-none-any.whl", "SHA256SUMS", "notes.txt"):
        (again / "dist" / old).touch()
    command = (
        "umask 077 && exec env TZ=Asia/Tokyo LC_ALL=C PYTHONHASHSEED=7 make --no-print-directory release"
    )
    (again / ".venv").symlink_to(CHECKOUT / ".venv")
    done = subprocess.run(
        ["sh", "-c", command], cwd=again, capture_output=True, text=True, timeout=110, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (again / "dist/SHA256SUMS").read_text() == (released / "SHA256SUMS").read_text()
    assert names(again / "dist") == sorted([*names(released), "notes.txt"]), "earlier builds are gone"
    assert git(again, "status", "--porcelain", "--", "muxboard", "tools", "packaging") == ""


def bom(released):
    (file,) = released.glob("*.cdx.json")
    return json.loads(file.read_text())


def test_the_sbom_names_exactly_what_is_in_the_zipapp(released, pyz):
    with zipfile.ZipFile(pyz) as archive:
        metadata = [
            message_from_bytes(archive.read(name))
            for name in archive.namelist()
            if name.endswith(".dist-info/METADATA")
        ]
        shiv = json.loads(archive.read("environment.json"))["shiv_version"]
        said = archive.read("site-packages/muxboard/web/static/licences/packages.md").decode()
        fonts = [name for name in archive.namelist() if name.endswith(".woff2")]
    inside = {(re.sub(r"[-_.]+", "-", each["Name"]).lower(), each["Version"]) for each in metadata}
    inside |= {("shiv", shiv)}
    npm = {(name, version) for name, version in re.findall(r"^## (\S+) - (\S+)", said, re.MULTILINE)}
    assert all("jetbrains-mono" in font for font in fonts)
    assert len(npm) > 5
    found = bom(released)
    ours = found["metadata"]["component"]
    assert (ours["name"], ours["version"]) == ("muxboard", __version__)
    assert ours["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(pyz.read_bytes()).hexdigest()}]
    listed = [*found["components"], ours]
    python = {(each["name"], each["version"]) for each in listed if each["purl"].startswith("pkg:pypi/")}
    page = {(each["name"], each["version"]) for each in listed if each["purl"].startswith("pkg:npm/")}
    assert python == inside
    assert {name for name, _ in page - npm} == {"@fontsource/jetbrains-mono"}
    assert npm <= page
    assert len(python) + len(page) == len(listed), "each is named once"


def test_what_the_sbom_names_has_a_licence_and_the_hashes_of_the_locks(released):
    found = bom(released)
    assert (found["bomFormat"], found["specVersion"]) == ("CycloneDX", "1.6")
    assert found["metadata"]["timestamp"] == "2023-11-14T22:13:20+00:00", "the commit's time"
    locks = "".join((CHECKOUT / name).read_text() for name in ("requirements.lock", "requirements-dev.lock"))
    packages = json.loads((CHECKOUT / "frontend/package-lock.json").read_text())["packages"]
    assert len({each["bom-ref"] for each in found["components"]}) == len(found["components"])
    for each in found["components"]:
        (licence,) = each["licenses"]
        text = licence.get("expression") or licence["license"].get("id") or licence["license"]["name"]
        assert len(text) >= 3, each["name"]
        assert text != "UNKNOWN"
        assert each["hashes"], each["name"]
        for digest in each["hashes"]:
            if digest["alg"] == "SHA-256":
                assert f"sha256:{digest['content']}" in locks
            else:
                shown = base64.b64encode(bytes.fromhex(digest["content"])).decode()
                assert packages[f"node_modules/{each['name']}"]["integrity"] == f"sha512-{shown}"
    assert [each["purl"] for each in found["components"] if each["name"] == "@xterm/xterm"] == [
        f"pkg:npm/%40xterm/xterm@{packages['node_modules/@xterm/xterm']['version']}"
    ]


def test_the_image_context_holds_what_the_dockerfile_copies_and_the_released_wheel(released):
    (wheel,) = released.glob("*.whl")
    with tarfile.open(next(released.glob("*-image.tar"))) as archive:
        members = archive.getnames()
        dockerfile = archive.extractfile("Dockerfile").read().decode()
        held = archive.extractfile(f"dist/{wheel.name}").read()
        assert {(each.uid, each.gid, each.mtime) for each in archive} == {(0, 0, 1700000000)}
    assert held == wheel.read_bytes()
    assert f"\nARG VERSION={__version__}\n" in dockerfile, "the image's label, without a --build-arg"
    assert 'image.version="${VERSION}"' in dockerfile
    copies = re.findall(r"^(?:COPY|ADD) (?!--from)(.+)", dockerfile.replace("\\\n", " "), re.MULTILINE)
    wanted = [word for line in copies for word in line.split()[:-1] if not word.startswith("--")]
    assert wanted
    for word in wanted:
        shapes = (word, word.rstrip("/") + "/*")
        assert any(fnmatch.fnmatch(name, shape) for name in members for shape in shapes), word
    assert not [name for name in members if name.startswith(("/", "..", "tests", ".git/"))]


def test_the_wheel_holds_the_page_that_was_just_built(released):
    (wheel,) = released.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        page = archive.read("muxboard/web/static/index.html").decode()
        for asset in re.findall(r"assets/[\w.-]+\.(?:js|css)", page):
            assert archive.read(f"muxboard/web/static/{asset}")
            assert archive.read(f"muxboard/web/static/{asset}.gz")


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    return clone(tmp_path_factory.mktemp("refused") / "clone")


@pytest.mark.parametrize("kind", ["changed", "new", "staged", "both"])
def test_what_is_not_committed_is_refused_in_one_line(repository, tmp_path, kind):
    git(repository, "reset", "--hard", "--quiet")
    git(repository, "clean", "--quiet", "--force")
    if kind != "new":
        (repository / "README.md").write_text("something else")
    if kind in {"new", "both"}:
        (repository / "muxboard" / "new.py").touch()
    if kind == "staged":
        git(repository, "add", "README.md")
    done = release(repository, tmp_path / "dist")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert "clean commit" in line
    assert ("muxboard/new.py" if kind == "new" else "README.md") in line
    assert ("and 1 more" in line) == (kind == "both")
    assert done.stdout == ""
    assert not (tmp_path / "dist").exists()


def test_two_versions_are_refused_in_one_line(repository, tmp_path):
    git(repository, "reset", "--hard", "--quiet")
    git(repository, "clean", "--quiet", "--force")
    file = repository / "muxboard/__init__.py"
    file.write_text(file.read_text().replace(__version__, "9.9.9"))
    git(repository, "commit", "--all", "--quiet", "--message", "half a new version")
    done = release(repository, tmp_path / "dist")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert "9.9.9" in done.stderr
    assert __version__ in done.stderr
    git(repository, "reset", "--hard", "--quiet", "HEAD~1")


def test_a_failed_build_leaves_an_earlier_release_as_it_was(repository, tmp_path):
    git(repository, "reset", "--hard", "--quiet")
    git(repository, "clean", "--quiet", "--force")
    (repository / "frontend/src/main.ts").write_text("import './nothing'")
    git(repository, "commit", "--all", "--quiet", "--message", "broken page")
    (tmp_path / "SHA256SUMS").write_text("earlier")
    done = release(repository, tmp_path)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert (tmp_path / "SHA256SUMS").read_text() == "earlier"
    git(repository, "reset", "--hard", "--quiet", "HEAD~1")
