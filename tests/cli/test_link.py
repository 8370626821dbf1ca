"""``muxboard link``."""

from __future__ import annotations

import pytest

from tests.rig.service import local_host

KEY = "a-key-of-more-than-thirty-two-characters"
CONFIG = """
[auth.links]
secret_env = "LINK_KEY"
max_ttl = "1h"
[[hosts]]
key = "build"
local = true
tmux_users = ["ops", "deploy"]
"""
ENV = {"LINK_KEY": KEY}


def test_a_printed_link_opens_its_session(run, start_service, tmux):
    tmux.new("api", "cat")
    config = {"auth": {"links": {"secret_env": "LINK_KEY"}}, "hosts": [local_host()]}
    service = start_service(config, env={"TMUX_TMPDIR": str(tmux.folder), **ENV})
    [user] = config["hosts"][0]["tmux_users"]
    done = run(
        "link",
        f"local/{user}/api",
        "--mode",
        "control",
        "--for",
        "ann",
        "-c",
        str(service.config_file),
        env=ENV,
    )
    assert done.returncode == 0
    base, _, token = done.stdout.strip().partition("open#")
    assert base == "http://127.0.0.1:0/"  # as the file says
    answer = service.request("POST", "/api/v1/links/redeem", json={"token": token}, token=None)
    opened = answer.json()
    assert (opened["session"], opened["mode"]) == ("api", "control")
    me = service.request("GET", "/api/v1/me", token=opened["session_token"]).json()
    assert me["principal"] == {"name": "ann", "groups": [], "gate": "link"}


def test_a_public_url_is_where_it_points(run):
    server = '[server]\npublic_url = "https://ops.example.com/console"\n'
    done = run("link", "build/ops/a/b c", config=CONFIG + server, env=ENV)
    assert done.stdout.startswith("https://ops.example.com/console/open#ey")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere/ops/api"], "one of the hosts build"),
        (["build/ops"], "HOST/USER/SESSION"),
        (["build/root/api"], "tmux users of build: ops, deploy"),
        (["build/ops/api", "--ttl", "2h"], "--ttl: must be at most 1h"),
        (["build/ops/api", "--ttl", "soon"], "--ttl: must"),
        (["build/ops/api", "--ttl", "0s"], "--ttl: must"),
        (["build/ops/api", "--for", "\x1b[31m"], "--for"),
        (["build/ops/api", "--mode", "admin"], "--mode"),
    ],
)
def test_what_is_wrong_is_named(run, arguments, said):
    done = run("link", *arguments, config=CONFIG, env=ENV)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr


def test_without_a_key_there_is_none(run):
    done = run("link", "local/me/api", config="")
    assert done.returncode == 2
    assert "auth.links: set secret_file" in done.stderr


def test_behind_a_unix_socket_nobody_but_the_file_knows_where_it_points(run, tmp_path):
    bound = f'[server]\nbind = "unix:{tmp_path}/http.sock"\n'
    done = run("link", "build/ops/api", config=CONFIG + bound, env=ENV)
    assert (done.returncode, done.stdout) == (2, "")
    assert "server.public_url: must be set" in done.stderr
