"""The service is killed: nothing of it is left that the next start does not clear, and no session is lost."""

import contextlib
import http.client
import shutil
import socket
import tempfile
from pathlib import Path

import psutil
import pytest

from tests.real.fleet import typing
from tests.rig.service import local_host
from tests.rig.soon import soon
from tests.rig.waiting import ended
from tests.web.harness import LOGIN

pytestmark = pytest.mark.gen_test(timeout=90)

TERMINALS = 3  # on each host: two at least share a connection


@pytest.fixture
def runtime():
    """A folder for the service's sockets, with a short path."""
    folder = Path(tempfile.mkdtemp(prefix="mbrun-", dir="/tmp"))
    folder.chmod(0o700)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def config(unix_users, sshd, make_key, tmux, tmp_path):
    """This machine with the session ``here``, and a host over ssh with the session ``there``."""
    key = make_key()
    sshd.authorize(unix_users.deploy, key)
    unix_users.tmux(unix_users.deploy).new("there", "cat")
    tmux.new("here", "cat")
    (tmp_path / "known_hosts").write_text(sshd.known_hosts())
    host = {"key": "web1", "hostname": sshd.addresses[0], "port": sshd.port, "ssh_user": unix_users.deploy}
    ssh = {"key_file": str(key.path), "known_hosts": [str(tmp_path / "known_hosts")]}
    return {"ssh": ssh, "hosts": [local_host(), host], "limits": {"attaches_per_principal": 4 * TERMINALS}}


async def test_no_ssh_no_tmux_client_and_no_folder_outlive_it(  # noqa: PLR0917
    config, start_service, unix_users, sshd, tmux, runtime
):
    env = {"TMUX_TMPDIR": str(tmux.folder), "XDG_RUNTIME_DIR": str(runtime)}
    service = start_service(config, env=env)
    theirs = unix_users.tmux(unix_users.deploy)
    places = [("local", LOGIN, "here"), ("web1", unix_users.deploy, "there")] * TERMINALS
    connected = [await typing(service, *place) for place in places]
    children = psutil.Process(service.pid).children(recursive=True)
    names = [child.name() for child in children]
    assert names.count("ssh") >= TERMINALS + 1, "terminals, and the master that they share"
    assert len(tmux.clients()) == len(theirs.clients()) == TERMINALS
    left = list(runtime.iterdir())
    assert left, "the folder of the master's socket"

    service.process.kill()
    service.process.wait()

    await soon(lambda: all(ended(child.pid) for child in children), f"the end of {names}")
    await soon(lambda: tmux.clients() == theirs.clients() == [], "no client of tmux")
    await soon(lambda: sshd.pids() == [], "no connection at the host")
    for each in connected:
        each.cut()
    again = start_service(config, env=env)
    assert not set(left) & set(runtime.iterdir()), "the next start has cleared it"
    for place in places[:2]:
        (await typing(again, *place)).cut()
    again.stop()
    assert list(runtime.iterdir()) == []
    assert (tmux.ls(), theirs.ls()) == (["here"], ["there"])


def answers(path, page="/healthz"):
    """What the service answers over a Unix socket."""
    with (
        socket.socket(socket.AF_UNIX) as wire,
        contextlib.closing(http.client.HTTPConnection("localhost")) as link,
    ):
        wire.settimeout(10)
        wire.connect(str(path))
        link.sock = wire
        link.request("GET", page)
        return link.getresponse().status


async def test_a_unix_socket_that_it_left_is_taken_over(start_service, tmux, runtime):
    """And both of its listeners' files go with a clean end."""
    paths = [runtime / "http.sock", runtime / "metrics.sock"]
    binds = {"bind": f"unix:{paths[0]}", "metrics_bind": f"unix:{paths[1]}"}
    config = {"server": {**binds, "public_url": "http://127.0.0.1/"}, "hosts": [local_host()]}
    env = {"TMUX_TMPDIR": str(tmux.folder)}
    service = start_service(config, env=env)
    assert (answers(paths[0], "/"), answers(paths[1])) == (200, 200)
    service.process.kill()
    service.process.wait()
    with pytest.raises(ConnectionRefusedError):
        answers(paths[0])
    assert all(path.exists() for path in paths)
    again = start_service(config, env=env)
    assert (answers(paths[0], "/"), answers(paths[1])) == (200, 200)
    again.stop()
    assert list(runtime.iterdir()) == []
