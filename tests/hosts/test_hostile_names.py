"""Names that surprise tmux, a shell or us: each is handled exactly, and its neighbours are left alone."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from muxboard.hosts import tmux as commands
from muxboard.problems import Code, Problem
from tests.rig.soon import soon

pytestmark = pytest.mark.gen_test(timeout=20)

HOME = str(Path(pwd.getpwuid(os.getuid()).pw_dir).resolve())
NAMES = [
    "two words",
    " spaces around ",
    "=exact",
    "a=b",
    "-dash",
    "--",
    "%1",
    "@2",
    "$9",
    "$(touch x)",
    "`touch x`",
    "#(touch x)",
    "##(touch x)",
    "#{pid}",
    "#S",
    "#",
    "a;",
    ";",
    "; kill-server",
    "'single'",
    '"double"',
    "{last}",
    "*",
    "a?[b]",
    "✓ größe 🦀",
    "x" * 300,
    "🦀" * 300,
]


@pytest.fixture
def x(tmux):
    """The file that a name would make if it were run: in any directory that a command starts in."""
    found = [place / "x" for place in (tmux.folder, tmux.folder.parent)]
    was = {path for path in found if path.exists()}
    yield
    assert {path for path in found if path.exists()} == was


async def ids(host):
    (user,) = (await host.sweep_after_change()).users
    return {session.name: session.id for session in user.sessions}


@pytest.mark.parametrize("name", NAMES, ids=lambda name: name[:20])
async def test_a_hostile_name_is_handled_exactly(tmux, host, x, name):
    """Neighbours that a prefix or glob of it would match survive, and nothing in it ever runs."""
    neighbours = {"neighbour", f"{name[:290]} and more"}
    if len(name) > 2:
        neighbours.add(name[:-1])
    for other in neighbours:
        await host.create(host.login, other, "sleep 1000", "")
    made = await host.create(host.login, name, "echo here; exec sleep 1000", str(tmux.folder))
    assert made.name == name

    listed = await ids(host)
    assert set(listed) == {name} | neighbours
    assert await host.find(host.login, name) == listed[name] == made.id
    assert await host.exists(host.login, made.id)
    with pytest.raises(Problem) as told:
        await host.create(host.login, name, "", "")
    assert told.value.code is Code.session_exists

    tmux("wait-for", "-S", "ready")
    await host.rename(host.login, made.id, "plain")
    assert set(await ids(host)) == {"plain"} | neighbours
    await host.rename(host.login, made.id, name)
    assert set(await ids(host)) == {name} | neighbours

    tmux("send-keys", "-t", f"{made.id}:", "marker-of-this-pane")
    tmux("run-shell", "true")  # commands are run in turn: the keys are in
    assert isinstance(await host.capture(host.login, made.id, history=False), bytes)

    await host.kill(host.login, made.id)
    assert set(await ids(host)) == neighbours
    with pytest.raises(Problem) as told:
        await host.find(host.login, name)
    assert told.value.code is Code.session_not_found


async def test_a_directory_that_is_a_command_does_not_run(tmux, host, x, tmp_path):
    """``new-session -c`` is a format, and ``#(…)`` in a format runs a shell."""
    hostile = tmp_path / "#(touch x)"
    hostile.mkdir()
    made = await host.create(host.login, "api", "sleep 1000", str(hostile))
    (user,) = (await host.sweep_after_change()).users
    assert [session.directory for session in user.sessions if session.id == made.id] == [str(hostile)]
    assert not (tmp_path / "x").exists()
    assert not (hostile / "x").exists()


async def test_a_command_ending_in_a_semicolon_is_the_whole_command(tmux, host, tmp_path):
    done = tmp_path / "done"
    await host.create(host.login, "api", f"cat; touch {done};", "")
    tmux("send-keys", "-t", "=api:", "C-d")
    await soon(done.exists, "the command's end")


async def test_a_session_without_a_directory_begins_at_home(host):
    await host.create(host.login, "api", "sleep 1000", "")
    await host.create(host.login, "tilde", "sleep 1000", "~")
    (user,) = (await host.sweep_after_change()).users
    assert [session.directory for session in user.sessions] == [HOME, HOME]


async def test_a_directory_that_is_not_there_is_refused(host):
    with pytest.raises(Problem) as told:
        await host.create(host.login, "api", "", "/no/such/directory")
    assert told.value.code is Code.invalid
    assert [error.path for error in told.value.errors] == ["directory"]


@pytest.mark.parametrize("taken", ["api", "-dash"])
async def test_renaming_to_a_name_that_is_taken_is_refused(tmux, host, taken):
    tmux.new(taken, "sleep 1000")
    other = tmux.new("other", "sleep 1000")
    with pytest.raises(Problem) as told:
        await host.rename(host.login, other, taken)
    assert told.value.code is Code.session_exists
    assert sorted(tmux.ls()) == sorted([taken, "other"])


async def test_a_session_that_is_gone_is_a_problem_for_everything(tmux, host):
    tmux.new("neighbour", "sleep 1000")
    for ask in (
        host.rename(host.login, "$77", "new"),
        host.kill(host.login, "$77"),
        host.capture(host.login, "$77", history=False),
        host.capture(host.login, "$77", history=True),
        host.find(host.login, "neighbou"),
        host.find(host.login, "n*"),
        host.find(host.login, "$0"),
    ):
        with pytest.raises(Problem) as told:
            await ask
        assert told.value.code is Code.session_not_found
    assert tmux.ls() == ["neighbour"]


async def test_a_long_name_made_in_a_plain_shell_hides_nobody(tmux, host):
    """What tmux itself takes is shown: also 5,000 digits, which int() refuses."""
    long = "9" * 5000
    tmux.new(long, "sleep 1000")
    tmux.new("api", "sleep 1000")
    assert set(await ids(host)) == {long, "api"}
    await host.kill(host.login, await host.find(host.login, long))
    assert tmux.ls() == ["api"]


async def test_the_screen_has_colours_and_the_history_is_whole_and_plain(tmux, host):
    session = tmux.new(
        "api", ["sh", "-c", r"seq 500; printf '\033[31mred\033[0m\n'; exec sleep 1000"], rows=10
    )
    tmux.wait_for("api", "red")
    screen = await host.capture(host.login, session, history=False)
    assert b"\x1b[31mred" in screen
    assert b"\n100\n" not in screen
    history = await host.capture(host.login, session, history=True)
    assert history.split()[:500] == [str(number).encode() for number in range(1, 501)]
    assert b"\x1b" not in history


def test_tmux_reads_our_escapes_as_we_mean_them():
    """The table of hostile names keeps every kind that the parser is told about."""
    assert all(commands.check_name(name) == name for name in NAMES)
