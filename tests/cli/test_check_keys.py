"""``muxboard check`` and what the gate needs."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.access import jwts

CONFIG = """
[auth]
gate = "jwt"
[[auth.jwt]]
issuer = "https://idp.example.com"
audience = "muxboard"
{keys}
[[grants]]
groups = ["sre"]
role = "viewer"
[[hosts]]
key = "here"
local = true
"""


@pytest.fixture
def provider():
    """A server that answers ``/keys`` with keys and everything else with 404; its URL."""

    class Keys(BaseHTTPRequestHandler):
        def do_GET(self):
            body = jwts.jwks(jwts.jwk(jwts.RSA, "RS256"))
            self.send_response(200 if self.path == "/keys" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Keys)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_keys_that_can_be_had_are_nothing_to_tell(run, provider):
    done = run("check", "--json", config=CONFIG.format(keys=f'jwks_url = "{provider}/keys"'))
    assert done.returncode == 0
    assert json.loads(done.stdout)["failed"] == []


@pytest.mark.parametrize("as_json", [True, False])
def test_keys_that_cannot_are_a_failure_with_the_address(run, provider, as_json):
    options = ["--json"] if as_json else []
    done = run("check", *options, config=CONFIG.format(keys=f'jwks_url = "{provider}/nothing"'))
    assert (done.returncode, done.stderr) == (1, "")
    if as_json:
        said = json.loads(done.stdout)
        assert said["ok"] is False
        [failed] = said["failed"]
        assert failed == {
            "path": "auth.jwt[0].jwks_url",
            "problem": f"{provider}/nothing: HTTP 404: Not Found",
        }
    else:
        assert "FAILED  auth.jwt[0].jwks_url" in done.stdout
        assert f"{provider}/nothing: HTTP 404" in " ".join(done.stdout.split())


def test_offline_nobody_is_asked(run, provider):
    done = run("check", "--offline", config=CONFIG.format(keys=f'jwks_url = "{provider}/nothing"'))
    assert done.returncode == 0


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ('public_key_file = "/nowhere.pem"', "auth.jwt[0].public_key_file: /nowhere.pem cannot be read"),
        ('jwks_file = "muxboard.toml"', "auth.jwt[0].jwks_file: muxboard.toml: is not a JWKS document"),
    ],
)
def test_keys_that_are_none_are_a_configuration_error(run, keys, said):
    done = run("check", "--offline", config=CONFIG.format(keys=keys))
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_a_function_that_is_not_there_is_a_configuration_error(run):
    done = run("check", "--offline", config='[auth]\ngate = "no_such_package:authorize"\n')
    assert done.returncode == 2
    assert "auth.gate: no_such_package:authorize cannot be imported" in done.stderr
