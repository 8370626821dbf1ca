"""A configured socket is used only where no stranger can have put it, or put another in its place."""

import os
import socket

import pytest

from muxboard.hosts.local import LocalWay
from muxboard.hosts.socket import NoSocket, SocketUnreadable, find_socket
from muxboard.hosts.ssh.remote import RemoteWay
from muxboard.hosts.way import steps
from muxboard.problems import Code, Problem

pytestmark = pytest.mark.gen_test(timeout=30)

STRANGER = 4242


class ThroughShell(LocalWay):
    """Looks as hosts over ssh are looked at."""

    look = RemoteWay.look
    trail = RemoteWay.trail
    uid = RemoteWay.uid


@pytest.fixture(params=[LocalWay, ThroughShell], ids=["local", "shell"])
def way(request, tmux):
    return request.param(tmux.env)


@pytest.fixture
def folder(tmux):
    made = tmux.folder / "sockets"
    made.mkdir(mode=0o755)
    return made


@pytest.fixture
def listen():
    opened = []

    def listen(path, owner=None):
        listener = socket.socket(socket.AF_UNIX)
        listener.setblocking(False)
        listener.bind(str(path))
        listener.listen()
        if owner is not None:
            os.chown(path, owner, owner)
        opened.append(listener)
        return listener

    yield listen
    for listener in opened:
        listener.close()


@pytest.fixture
def found(manage, way):
    async def found(path, **fields):
        host = manage(**(fields or {"tmux_socket": str(path)}))
        return await find_socket(way, host.config, host.login)

    return found


async def test_steps_are_from_the_root_on():
    assert steps("/a/b/c") == ["/", "/a", "/a/b", "/a/b/c"]
    assert steps("/a") == ["/", "/a"]


async def test_one_that_is_ours_all_the_way_is_used_there_or_not(found, folder, listen):
    assert await found(folder / "none") == str(folder / "none")
    assert await found(folder / "nor" / "this") == str(folder / "nor" / "this")
    listen(folder / "sock")
    assert await found(folder / "sock") == str(folder / "sock")


async def test_a_strangers_socket_is_refused(found, folder, listen):
    listen(folder / "sock", STRANGER)
    with pytest.raises(SocketUnreadable, match=rf"sock belongs to another user \(uid {STRANGER}\)"):
        await found(folder / "sock")


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757])
async def test_a_folder_that_others_can_write_is_refused(found, folder, listen, mode):
    listen(folder / "sock")
    folder.chmod(mode)
    for path in (folder / "sock", folder / "none"):
        with pytest.raises(SocketUnreadable, match=f"{folder} can be written by others: chmod go-w") as told:
            await found(path)
        assert not isinstance(told.value, NoSocket)


async def test_a_strangers_folder_is_refused(found, folder, listen):
    inner = folder / "theirs"
    inner.mkdir()
    listen(inner / "sock")
    os.chown(inner, STRANGER, STRANGER)
    with pytest.raises(SocketUnreadable, match=f"{inner} belongs to another user"):
        await found(inner / "sock")


async def test_in_a_sticky_folder_it_must_be_there(found, folder, listen):
    folder.chmod(0o1777)
    with pytest.raises(NoSocket, match="start the first session"):
        await found(folder / "sock")
    with pytest.raises(NoSocket):
        await found(folder / "none" / "sock")
    listen(folder / "sock")
    assert await found(folder / "sock") == str(folder / "sock")


async def test_links_are_followed_and_belong_to_somebody_too(found, folder, listen):
    (folder / "shared").mkdir()
    (folder / "shared").chmod(0o1777)
    (folder / "real").mkdir()
    listen(folder / "real" / "sock")
    link = folder / "shared" / "link"
    link.symlink_to(folder / "real")
    assert await found(link / "sock") == str(link / "sock")
    os.chown(link, STRANGER, STRANGER, follow_symlinks=False)
    with pytest.raises(SocketUnreadable, match=f"{link} belongs to another user"):
        await found(link / "sock")
    os.chown(link, 0, 0, follow_symlinks=False)
    (folder / "real").chmod(0o777)
    with pytest.raises(SocketUnreadable, match="a folder that a link leads to can be written by others"):
        await found(link / "sock")


@pytest.mark.parametrize("name", ["a b", "new\nline", "drwxr-xr-x 2 0 0 x\n- 1 0 x", "-l", "*", "tab\t"])
async def test_no_name_that_a_link_leads_to_hides_whose_it_is(found, folder, listen, name):
    hostile = folder / name
    hostile.mkdir()
    listen(hostile / "sock")
    (folder / "link").symlink_to(hostile)
    assert await found(folder / "link" / "sock")
    os.chown(hostile, STRANGER, STRANGER)
    with pytest.raises(SocketUnreadable, match="belongs to another user"):
        await found(folder / "link" / "sock")


async def test_a_socket_file_in_a_folder_that_others_can_write_is_refused(found, folder, tmux):
    file = folder / "which"
    file.write_text(f"{tmux.folder}/own\n")
    assert await found(None, tmux_socket_file=str(file)) == f"{tmux.folder}/own"
    folder.chmod(0o777)
    with pytest.raises(SocketUnreadable, match=f"{folder} can be written by others"):
        await found(None, tmux_socket_file=str(file))


async def test_what_cannot_be_looked_at_at_all_is_refused(manage, tmux):
    class Blind(LocalWay):
        async def trail(self, _path):
            return []

    host = manage(tmux_socket="/run/x/sock")
    with pytest.raises(SocketUnreadable, match="cannot be looked at"):
        await find_socket(Blind(tmux.env), host.config, host.login)


async def test_nobody_connects_to_what_anybody_could_have_put_there(manage, folder, listen):
    """No sweep, no attach and no new session meets a server that a stranger has started there meanwhile."""
    folder.chmod(0o1777)
    host = manage(tmux_socket=str(folder / "sock"))
    look, theirs = host.way.trail, []

    async def just_before(path):
        seen = await look(path)
        if not theirs:
            theirs.append(listen(folder / "sock", STRANGER))
        return seen

    host.way.trail = just_before
    [user] = (await host.sweep_after_change()).users
    assert (user.state, user.problem) == ("no_server", None)
    assert theirs
    [user] = (await host.sweep_after_change()).users
    assert user.state == "socket_unreadable"
    os.unlink(folder / "sock")  # noqa: PTH108
    with pytest.raises(Problem) as told:
        await host.find(host.login, "api")
    assert told.value.code is Code.session_not_found
    with pytest.raises(Problem, match="start the first session on the host") as told:
        await host.create(host.login, "api", "", "")
    assert told.value.code is Code.host_error
    with pytest.raises(BlockingIOError):
        theirs[0].accept()
