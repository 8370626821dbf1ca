"""The commands, as people and scripts run them."""

import contextlib
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.request import urlopen

import pytest
from ptyprocess import PtyProcess

from muxboard import __version__
from tests.rig.ports import free_ports
from tests.rig.service import CHECKOUT, local_host
from tests.rig.waiting import until

TOKEN = "a-token-that-is-a-secret"


def test_version_names_what_is_found(run):
    done = run("version")
    lines = done.stdout.splitlines()
    assert done.returncode == 0
    assert lines[:2] == [f"muxboard {__version__}", f"Python {platform.python_version()}"]
    assert re.fullmatch(r"tmux \d+\.\d+.*", lines[2])
    assert lines[3].startswith(("OpenSSH", "ssh not found"))


def test_version_says_what_is_missing(run):
    assert run("version", env={"PATH": "/nowhere"}).stdout.splitlines()[2:] == [
        "tmux not found",
        "ssh not found",
    ]


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["serve", "--help"], ["config", "--help"]])
def test_help_is_there(run, arguments):
    done = run(*arguments)
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: ")


@pytest.mark.parametrize(
    "arguments", [["nothing"], ["serve", "--nothing"], ["ls", "extra"], ["config", "nothing"]]
)
def test_what_is_no_command_is_a_usage_error(run, arguments):
    done = run(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_the_example_is_a_valid_file(run):
    example = run("config", "example")
    assert example.returncode == 0
    tomllib.loads(example.stdout)
    assert run("config", "show", config=example.stdout).returncode == 0


def test_the_schema_is_a_json_schema(run):
    schema = run("config", "schema")
    assert schema.returncode == 0
    assert "server" in json.dumps(json.loads(schema.stdout))


def test_show_prints_what_is_in_force_and_masks_the_token(run):
    config = '[server]\nbind = "127.0.0.1:9"\n[auth.token]\ntoken_env = "OUR_TOKEN"\n'
    done = run("config", "show", config=config, env={"OUR_TOKEN": TOKEN, "MUXBOARD_BIND": "127.0.0.1:10"})
    assert done.returncode == 0
    shown = tomllib.loads(done.stdout)
    assert shown["server"]["bind"] == "127.0.0.1:10"
    assert shown["auth"]["token"]["token_env"] == "OUR_TOKEN"
    assert TOKEN not in done.stdout + done.stderr
    assert "****" in done.stdout


@pytest.mark.parametrize("command", [["serve"], ["ls"], ["check"], ["check", "--json"], ["config", "show"]])
def test_every_error_of_the_file_is_told_at_once_with_file_path_and_reason(run, command):
    config = """
[server]
bind = "nowhere"
bnid = "127.0.0.1:1"
drain = 20
[limits]
attaches_global = 0
[[hosts]]
key = "a b"
port = 99999
local = true
[[hosts]]
key = "x"
"""
    done = run(*command, config=config)
    assert done.returncode == 2
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert all(re.fullmatch(r"muxboard\.toml: [a-z_.\[\]0-9]+: \S.*", line) for line in lines), lines
    said = {line.split(": ")[1] for line in lines}
    assert {
        "server.bind", "server.bnid", "server.drain", "limits.attaches_global", "hosts[0].key",
        "hosts[0].port",
    } <= said  # fmt: skip
    assert "muxboard.toml: hosts[0].port: must be 1 to 65535" in lines
    assert any("bnid" in line and "did you mean bind?" in line for line in lines)


@pytest.mark.parametrize(
    ("content", "reason"),
    [("[server", "is not TOML"), (b"a = '\xff'", "is not UTF-8"), (None, "cannot be read")],
)
def test_a_file_that_cannot_be_read_is_one_line(run, tmp_path, content, reason):
    path = tmp_path / "other.toml"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    done = run("serve", "-c", str(path))
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{path}: ")
    assert reason in line


def test_a_secret_that_others_can_read_is_refused(run, tmp_path):
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o644)
    done = run("serve", config=f'[auth.token]\ntoken_file = "{tmp_path}/token"\n')
    assert done.returncode == 2
    assert "auth.token.token_file" in done.stderr
    assert TOKEN not in done.stderr


@pytest.mark.parametrize("how", ["file", "environment", "option"])
@pytest.mark.parametrize("address", ["0.0.0.0", "[::]", "10.255.255.1"])  # noqa: S104
def test_beyond_loopback_without_a_named_gate_it_does_not_start(run, how, address):
    bind = f"{address}:{free_ports(1)[0]}"
    done = {
        "file": lambda: run("serve", config=f'[server]\nbind = "{bind}"\n'),
        "environment": lambda: run("serve", env={"MUXBOARD_BIND": bind}),
        "option": lambda: run("serve", "--bind", bind),
    }[how]()
    assert done.returncode == 2
    assert "auth.gate" in done.stderr
    assert done.stdout == "", "nothing was opened, so no URL is printed"


def test_ls_is_a_table(run, tmux):
    tmux.new("first", "cat")
    tmux.new("second one", "cat")
    done = run("ls")
    assert done.returncode == 0
    head, *rows = done.stdout.splitlines()
    assert head.split() == ["HOST", "USER", "SESSION", "WINDOWS", "ATTACHED", "ACTIVE", "RUNS"]
    assert any("first" in row for row in rows)
    assert any("second one" in row for row in rows)


def test_ls_json_is_the_inventory(run, tmux):
    tmux.new("first", "cat")
    done = run("ls", "--json")
    assert done.returncode == 0
    inventory = json.loads(done.stdout)
    assert inventory.keys() == {"generation", "hosts"}
    (host,) = inventory["hosts"]
    assert {
        "key",
        "label",
        "hostname",
        "local",
        "state",
        "problem",
        "checked_at",
        "stale",
        "sweep_ms",
        "users",
    } <= (host.keys())
    (user,) = host["users"]
    assert (host["key"], host["state"], user["may_create"]) == ("local", "ok", True)
    assert [session["name"] for session in user["sessions"]] == ["first"]


def test_ls_fails_when_a_host_does(run, tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tmux").write_text("#!/bin/sh\necho 'protocol version mismatch' >&2\nexit 1\n")
    (tmp_path / "bin" / "tmux").chmod(0o755)
    for arguments in (["ls"], ["ls", "--json"]):
        done = run(*arguments, env={"PATH": f"{tmp_path}/bin:/usr/bin:/bin"})
        assert done.returncode == 1
        assert "protocol version mismatch" in done.stdout


def test_ls_escapes_what_a_session_prints(run, tmux):
    tmux.new("evil\u202e", "cat")
    assert "\u202e" not in run("ls").stdout


def test_serve_without_a_file_prints_one_url_that_logs_in_and_stops_with_0(tmp_path, tmux):
    """The embedded default: loopback, this user, a fresh token."""
    env = {
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(CHECKOUT),
        "TMUX_TMPDIR": str(tmux.folder), "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    [port] = free_ports(1)
    with (tmp_path / "out").open("wb") as out, (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "muxboard", "serve", "--bind", f"127.0.0.1:{port}"],
            cwd=tmp_path, env=env, stdin=subprocess.DEVNULL, stdout=out, stderr=log,
        )  # fmt: skip
    printed = tmp_path / "out"
    try:
        until(lambda: "\n" in printed.read_text() or process.poll() is not None, "the URL", seconds=20)
        (line,) = printed.read_text().splitlines()
        (url,) = re.findall(r"https?://\S+", line)
        assert re.fullmatch(rf"http://127\.0\.0\.1:{port}/#token=[A-Za-z0-9_-]{{32,}}", url)
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
        assert url.partition("=")[2] not in (tmp_path / "log").read_text()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()


def test_a_reload_is_not_a_hang_up(tmp_path, tmux, plain_env):
    """Whoever has started it by hand and is gone does not mean it any more."""
    config = tmp_path / "muxboard.toml"
    config.write_text('[[hosts]]\nkey = "one"\nlocal = true\n')
    words = ["serve", "-c", str(config), "--bind", f"127.0.0.1:{free_ports(1)[0]}"]
    process = PtyProcess.spawn([sys.executable, "-m", "muxboard", *words], cwd="/", env=plain_env)
    try:
        printed = b""
        while b"#token=" not in printed:
            printed += process.read()
        config.write_text('[[hosts]]\nkey = "two"\nlocal = true\n')
        process.kill(signal.SIGHUP)
        while b"1 hosts added, 1 removed" not in printed:
            printed += process.read()
        assert b"has changed: restart" not in printed, "the address is the command line's"
        with Path(os.devnull).open("rb") as nothing:
            os.dup2(nothing.fileno(), process.fd)  # that was the terminal's other end
        until(lambda: not process.isalive(), "its end", seconds=20)
        assert process.exitstatus in {0, 120}, "Python's own, where it can print no more"
    finally:
        process.close(force=True)


def test_a_browser_is_opened_at_a_page_that_others_cannot_read(tmp_path, tmux, plain_env):
    """Everybody sees a command line. And a browser that stays in the foreground holds nobody up."""
    script, seen = tmp_path / "browser", tmp_path / "seen"
    script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {seen}.new && mv {seen}.new {seen}; exec sleep 60\n')
    script.chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, "-m", "muxboard", "serve", "--open", "--bind", f"127.0.0.1:{free_ports(1)[0]}"],
        cwd=tmp_path, env={**plain_env, "BROWSER": f"{script} %s", "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        (url,) = re.findall(r"https?://\S+", process.stdout.readline())
        until(seen.exists, "the browser", seconds=20)
        (opened,) = seen.read_text().split()
        page = Path(opened.removeprefix("file://"))
        assert f'content="0;url={url}"' in page.read_text()
        assert (page.stat().st_mode & 0o777, page.parent.stat().st_mode & 0o777) == (0o600, 0o700)
        assert urlopen(url, timeout=10).status == 200  # noqa: S310
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
        assert not page.parent.exists()
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def test_each_weak_setting_is_a_warning_at_every_start(start_service):
    config = {"auth": {"gate": "none"}, "limits": {"lifetime": ""}, "hosts": [local_host()]}
    service = start_service(config, token=None)
    weak = [line for line in service.log.splitlines() if "muxboard.config" in line]
    assert sum("auth.gate: There is no login" in line for line in weak) == 1
    assert sum("limits.lifetime:" in line for line in weak) == 1
    assert "Traceback" not in service.log


@pytest.mark.parametrize("told", ["", "file", "environment", "twice"])
@pytest.mark.parametrize("reached", ['bind = "0.0.0.0:0"', 'public_url = "https://ops.example.com/"'])
def test_without_a_login_beyond_loopback_takes_to_be_told_twice(run, tmp_path, told, reached):
    """Nothing listens unless both the file and the environment say so; a public URL is beyond, too."""
    path = tmp_path / "muxboard.toml"
    twice = "[auth.none]\nbeyond_loopback = true\n" if told in {"file", "twice"} else ""
    path.write_text(f'[server]\n{reached}\n[auth]\ngate = "none"\n{twice}')
    env = {"MUXBOARD_NO_LOGIN": "yes"} if told in {"environment", "twice"} else {}
    done = run("check", "--offline", "-c", str(path), env=env)
    assert done.returncode == (0 if told == "twice" else 2)
    assert ("auth.none.beyond_loopback" in done.stderr) is (told != "twice")
