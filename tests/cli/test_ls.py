"""``muxboard ls`` over hosts that answer and hosts that do not."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import ESCAPES

HOSTILE = [
    "[red]x[/red]",
    "[link=http://evil.example]y[/link]",
    "evil\u202eexe",
    "日本語の長いセッション名",
    ":boom:",
]


@pytest.fixture
def three(fleet, sshd, unix_users, start_badssh):
    """One that answers, one that lets nobody in, one that refuses sudo."""
    fleet.inventory = {"connect_timeout": "2s", "command_timeout": "2s"}
    fleet.add_bad("hangs", start_badssh("auth"))
    fleet.add("web1", sshd, unix_users.service, tmux_users=[unix_users.deploy, unix_users.service])
    fleet.add("web2", sshd, unix_users.service, tmux_users=[unix_users.no_sudo])
    deploy = unix_users.tmux(unix_users.deploy)
    for name in ["api", "x" * 200]:
        deploy.new(name, "cat")
    return fleet


def test_sessions_come_first_failures_and_the_sum_last(three, unix_users):
    done = three("ls")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["HOST", "USER", "SESSION", "WINDOWS", "ATTACHED", "ACTIVE", "RUNS"]
    assert lines[1].split()[:5] == ["web1", unix_users.deploy, "api", "1", "0"]
    assert lines[2].split()[2] == "x" * 200, "nothing is cut where nobody counts columns"
    assert lines[3].split(maxsplit=2) == ["web1", unix_users.service, "(no server)"]
    assert lines[4].startswith("FAILED  hangs  timeout: ")
    assert lines[5].startswith(f"FAILED  web2  sudo refused for {unix_users.no_sudo}: ")
    assert lines[6].startswith("        add by visudo: ")
    assert lines[7:] == ["2 sessions; 2 of 3 hosts answered, 1 failed"]


def test_the_table_fits_the_terminal_and_was_drawn_before(three, on_terminal, unix_users):
    three.write()
    terminal = on_terminal("ls", cols=80)
    terminal.wait_for(r"web1 +ok +2 sessions")
    assert terminal.to_the_end() == 1
    head = next(index for index, line in enumerate(terminal.lines) if line.startswith("HOST "))
    table = terminal.lines[head : head + 4]
    assert all(len(line) <= 80 for line in table)
    assert table[0].split()[-1] == "RUNS"
    assert "xxx~ " in table[2]
    assert terminal.lines[-2].startswith("2 sessions; 2 of 3 hosts answered")


def test_json_is_the_inventory_with_every_state(three, unix_users):
    hosts = {host["key"]: host for host in json.loads(three("ls", "--json").stdout)["hosts"]}
    assert {key: host["state"] for key, host in hosts.items()} == {
        "hangs": "timeout", "web1": "ok", "web2": "ok",
    }  # fmt: skip
    assert [user["state"] for user in hosts["web1"]["users"]] == ["ok", "no_server"]
    assert [user["state"] for user in hosts["web2"]["users"]] == ["sudo_refused"]


def test_names_are_text_and_nothing_else(run, tmux, on_terminal):
    for name in HOSTILE:
        tmux.new(name, "cat")
    piped = run("ls")
    terminal = on_terminal("ls", cols=120)
    assert (piped.returncode, terminal.to_the_end()) == (0, 0)
    drawn = ESCAPES.sub("", terminal.raw)
    for shown in (piped.stdout, drawn):
        assert "[red]x[/red]" in shown
        assert "[link=http" in shown
        assert "evil\\u202eexe" in shown
        assert "日本語の長いセッション名" in shown
        assert "\u202e" not in shown
    assert "\x1b]8" not in terminal.raw


def test_an_old_locale_is_no_reason_to_fail(run, tmux):
    tmux.new("日本語", "cat")
    done = run("ls", env={"PYTHONIOENCODING": "latin-1"})
    assert done.returncode == 0
    assert "\\u65e5" in done.stdout
