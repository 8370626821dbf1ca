"""The configuration files as they are given, with what the other tests leave out of them: TLS."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.proxies.filled import FOLDER, filled
from tests.proxies.fronts import APACHE_MODULES, Apache

CERTIFICATE = "/etc/ssl/certs/mux.example.com.pem"
PAGE = (FOLDER.parents[1] / "docs" / "proxies.md").read_text()
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
KEY = "/etc/ssl/private/mux.example.com.key"


@pytest.fixture
def certificate(tmp_path):
    """What to put in place of the paths of certificate and key."""
    subject = ["-subj", "/CN=mux.example.com", "-days", "1", "-nodes", "-newkey", "rsa:2048"]
    files = {CERTIFICATE: str(tmp_path / "pem"), KEY: str(tmp_path / "key")}
    out = ["-out", files[CERTIFICATE], "-keyout", files[KEY]]
    subprocess.run(["openssl", "req", "-x509", *subject, *out], check=True, capture_output=True)
    return files


def accepted(*argv):
    """What a program says that checks a file; it must accept it."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stderr


def test_nginx_accepts_its_file(tmp_path, certificate):
    (tmp_path / "site.conf").write_text(filled("nginx.conf", certificate))
    (tmp_path / "nginx.conf").write_text("pid pid; events {} http { access_log off; include site.conf; }")
    argv = ["-p", f"{tmp_path}/", "-c", "nginx.conf", "-e", "stderr"]
    assert "[warn]" not in accepted("/usr/sbin/nginx", "-t", *argv)


def test_apache_accepts_its_file(tmp_path, certificate):
    (tmp_path / "muxboard-secrets.conf").write_text("OIDCClientSecret one\nOIDCCryptoPassphrase two\n")
    changes = {**certificate, "/etc/apache2": str(tmp_path)}
    (tmp_path / "site.conf").write_text(filled("apache.conf", changes))
    modules = "".join(
        f"LoadModule {name}_module {APACHE_MODULES}/mod_{name}.so\n"
        for name in (*Apache.modules, "ssl", "socache_shmcb")
    )
    (tmp_path / "apache.conf").write_text(
        f"{modules}ServerName localhost\nListen 127.0.0.1:443\nDefaultRuntimeDir {tmp_path}\n"
        f"ErrorLog /dev/stderr\nMutex sem\nInclude {tmp_path}/site.conf\n"
    )
    accepted("/usr/sbin/apache2", "-t", "-d", str(tmp_path), "-f", "apache.conf")


def test_envoy_accepts_its_file(tmp_path, certificate):
    for name in ("client-secret", "hmac-secret"):
        secret = f'name: {name}, generic_secret: {{secret: {{inline_string: "some"}}}}'
        kind = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
        (tmp_path / f"{name}.yaml").write_text(f'resources: [{{"@type": {kind}, {secret}}}]\n')
    changes = {**certificate, AUTHORITIES: certificate[CERTIFICATE], "/etc/envoy": str(tmp_path)}
    (tmp_path / "envoy.yaml").write_text(filled("envoy.yaml", changes))
    envoy = str(Path(sys.prefix) / "bin" / "envoy")
    accepted(envoy, "--mode", "validate", "-c", str(tmp_path / "envoy.yaml"), "--disable-hot-restart")


def test_the_page_about_them_names_each_file():
    assert [file.name for file in FOLDER.iterdir() if f"packaging/proxies/{file.name})" not in PAGE] == []


def test_what_the_page_shows_is_in_the_files():
    given = {bare(line) for file in FOLDER.iterdir() for line in file.read_text().splitlines()}
    blocks = re.findall(r"```(?:toml|ini)\n(.*?)```", PAGE, re.DOTALL)
    shown = [bare(line) for block in blocks for line in block.splitlines()]
    assert shown
    assert [line for line in shown if line not in given] == []


def bare(line):
    return line.partition(" #")[0].strip()
