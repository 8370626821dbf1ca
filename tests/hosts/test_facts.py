"""What plain commands print about tmux, also when they print something else."""

from __future__ import annotations

import pytest

from muxboard.hosts import facts

LISTENING = "0000000060e9f5c9: 00000002 00000000 00010000 0001 01 4773439 /tmp/tmux-1001/default\n"
PATH = "/tmp/tmux-1001/default"
MARK = "--muxboard--\n"
PRIVATE = "36 35 98:0 /tmp/systemd-private-0a-x.service-b/tmp /tmp rw,noatime shared:1 - ext4 /dev/sda rw\n"


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        (b"tmux 3.3a\n", "3.3a"), (b"tmux next-3.5\n", "next-3.5"), (b"tmux master\n", "master"), (b"", None),
        (b"tmux 3.3a\nand more\n", None), (b"tmux \x1b[31m3.3\n", None), (b"screen 4\n", None),
        (b"tmux " + b"9" * 400, None),
    ],
)  # fmt: skip
def test_version(printed, version):
    assert facts.version(printed) == version


def test_too_old():
    old = {"1.8", "2.9a", "3.0", "3.1c", "next-3.1"}
    new = {"3.2", "3.2-rc", "3.10", "4.0", "10.1", "master", "openbsd-7.4", "next-3.2"}
    assert {version for version in old | new if facts.too_old(version)} == old


@pytest.mark.parametrize(
    ("printed", "on_path", "path"),
    [
        (b"/usr/bin/tmux\n/usr/bin/tmux\n", "/usr/bin/tmux", "/usr/bin/tmux"),
        (b"\n/usr/local/bin/tmux\n", "", "/usr/local/bin/tmux"),
        (b"/home/a/bin/tmux\n/usr/bin/tmux\n", "/home/a/bin/tmux", "/usr/bin/tmux"),
        (b"\n", "", ""), (b"", "", ""),
        (b"tmux='/usr/bin/tmux -2'\n/a b/tmux, ALL\n", "", ""),
    ],
)  # fmt: skip
def test_where_tmux_is_in_a_form_that_a_sudoers_line_takes(printed, on_path, path):
    assert facts.found(printed) == (on_path, path)


@pytest.mark.parametrize(
    ("printed", "server"),
    [
        (f" 12 1 tmux: server\n 13 12 tmux: server\n{MARK}{LISTENING}{MARK}", ("12", False)),
        (f"{MARK}{LISTENING}{MARK}", ("", False)),
        (f" 12 1 tmux: server\n{MARK}{MARK}", None),
        (f" 12 1 tmux: server\n{MARK}{MARK}{PRIVATE}", ("12", True)),
        (f"{MARK}{MARK}{PRIVATE}", None),
        (f"{MARK}{LISTENING.replace('00010000', '00000000')}{MARK}", None),
        (f"{MARK}{LISTENING.replace('default', 'default2')}{MARK}", None),
        (f"{MARK}{LISTENING.replace('00010000', 'nothing')}{MARK}", None),
        (LISTENING, None), ("", None), (MARK * 4, None), (f"{MARK}a b\n{MARK}c d\n", None),
    ],
)  # fmt: skip
def test_a_server_whose_socket_is_not_seen(printed, server):
    assert facts.hidden_server(printed.encode(), PATH) == server
