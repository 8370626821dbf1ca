"""The proxies, each as the programs that it takes, with the configuration that people are given."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from tests.proxies.filled import PROVIDER, URL, filled
from tests.proxies.idp import Client
from tests.proxies.people import SHORT_S
from tests.rig.ports import free_ports
from tests.rig.program import Program, private_folder

if TYPE_CHECKING:
    from tests.proxies.idp import Idp

COOKIE_SECRET = "a-cookie-secret-of-32-characters"
APACHE_MODULES = "/usr/lib/apache2/modules"


class Front:
    """A proxy in front of one muxboard.

    Attributes:
        name: Also the client id that the identity provider knows it by.
        callback: Where the identity provider sends people back to.
        profile: muxboard's ``auth.jwt.profile``.
        access_life: Seconds that its access tokens live; 0 = as long as the ID tokens.
        programs: What runs, in the order of its start.
    """

    name: ClassVar[str]
    callback: ClassVar[str]
    profile: ClassVar[str] = "generic"
    access_life: ClassVar[int] = 0
    header: ClassVar[str] = "Authorization"

    def __init__(self) -> None:
        [self.port] = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self.programs: list[Program] = []

    @property
    def client(self) -> Client:
        return Client(self.name, self.url + self.callback, self.access_life)

    def start(self, upstream: int, idp: Idp) -> None:
        """Start it before the muxboard that listens on a port."""
        raise NotImplementedError

    def run(self, argv: list[str], port: int, folder: Path) -> None:
        program = Program(argv, port, folder)
        self.programs.append(program)
        program.wait_until_ready()

    def close(self) -> None:
        with contextlib.ExitStack() as stack:
            for program in self.programs:
                stack.callback(program.close)

    @property
    def log(self) -> str:
        return "\n".join(program.log for program in self.programs)


class Oauth2Proxy(Front):
    """The stand-in for oauth2-proxy, which proxies everything."""

    name = "oauth2-proxy"
    callback = "/oauth2/callback"
    profile = "oauth2-proxy"
    file = "oauth2-proxy.cfg"

    def start(self, upstream: int, idp: Idp) -> None:
        self.run_stand_in(self.port, idp, {"http://127.0.0.1:8765": f"http://127.0.0.1:{upstream}"})

    def run_stand_in(self, port: int, idp: Idp, changes: dict[str, str]) -> None:
        folder = private_folder("oauth2")
        for name, text in (("client-secret", self.client.secret), ("cookie-secret", COOKIE_SECRET)):
            (folder / name).write_text(text)
        text = filled(
            self.file,
            {
                URL: self.url,
                PROVIDER: idp.url,
                "/etc/oauth2-proxy": str(folder),
                '"muxboard"': f'"{self.name}"',
                "127.0.0.1:4180": f"127.0.0.1:{port}",
                "cookie_secure = true": "cookie_secure = false",
                '"3m"': '"2s"',
                **changes,
            },
        )
        (folder / "oauth2-proxy.cfg").write_text(text)
        stand_in = str(Path(__file__).with_name("oauth2_proxy.py"))
        self.run([sys.executable, "-I", stand_in, "oauth2-proxy.cfg"], port, folder)


class Nginx(Oauth2Proxy):
    """nginx, which asks the stand-in by auth_request."""

    name = "nginx"
    file = "oauth2-proxy-auth.cfg"

    def start(self, upstream: int, idp: Idp) -> None:
        [other] = free_ports(1)
        self.run_stand_in(other, idp, {})
        folder = private_folder("nginx")
        site = filled(
            "nginx.conf",
            {
                "listen 443 ssl": f"listen 127.0.0.1:{self.port}",
                "server_name mux.example.com": "server_name 127.0.0.1",
                "127.0.0.1:4180": f"127.0.0.1:{other}",
                "127.0.0.1:8765": f"127.0.0.1:{upstream}",
            },
        )
        (folder / "site.conf").write_text(re.sub(r"(?m)^ *ssl_certificate.*\n", "", site))
        temporary = "".join(
            f"{name}_temp_path {name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        )
        user = "user root;" if os.geteuid() == 0 else ""  # its folder is nobody else's
        (folder / "nginx.conf").write_text(
            f"{user} daemon off; worker_processes 1; pid nginx.pid; error_log stderr info;\n"
            f"events {{}} http {{ access_log access; {temporary} include site.conf; }}\n"
        )
        argv = ["nginx", "-p", f"{folder}/", "-c", "nginx.conf", "-e", "stderr"]
        self.run(argv, self.port, folder)


class Apache(Front):
    """Apache with mod_auth_openidc."""

    name = "apache"
    callback = "/oidc/callback"
    modules = (
        *("mpm_event", "authn_core", "authz_core", "authz_user", "auth_openidc", "headers"),
        *("proxy", "proxy_http"),
    )

    def start(self, upstream: int, idp: Idp) -> None:
        folder = private_folder("apache")
        (folder / "muxboard-secrets.conf").write_text(
            f"OIDCClientSecret {self.client.secret}\nOIDCCryptoPassphrase {COOKIE_SECRET}\n"
        )
        site = filled(
            "apache.conf",
            {
                URL: self.url,
                PROVIDER: idp.url,
                "*:443": f"127.0.0.1:{self.port}",
                "ServerName mux.example.com": "ServerName 127.0.0.1",
                "OIDCClientID muxboard": f"OIDCClientID {self.name}",
                "/etc/apache2": str(folder),
                "BeforeExpiry 120": f"BeforeExpiry {SHORT_S - 2}",
                "Proto https": "Proto http",
                "127.0.0.1:8765": f"127.0.0.1:{upstream}",
            },
        )
        (folder / "site.conf").write_text(re.sub(r"(?m)^ *SSL.*\n", "", site))
        modules = "".join(
            f"LoadModule {name}_module {APACHE_MODULES}/mod_{name}.so\n" for name in self.modules
        )
        user = "User www-data\nGroup www-data\n" if os.geteuid() == 0 else ""
        (folder / "apache.conf").write_text(
            f"{modules}{user}ServerRoot {folder}\nDefaultRuntimeDir {folder}\nPidFile {folder}/pid\n"
            f"ServerName 127.0.0.1\nListen 127.0.0.1:{self.port}\nErrorLog /dev/stderr\nLogLevel info\n"
            "Mutex sem\nStartServers 1\nInclude site.conf\n"
        )
        self.run(["apache2", "-DFOREGROUND", "-d", str(folder), "-f", "apache.conf"], self.port, folder)


class Envoy(Front):
    """Envoy with its OAuth2 filter. What it documents against underscores is left out: muxboard's own rule is
    what the tests are about."""

    name = "envoy"
    callback = "/callback"
    header = "X-Id-Token"
    access_life = SHORT_S // 2  # it renews when the access token has ended, and the ID token must not have

    def start(self, upstream: int, idp: Idp) -> None:
        folder = private_folder("envoy")
        for name, text in (("client-secret", self.client.secret), ("hmac-secret", COOKIE_SECRET)):
            secret = {"name": name, "generic_secret": {"secret": {"inline_string": text}}}
            kind = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"
            (folder / f"{name}.yaml").write_text(json.dumps({"resources": [{"@type": kind, **secret}]}))
        text = filled(
            "envoy.yaml",
            {
                URL: self.url,
                PROVIDER: idp.url,
                "address: 0.0.0.0, port_value: 443": f"address: 127.0.0.1, port_value: {self.port}",
                "address: idp.example.com, port_value: 443": "address: 127.0.0.1, port_value: "
                + idp.url.rpartition(":")[2],
                "port_value: 8765": f"port_value: {upstream}",
                "client_id: muxboard": f"client_id: {self.name}",
                "/etc/envoy": str(folder),
                "headers_with_underscores_action: REJECT_REQUEST": "headers_with_underscores_action: ALLOW",
            },
        )
        text = re.sub(r"(?m)^( *)transport_socket:\n(?:\1 .*\n)+", "", text)
        (folder / "envoy.yaml").write_text(text)
        envoy = str(Path(sys.prefix) / "bin" / "envoy")
        argv = [envoy, "-c", "envoy.yaml", "--disable-hot-restart", "--concurrency", "1"]
        self.run([*argv, "--component-log-level", "oauth2:debug"], self.port, folder)


FRONTS: tuple[type[Front], ...] = (Oauth2Proxy, Nginx, Apache, Envoy)
