"""muxboard below a path of a site, behind each of the plain recipes, with TLS as they are given; and somebody
who comes to it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import secrets
import shutil
import ssl
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from tornado.httputil import HTTPHeaders

from tests.proxies.filled import filled
from tests.proxies.fronts import APACHE_MODULES
from tests.rig.ports import free_ports
from tests.rig.program import Program, private_folder
from tests.rig.service import TOKEN, Service, local_host
from tests.rig.tls import certificate
from tests.rig.tmux import Tmux
from tests.web.harness import DEADLINE_S, Answer, Socket

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "mux.example.com"
ORIGIN = f"https://{NAME}"
CERTIFICATE = f"/etc/ssl/certs/{NAME}.pem"
KEY = f"/etc/ssl/private/{NAME}.key"
UPSTREAM = "127.0.0.1:8765"
FAILURES = 5  # a minute
ODD = "a/b c%2F"  # a session's name that stands encoded in a path


class Console:
    """One proxy in front of one muxboard.

    Attributes:
        unix: Whether muxboard is bound to a Unix socket.
    """

    name: ClassVar[str]
    file: ClassVar[str]
    unix: ClassVar[bool] = False

    def __init__(self) -> None:
        self.port, upstream = free_ports(2)
        self.folder = private_folder(self.name)
        self.certificate = str(certificate(self.folder, NAME))
        self.upstream = f"127.0.0.1:{upstream}"
        self.bind = self.upstream
        if self.unix:
            self.bind = f"unix:{self.folder}/http.sock"

    def text(self) -> str:
        """The recipe, with this machine's addresses and files."""
        return filled(self.file, self.changes())

    def changes(self) -> dict[str, str]:
        raise NotImplementedError

    def argv(self) -> list[str]:
        """Write what it needs into ``folder``; return what runs."""
        raise NotImplementedError


class Nginx(Console):
    name = "nginx"
    file = "console.nginx.conf"

    def changes(self) -> dict[str, str]:
        return {
            "listen 443": f"listen 127.0.0.1:{self.port}",
            CERTIFICATE: self.certificate,
            KEY: self.certificate,
            f"http://{UPSTREAM}": f"http://{self.bind}",
        }

    def argv(self) -> list[str]:
        (self.folder / "site.conf").write_text(self.text())
        names = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = "".join(f"{name}_temp_path {name};" for name in names)
        user = "user root;" if os.geteuid() == 0 else ""  # its folder is nobody else's
        (self.folder / "nginx.conf").write_text(
            f"{user} daemon off; worker_processes 1; pid nginx.pid; error_log stderr info;\n"
            f"events {{}} http {{ access_log off; {temporary} include site.conf; }}\n"
        )
        return ["nginx", "-p", f"{self.folder}/", "-c", "nginx.conf", "-e", "stderr"]


class NginxUnix(Nginx):
    """The same over a Unix socket."""

    name = "nginx-unix"
    unix = True


class Apache(Console):
    name = "apache"
    file = "console.apache.conf"
    modules = ("mpm_event", "alias", "authz_core", "headers", "proxy", "proxy_http", "socache_shmcb", "ssl")

    def changes(self) -> dict[str, str]:
        return {
            "*:443": f"127.0.0.1:{self.port}",
            CERTIFICATE: self.certificate,
            KEY: self.certificate,
            UPSTREAM: self.upstream,
        }

    def argv(self) -> list[str]:
        (self.folder / "site.conf").write_text(self.text())
        modules = "".join(
            f"LoadModule {name}_module {APACHE_MODULES}/mod_{name}.so\n" for name in self.modules
        )
        user = "User www-data\nGroup www-data\n" if os.geteuid() == 0 else ""
        (self.folder / "apache.conf").write_text(
            f"{modules}{user}ServerRoot {self.folder}\nDefaultRuntimeDir {self.folder}\n"
            f"PidFile {self.folder}/pid\n"
            f"ServerName 127.0.0.1\nListen 127.0.0.1:{self.port}\nErrorLog /dev/stderr\nLogLevel info\n"
            "Mutex sem\nStartServers 1\nInclude site.conf\n"
        )
        return ["apache2", "-DFOREGROUND", "-d", str(self.folder), "-f", "apache.conf"]


class Caddy(Console):
    name = "caddy"
    file = "console.Caddyfile"

    def changes(self) -> dict[str, str]:
        return {
            f"{NAME} {{": f"{NAME}:{self.port} {{\n\tbind 127.0.0.1",
            CERTIFICATE: self.certificate,
            KEY: self.certificate,
            UPSTREAM: self.upstream,
        }

    def argv(self) -> list[str]:
        # No other listener, nothing that is kept elsewhere, and no waiting for clients at its end.
        options = ["admin off", "auto_https disable_redirects", "grace_period 1s"]
        options.append(f"storage file_system {self.folder}")
        head = "{\n\t" + "\n\t".join(options) + "\n}\n"
        (self.folder / "Caddyfile").write_text(head + self.text())
        return ["caddy", "run", "--config", "Caddyfile", "--adapter", "caddyfile"]


class Haproxy(Console):
    name = "haproxy"
    file = "console.haproxy.cfg"

    def changes(self) -> dict[str, str]:
        return {
            "bind :443": f"bind 127.0.0.1:{self.port}",
            f"/etc/haproxy/{NAME}.pem": self.certificate,
            UPSTREAM: self.upstream,
        }

    def argv(self) -> list[str]:
        (self.folder / "haproxy.cfg").write_text(self.text())
        return ["haproxy", "-db", "-f", "haproxy.cfg"]


class Envoy(Console):
    name = "envoy"
    file = "console.envoy.yaml"

    def changes(self) -> dict[str, str]:
        return {
            "address: 0.0.0.0, port_value: 443": f"address: 127.0.0.1, port_value: {self.port}",
            CERTIFICATE: self.certificate,
            KEY: self.certificate,
            "port_value: 8765": f"port_value: {self.upstream.rpartition(':')[2]}",
        }

    def argv(self) -> list[str]:
        (self.folder / "envoy.yaml").write_text(self.text())
        envoy = str(Path(sys.prefix) / "bin" / "envoy")
        return [envoy, "-c", "envoy.yaml", "--disable-hot-restart", "--concurrency", "1", "-l", "warning"]


CONSOLES: tuple[type[Console], ...] = (Nginx, NginxUnix, Apache, Caddy, Haproxy, Envoy)


class Site:
    """What the tests look at: the proxy, the service behind it, a tmux with sessions ``api`` and ``ODD``."""

    def __init__(self, console: Console, program: Program, service: Service, tmux: Tmux) -> None:
        self.console = console
        self.program = program
        self.service = service
        self.tmux = tmux
        self.context = ssl.create_default_context(cafile=console.certificate)

    @property
    def audit(self) -> list[dict[str, Any]]:
        """muxboard's audit lines so far."""
        return self.service.audit

    @property
    def log(self) -> str:
        return f"--- {self.console.name}\n{self.program.log}\n--- muxboard\n{self.service.log}"

    def visitor(self, address: str = "127.0.0.7") -> Visitor:
        return Visitor(self.console.port, self.context, address)


class Visitor:
    """A browser without a screen: TLS to the site, a cookie, and an address of its own."""

    def __init__(self, port: int, context: ssl.SSLContext, address: str) -> None:
        self.port = port
        self.address = address
        self.cookie = ""
        self._context = context
        self._open: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for writer in self._open:
            writer.transport.abort()

    async def send(
        self, method: str, path: str, headers: dict[str, str] | None = None, body: bytes | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Send a request below the site's root."""
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.port, ssl=self._context, server_hostname=NAME,
            local_addr=(self.address, 0), limit=1 << 22,
        )  # fmt: skip
        self._open.append(writer)
        lines = {"Host": NAME, "Origin": ORIGIN, **({"Cookie": self.cookie} if self.cookie else {})}
        lines |= {} if body is None else {"Content-Length": str(len(body))}
        lines |= headers or {}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        writer.write(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + (body or b""))
        return reader, writer

    async def call(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Answer:
        """Return the answer to one request; a body that is not bytes goes as JSON."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        async with asyncio.timeout(30):
            reader, writer = await self.send(method, path, {"Connection": "close", **(headers or {})}, body)
            status, found = await head_of(reader)
            if found.get("transfer-encoding") == "chunked":
                content = b"".join([chunk async for chunk in chunks(reader)])
            elif "content-length" in found and method != "HEAD":
                content = await reader.readexactly(int(found["content-length"]))
            else:
                content = b"" if status in {204, 304} else await reader.read()
            writer.transport.abort()
        return Answer(status, HTTPHeaders(found), content)

    async def log_in(self) -> Answer:
        answer = await self.call("POST", "/console/api/v1/login", {"token": TOKEN})
        if answer.status == 204:
            self.cookie = answer.headers["set-cookie"].partition(";")[0]
        return answer

    async def socket(self, path: str, headers: dict[str, str] | None = None) -> Socket:
        """Upgrade to a WebSocket; ``status`` says whether that went well."""
        upgrade = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(secrets.token_bytes(16)).decode(),
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Protocol": "muxboard.terminal.v1",
        }
        connected = Socket(*await self.send("GET", path, {**upgrade, **(headers or {})}))
        async with asyncio.timeout(DEADLINE_S):
            connected.status, connected.headers = await head_of(connected.reader)
        return connected


async def head_of(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Return an answer's status and headers, names in lower case."""
    first, *rest = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in rest if line)
    return int(first.split()[1]), {name.lower(): value.strip() for name, _, value in pairs}


async def chunks(reader: asyncio.StreamReader) -> Any:
    """Yield the chunks of an answer as they come."""
    while size := int((await reader.readline()).split(b";")[0], 16):
        yield await reader.readexactly(size)
        await reader.readexactly(2)


@contextlib.contextmanager
def running(console: Console) -> Iterator[Site]:
    """Start a set-up; end all of it."""
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, console.folder, ignore_errors=True)
        tmux = Tmux(Path(tempfile.mkdtemp(prefix="mbtmux-", dir="/tmp")))
        stack.callback(tmux.close)
        tmux.new("api", "cat")
        tmux.new(ODD, "echo look; exec cat")
        told = tomllib.loads(filled("console.toml", {UPSTREAM: console.bind}))
        if console.unix:
            told["server"]["trusted_proxies"] = ["unix"]
        told["hosts"] = [local_host()]
        told["limits"] = {"login_failures": f"{FAILURES}/minute"}
        service = Service(told, env={"TMUX_TMPDIR": str(tmux.folder)})
        stack.callback(service.close)
        service.wait_until_ready()
        program = Program(console.argv(), console.port, console.folder)
        stack.callback(program.close)
        program.wait_until_ready()
        yield Site(console, program, service, tmux)
