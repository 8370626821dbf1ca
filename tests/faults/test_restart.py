"""One process after the other is restarted: every terminal is told and comes back at the other."""

import asyncio
import contextlib
import json
import random
import signal

import psutil
import pytest

from tests.rig.service import TOKEN, local_host
from tests.rig.soon import soon
from tests.web.harness import LOGIN
from tests.web.transports import TRANSPORTS, request

pytestmark = pytest.mark.gen_test(timeout=90)

TERMINALS = 21  # a third over each transport
SESSIONS = 5
BEARER = [("Authorization", f"Bearer {TOKEN}")]


class Person:
    """Somebody with a terminal. Told that the service restarts, their page makes another one, at whichever
    process takes it."""

    def __init__(self, kind, session, ports):
        self.kind = kind
        self.session = session
        self.ports = ports
        self.told = []  # why a terminal has ended
        self.client = None

    async def begin(self):
        body = {"host": "local", "user": LOGIN, "session": self.session}
        for _ in range(100):
            for port in self.ports:
                try:
                    answer = await post(port, body)
                except OSError:
                    continue
                if answer.status == 201:
                    self.client = self.kind(port, f"/api/v1/terminals/{answer.json['id']}", token=TOKEN)
                    await self.client.open()
                    await self.client.echoes()
                    return
                assert (answer.status, answer.json["code"]) == (503, "draining"), answer
            await asyncio.sleep(random.random() / 10)  # noqa: S311
        raise AssertionError("nobody has taken it")

    async def watch(self):
        """Hear the terminal to its end; then come back."""
        heard = None
        while True:
            try:
                heard = await self.client.next()
            except OSError:  # of one that asks again, just now
                break
            if heard is None or (isinstance(heard, dict) and heard["type"] == "exit"):
                break
        self.told.append(heard["reason"] if isinstance(heard, dict) and "reason" in heard else None)
        self.client.cut()
        await self.begin()


async def post(port, body):
    return await request(port, "POST", "/api/v1/terminals", BEARER, json.dumps(body).encode())


def connections(pid):
    """How many clients of a process are connected, one that waits for an answer as well."""
    return sum(each.status == "ESTABLISHED" for each in psutil.Process(pid).net_connections("tcp"))


@pytest.fixture
def start(start_service, tmux):
    """Start a process on the sessions, on a port of its own or a given one."""
    for number in range(SESSIONS):
        tmux.new(f"s{number}", "cat")
    limits = {"attaches_per_principal": TERMINALS, "attaches_global": TERMINALS}

    def start(port=0):
        config = {"hosts": [local_host()], "limits": limits, "server": {"bind": f"127.0.0.1:{port}"}}
        return start_service(config, env={"TMUX_TMPDIR": str(tmux.folder)})

    return start


@contextlib.asynccontextmanager
async def ending(people):
    """Their connections end with the test."""
    try:
        yield
    finally:
        for person in people:
            if person.client is not None:
                person.client.cut()
        await asyncio.sleep(0)


async def test_a_rolling_restart_loses_no_session_and_every_terminal_comes_back(start, tmux):
    kinds = list(TRANSPORTS.values())
    services = [start(), start()]
    ports = [service.port for service in services]
    people = [Person(kinds[at % len(kinds)], f"s{at % SESSIONS}", ports) for at in range(TERMINALS)]
    async with ending(people):
        await restart_each(services, ports, people, start)
        assert len(tmux.clients()) == TERMINALS
    told = {(person.kind.name, reason) for person in people for reason in person.told}
    assert told - {("poll", None)} == {(kind.name, "draining") for kind in kinds}
    assert all(len(person.told) == 2 for person in people)
    assert tmux.ls() == [f"s{number}" for number in range(SESSIONS)]


async def restart_each(services, ports, people, start):
    """Everybody is at the first, then at the second, then at the first again."""
    for person in people:
        await person.begin()
    for old, port, other in ((services[0], ports[0], ports[1]), (services[1], ports[1], ports[0])):
        assert {person.client.port for person in people} == {port}
        watching = [asyncio.ensure_future(person.watch()) for person in people]
        await soon(lambda pid=old.pid: connections(pid) >= TERMINALS, "a connection of each")
        old.process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            await asyncio.gather(*watching)
        await asyncio.to_thread(old.process.wait, 10)
        assert old.process.returncode == 0
        assert "Traceback" not in old.log
        assert {person.client.port for person in people} == {other}
        if port == ports[0]:
            await asyncio.to_thread(start, port)
