"""The rig itself: a fixture that does not do its work would make every other test worthless."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from tornado.web import Application

from tests.rig import toml
from tests.rig.service import CHECKOUT, local_host
from tests.rig.waiting import until


@pytest.fixture
def app():
    return Application([])


@pytest.mark.gen_test
async def test_a_tornado_test_runs_before_browser_tests(http_client, base_url):
    assert (await http_client.fetch(base_url, raise_error=False)).code == 404


def test_the_browser_shows_the_service(service, page):
    page.goto(service.printed_url)
    page.wait_for_selector("[data-testid=live-state]")


def test_what_a_page_did_is_told(service, page, watch):
    watch.check()
    page.goto(service.printed_url)
    page.evaluate("fetch('http://127.0.0.1:1/x').catch(() => 0)")
    page.evaluate("setTimeout(() => { throw new Error('thrown') })")
    wanted = ("CSP: connect-src", "thrown")
    until(
        lambda: page.wait_for_timeout(10) or all(word in str(watch.complaints) for word in wanted),
        lambda: f"the complaints, {watch.complaints}",
    )
    with pytest.raises(AssertionError, match="thrown"):
        watch.check()
    watch.expect(".")


def test_toml_is_read_back(tmp_path):
    import tomllib

    config = {
        "server": {"bind": 'unix:/x y"z'},
        "hosts": [{"key": "a", "tmux_users": ["x", "y"]}, {"key": "ü"}],
        "a": {"b": [{"c": 1}]},
    }
    assert tomllib.loads(toml.dumps(config)) == config


def test_tmux_is_a_server_of_the_tests_own(tmux):
    assert tmux.ls() == []
    assert tmux.new("one two").startswith("$")
    tmux.type("one two", "echo $((6*7))")
    tmux.wait_for("one two", "42")
    assert tmux.ls() == ["one two"]
    assert tmux.clients() == []


def test_the_service_lists_the_tests_sessions(service, tmux):
    tmux.new("api")
    service.request("POST", "/api/v1/refresh")
    until(lambda: service.sessions() == ["api"], "the session in the inventory")
    service.stop()


def test_a_service_that_does_not_start_says_why(start_service):
    with pytest.raises(AssertionError, match="nonsense"):
        start_service({"nonsense": {"a": 1}})


def test_a_service_as_another_user_manages_a_second_through_sudo(unix_users, start_service):
    deploy = unix_users.tmux(unix_users.deploy)
    deploy.new("theirs")
    host = local_host(tmux_users=[unix_users.service, unix_users.deploy, unix_users.no_sudo])
    service = start_service({"hosts": [host]}, user=unix_users.service)

    def states():
        hosts = service.request("GET", "/api/v1/inventory").json()["hosts"]
        return {user["name"]: user["state"] for user in hosts[0]["users"]}

    until(lambda: states().get(unix_users.deploy) == "ok", "the sweep")
    assert states() == {
        unix_users.service: "no_server",
        unix_users.deploy: "ok",
        unix_users.no_sudo: "sudo_refused",
    }
    assert service.sessions(user=unix_users.deploy) == ["theirs"]


CARELESS = """
import asyncio, os, pytest, subprocess, threading

def test_thread():
    threading.Thread(target=threading.Event().wait, daemon=True).start()

def test_child():
    global child  # Python would warn of one that is forgotten
    child = subprocess.Popen(["sleep", "3"])

def test_descriptor():
    os.open("/dev/null", os.O_RDONLY)

@pytest.mark.gen_test
async def test_task():
    global task
    task = asyncio.get_running_loop().create_task(asyncio.sleep(60), name="forgotten")

def test_skipped():
    pytest.skip("no tool")

def test_tidy():
    with open("/dev/null"):
        subprocess.run(["true"])
"""


def test_what_a_test_leaves_behind_is_told_and_a_skip_fails():
    with tempfile.TemporaryDirectory(dir=CHECKOUT / "tests" / "rig", prefix="tmp_") as folder:
        (Path(folder) / "test_it.py").write_text(CARELESS)
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-o", f"cache_dir={folder}/cache", "-rA", "--tb=short", folder],
            cwd=CHECKOUT,
            env={**os.environ, "MUXBOARD_TEST_SETTLE_S": "0.5"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    for name, words in {
        "thread": "thread Thread-",
        "child": "child process",
        "descriptor": "/dev/null",
        "task": "task forgotten",
    }.items():
        told = rf"ERROR at teardown of test_{name} _+\nleft behind by this test:\n  .*{words}"
        assert re.search(told, done.stdout), done.stdout + done.stderr
    assert "::test_skipped was skipped: no tool" in done.stdout
    assert "1 failed, 5 passed, 4 errors" in done.stdout


def test_a_tornado_test_cannot_run_beside_playwright(browser):
    """Why the browser is a module's: this thread has a running loop as long as it is up."""
    assert browser.is_connected()
    assert asyncio.get_running_loop().is_running()
