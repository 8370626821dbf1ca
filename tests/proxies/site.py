"""One whole set-up: a proxy, the muxboard behind it, and a tmux with a session in it."""

from __future__ import annotations

import contextlib
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.proxies.filled import PROVIDER, URL, filled
from tests.proxies.visitor import Visitor
from tests.rig.ports import free_ports
from tests.rig.service import Service, local_host
from tests.rig.tmux import Tmux

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.proxies.fronts import Front
    from tests.proxies.idp import Idp


class Site:
    """What the tests look at.

    Attributes:
        url: Where people go: the proxy.
        direct: Where nobody should: muxboard itself.
    """

    def __init__(self, front: Front, idp: Idp, service: Service, tmux: Tmux, port: int) -> None:
        self.front = front
        self.idp = idp
        self.service = service
        self.tmux = tmux
        self.url = front.url + "/"
        self.direct = f"http://127.0.0.1:{port}/"
        self._visitors: dict[str, Visitor] = {}
        self._tokens: dict[str, str] = {}

    @property
    def me(self) -> str:
        """Where the service says who is asking, through the proxy."""
        return f"{self.url}api/v1/me"

    def visitor(self, name: str) -> Visitor:
        """Somebody who has logged in at the proxy."""
        if name not in self._visitors:
            visitor = Visitor()
            visitor.log_in(self.url, name)
            self._visitors[name] = visitor
        return self._visitors[name]

    def token(self, name: str) -> str:
        """A good ID token of somebody's, as the proxy gets it: what nobody must be able to hand in."""
        if name not in self._tokens:
            self._tokens[name] = str(self.idp.tokens(self.front.name, name)["id_token"])
        return self._tokens[name]

    @property
    def audit(self) -> list[dict[str, Any]]:
        """muxboard's audit lines so far."""
        return self.service.audit

    @property
    def log(self) -> str:
        return f"--- {self.front.name}\n{self.front.log}\n--- muxboard\n{self.service.log}"


def config(front: Front, idp: Idp, port: int) -> dict[str, Any]:
    """Return the configuration that people are given, for one proxy and this machine."""
    text = filled(
        "muxboard.toml",
        {
            "127.0.0.1:8765": f"127.0.0.1:{port}",
            URL: front.url,
            PROVIDER: idp.url,
            '"oauth2-proxy"': f'"{front.profile}"',
            '"Authorization"': f'"{front.header}"',
            '"muxboard"': f'"{front.name}"',
        },
    )
    told = tomllib.loads(text)
    told["auth"]["jwt"][0]["leeway"] = "0s"  # all clocks are one
    # Tests of one site come faster than people.
    told["limits"] = {"login_failures": "10000/minute", "requests": "10000/minute"}
    return told | {"hosts": [local_host()]}


@contextlib.contextmanager
def running(front: Front, idp: Idp) -> Iterator[Site]:
    """Start a set-up; end all of it."""
    with contextlib.ExitStack() as stack:
        tmux = Tmux(Path(tempfile.mkdtemp(prefix="mbtmux-", dir="/tmp")))
        stack.callback(tmux.close)
        [port] = free_ports(1)
        service = Service(config(front, idp, port), env={"TMUX_TMPDIR": str(tmux.folder)}, token=None)
        stack.callback(service.close)
        service.wait_until_ready()
        stack.callback(front.close)
        front.start(port, idp)
        yield Site(front, idp, service, tmux, port)
