"""``muxboard healthy``: what a container's HEALTHCHECK asks, of the real service and of others."""

import http.server
import socket
import threading

import pytest

from tests.rig import toml
from tests.rig.ports import free_ports
from tests.rig.service import local_host

HEAVY = ("tornado", "paramiko", "cryptography", "jwt", "rich", "redis", "prometheus_client")


@pytest.fixture
def healthy(run):
    """Call it with the [server] table; it returns the exit code and what is said, which must be one line."""

    def ask(server, *words, rest="", env=None):
        config = toml.dumps({"server": server}) + rest if server is not None else None
        done = run("healthy", *words, config=config, env=env)
        said = done.stdout + done.stderr
        assert len(said.splitlines()) == 1, said
        assert (done.returncode == 0) == (done.stdout != "")
        return done.returncode, said.strip()

    return ask


def served(start_service, **server):
    return start_service({"server": server, "hosts": [local_host()]})


@pytest.mark.parametrize(
    ("address", "base_path"), [("127.0.0.1", "/"), ("[::1]", "/console/"), ("localhost", "/")]
)
def test_it_finds_the_service_where_the_file_says(start_service, healthy, address, base_path):
    (port,) = free_ports(1)
    where = {"bind": f"{address}:{port}", "base_path": base_path}
    served(start_service, **where)
    assert healthy(where) == (0, f"alive at {address}:{port}")
    assert healthy({**where, "base_path": "/elsewhere/"})[0] == 1


def test_a_second_listener_is_asked_in_place_of_the_first(start_service, healthy):
    main, second = free_ports(2)
    where = {
        "bind": f"127.0.0.1:{main}",
        "metrics_bind": f"127.0.0.1:{second}",
        "base_path": "/console/",
    }
    served(start_service, **where)
    assert healthy(where) == (0, f"alive at 127.0.0.1:{second}")
    assert healthy({**where, "metrics_bind": ""})[0] == 1  # the first then has no health


def test_a_unix_socket_is_asked_too(start_service, healthy, tmp_path):
    where = {"bind": f"unix:{tmp_path}/http.sock", "base_path": "/console/"}
    served(start_service, **where, public_url="http://127.0.0.1:1/console/")
    assert healthy(where) == (0, f"alive at unix:{tmp_path}/http.sock")
    assert healthy({"bind": f"unix:{tmp_path}/other.sock"})[0] == 1


def test_the_environment_and_the_option_override_the_file_as_for_serve(service, healthy):
    nobody, address = f"127.0.0.1:{free_ports(1)[0]}", f"127.0.0.1:{service.port}"
    assert healthy({"bind": nobody})[0] == 1
    assert healthy({"bind": nobody}, env={"MUXBOARD_BIND": address}) == (0, f"alive at {address}")
    assert healthy({"bind": nobody}, "--bind", address, env={"MUXBOARD_BIND": nobody})[0] == 0
    assert healthy(None, "-c", str(service.config_file))[0] == 1  # port 0, as the rig has it


def test_neither_a_missing_secret_nor_an_edit_that_waits_makes_it_ill(service, healthy):
    rest = '[auth]\ngate = "nonsense"\n[auth.token]\ntoken_env = "ONLY_THE_SERVICE_HAS_IT"\n'
    assert healthy({"bind": f"127.0.0.1:{service.port}"}, rest=rest)[0] == 0


class Other(http.server.BaseHTTPRequestHandler):
    """Another program on the port."""

    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<title>It works!</title>")

    def log_message(self, *_):
        pass


def test_another_program_on_the_port_is_not_the_service(healthy):
    with http.server.HTTPServer(("127.0.0.1", 0), Other) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        try:
            code, said = healthy({"bind": f"127.0.0.1:{other.server_port}"})
        finally:
            other.shutdown()
            thread.join()
    assert code == 1
    assert "not muxboard" in said


def test_a_service_that_hangs_is_ill(healthy):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        code, said = healthy({"bind": f"127.0.0.1:{silent.getsockname()[1]}"})
    assert code == 1
    assert "does not answer: timed out" in said


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ({"bind": "127.0.0.1:0"}, "name one"),
        ({"bind": "nowhere"}, "server.bind: must"),
        ({"bind": "127.0.0.1:1", "metrics_bind": "nowhere"}, "server.metrics_bind: must"),
        ({"bind": "127.0.0.1:1"}, "Connection refused"),
        ({"bind": "unix:/nowhere/http.sock"}, "No such file"),
    ],
)
def test_what_cannot_be_asked_is_said(healthy, server, said):
    code, line = healthy(server)
    assert code == 1
    assert said in line


def test_a_file_that_cannot_be_read_is_said(run):
    for config, words in (("[server", ()), (None, ("-c", "/nowhere.toml"))):
        done = run("healthy", *words, config=config)
        assert (done.returncode, done.stdout) == (1, "")
        assert len(done.stderr.splitlines()) == 1


def test_it_starts_without_the_service_s_libraries(run):
    done = run("healthy", "--bind", "127.0.0.1:0", env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert done.returncode == 1
    assert "muxboard.healthy" in done.stderr
    assert [name for name in HEAVY if f" {name}" in done.stderr.replace("|", " ")] == []
