"""The proxies, each as the programs that it takes, with the configuration that people are given."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
from typing import TYPE_CHECKING, ClassVar

from tests.proxies.filled import filled
from tests.proxies.idp import Client
from tests.rig.ports import free_ports
from tests.rig.program import Program, private_folder
from tests.rig.service import CHECKOUT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.proxies.idp import Idp

COOKIE_SECRET = "a-cookie-secret-of-32-characters"
URL = "https://mux.example.com"
PROVIDER = "https://idp.example.com"


class Front:
    """A proxy in front of one muxboard.

    Attributes:
        name: Also the client id that the identity provider knows it by.
        callback: Where the identity provider sends people back to.
        profile: muxboard's ``auth.jwt.profile``.
        programs: What runs, in the order of its start.
    """

    name: ClassVar[str]
    callback: ClassVar[str]
    profile: ClassVar[str] = "generic"
    header: ClassVar[str] = "Authorization"

    def __init__(self) -> None:
        [self.port] = free_ports(1)
        self.url = f"http://127.0.0.1:{self.port}"
        self.programs: list[Program] = []

    @property
    def client(self) -> Client:
        return Client(self.name, self.url + self.callback)

    def start(self, upstream: int, idp: Idp) -> None:
        """Start it before the muxboard that listens on a port."""
        raise NotImplementedError

    def run(self, argv: list[str], port: int, folder: Path, **options: signal.Signals) -> None:
        program = Program(argv, port, folder, **options)
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
                '"4m"': '"4s"',
                **changes,
            },
        )
        (folder / "oauth2-proxy.cfg").write_text(text)
        module = "tests.proxies.oauth2_proxy"
        python = f"import sys; sys.path.insert(0, {str(CHECKOUT)!r}); import runpy; "
        python += f"sys.argv = ['', 'oauth2-proxy.cfg']; runpy.run_module({module!r}, run_name='__main__')"
        self.run([sys.executable, "-c", python], port, folder)


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


FRONTS: tuple[type[Front], ...] = (Oauth2Proxy, Nginx)
