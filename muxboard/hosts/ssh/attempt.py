"""One try at a connection: dial, greeting, key exchange, host key, login."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import random
import socket
from typing import TYPE_CHECKING, Literal, NamedTuple

import paramiko

from muxboard.hosts.ssh import known
from muxboard.hosts.ssh.guard import guard
from muxboard.hosts.ssh.login import Login, authenticate
from muxboard.hosts.ssh.tunnel import Tunnel
from muxboard.hosts.ssh.verdict import prefer, refused
from muxboard.hosts.tmux import printable
from muxboard.hosts.way import Unreached

if TYPE_CHECKING:
    from collections.abc import Sequence

    from muxboard.config.address import Hop
    from muxboard.hosts.ssh.connection import Connection
    from muxboard.tasks import Threads

IDLE_WAKE_S = 10.0  # how often a transport's thread looks around; paramiko's own 0.1 s costs 10 % of a core
KEEPALIVE_S = 30
DEAD_AFTER_MS = 20_000  # of unacknowledged data, then the kernel ends the connection
GREETING_TRIES = 4
THREAD_ENDS_S = 5
Step = Literal["reach", "host_key", "login"]


class Trust(NamedTuple):
    """Which host keys are believed: the files, and whether a first key is taken and written down."""

    files: tuple[str, ...]
    accept_new: bool


class Attempt:
    """One try. ``dial``, then ``log_in``; ``abort`` after either has failed or was cancelled."""

    def __init__(  # noqa: PLR0917
        self,
        hop: Hop,
        login: Login,
        trust: Trust,
        via: Connection | None,
        threads: Threads,
        timeout_s: float,
    ) -> None:
        self._hop = hop
        self._login = login
        self._trust = trust
        self._via = via
        self._threads = threads
        self._timeout_s = timeout_s
        self._sock: socket.socket | Tunnel | None = None
        self._transport: paramiko.Transport | None = None
        self._stage = ""
        self._over = self._hung_up = False
        self.step: Step = "reach"

    def abort(self) -> None:
        """Give up; calls that wait in threads come back."""
        self._over = True
        if self._transport is not None:
            end(self._transport, self._threads)
        elif isinstance(self._sock, socket.socket):
            self._sock.close()
        elif self._sock is not None:
            self._threads.start(self._sock.close)
        self._sock = self._transport = None

    async def dial(self) -> None:
        """Connect, up to the first byte of the greeting."""
        try:
            async with asyncio.timeout(self._timeout_s):
                if self._via is not None:
                    await self._tunnel(self._via)
                else:
                    await self._greeted()
        except TimeoutError as error:
            if self._hung_up:
                raise self._unwelcome() from error
            if self._stage == "greeting":
                said = f"{self._hop} took the connection and sent no ssh greeting in {self._timeout_s:g} s."
                raise Unreached("timeout", said) from error
            said = f"{self._stage} did not answer within {self._timeout_s:g} s: connection timed out."
            raise Unreached("unreachable", said) from error

    async def _tunnel(self, via: Connection) -> None:
        self._stage = f"The jump host {via.hop}"
        try:
            transport = await via.transport()
        except Unreached as failure:
            raise Unreached(
                failure.state,
                f"By way of {via.hop}: {failure.problem}",
                failure.remedy,
                repeated=failure.repeated,
            ) from failure
        place = (self._hop.hostname, self._hop.port)
        try:
            self._sock = await self._threads.run(self._channel_through, transport, place)
            via.worked()
        except (paramiko.SSHException, EOFError, OSError) as error:
            if isinstance(error, paramiko.ChannelException):
                via.worked()  # it has answered
            said = printable(str(error))[:200]
            raise Unreached("unreachable", f"{via.hop} could not connect to {self._hop}: {said}") from error

    def _channel_through(self, transport: paramiko.Transport, place: tuple[str, int]) -> Tunnel:
        """In a thread."""
        channel = transport.open_channel("direct-tcpip", place, ("127.0.0.1", 0), timeout=self._timeout_s)
        if self._over:
            channel.close()
        return Tunnel(channel)

    async def _greeted(self) -> None:
        """A connection that is dropped before the greeting is made again: nothing was tried with it."""
        loop = asyncio.get_running_loop()
        addresses = await self._resolve()
        for turn in range(GREETING_TRIES):
            sock = await self._tcp(addresses)
            self._sock = sock
            self._stage = "greeting"
            with contextlib.suppress(OSError):
                await _readable(loop, sock)
                if sock.recv(1, socket.MSG_PEEK):
                    return
            sock.close()
            self._hung_up = True
            if turn + 1 < GREETING_TRIES:
                await asyncio.sleep(random.uniform(0.1, 0.6) * 2**turn)  # noqa: S311  not a secret
        raise self._unwelcome()

    def _unwelcome(self) -> Unreached:
        return Unreached(
            "unreachable",
            f"{self._hop} closes the connection before its ssh greeting: too many logins at once "
            "(MaxStartups), or it penalises this address (PerSourcePenalties).",
        )

    async def _resolve(self) -> Sequence[tuple[int, tuple[str, int]]]:
        self._stage = f"The name server, asked for {self._hop.hostname},"
        place = self._hop.hostname, self._hop.port
        try:
            # An address needs no name server, and so no thread that might have to wait for one.
            literal = socket.AI_NUMERICHOST if _is_address(self._hop.hostname) else None
            found = (
                socket.getaddrinfo(*place, type=socket.SOCK_STREAM, flags=literal)
                if literal is not None
                else await self._threads.run(lambda: socket.getaddrinfo(*place, type=socket.SOCK_STREAM))
            )
        except (OSError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or "not a name"
            raise Unreached("unreachable", f"{self._hop.hostname} has no address: {why}.") from error
        return [(family, place) for family, _, _, _, place in found]  # type: ignore[misc]

    async def _tcp(self, addresses: Sequence[tuple[int, tuple[str, int]]]) -> socket.socket:
        loop = asyncio.get_running_loop()
        self._stage = str(self._hop)
        last: OSError | None = None
        for index, (family, place) in enumerate(addresses):
            try:
                sock = socket.socket(family, socket.SOCK_STREAM)
            except OSError as error:
                last = error
                continue
            try:
                sock.setblocking(False)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_AFTER_MS)
                share = None if index + 1 == len(addresses) else self._timeout_s / len(addresses)
                async with asyncio.timeout(share):
                    await loop.sock_connect(sock, place)
            except TimeoutError:
                sock.close()
            except OSError as error:
                sock.close()
                last = error
            except BaseException:
                sock.close()
                raise
            else:
                return sock
        why = os.strerror(last.errno) if last is not None and last.errno else "connection timed out"
        remedy = f"Is sshd running there? ssh -p {self._hop.port} {self._hop.hostname}"
        raise Unreached("unreachable", f"{self._hop}: {why}.", remedy) from last

    async def log_in(self) -> paramiko.Transport:
        """Exchange keys, check the host's and log in."""
        self.step = "host_key"
        try:
            async with asyncio.timeout(self._timeout_s):
                self._stage = f"The key exchange with {self._hop} did not end"
                await self._threads.run(self._log_in)
        except TimeoutError as error:
            raise Unreached("timeout", f"{self._stage} within {self._timeout_s:g} s.") from error
        except Unreached:
            raise
        except Exception as error:  # whatever paramiko makes of what the host sent
            said = printable(str(error) or type(error).__name__)[:240]
            raise Unreached("error", f"{self._hop} broke the ssh connection off: {said}.") from error
        if self._transport is None:
            raise Unreached("timeout", f"{self._stage} within {self._timeout_s:g} s.")
        return self._transport

    def _log_in(self) -> None:
        """In a thread."""
        sock = self._sock
        if sock is None:
            return
        lines = self._known_lines()
        transport = self._transport = paramiko.Transport(sock)
        sock.settimeout(IDLE_WAKE_S)
        transport.set_keepalive(KEEPALIVE_S)
        transport.clear_to_send_timeout = self._timeout_s  # in a key exchange that does not end
        guard(transport)
        prefer(transport, lines, self._hop)
        # Longer than our own clock, which ends it by closing the socket.
        transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = self._timeout_s * 4
        transport.start_client(timeout=self._timeout_s * 4)
        self._check_key(transport, lines)
        self._stage = f"{self._hop} did not answer the login"
        self.step = "login"
        authenticate(transport, self._login, self._hop)

    def _known_lines(self) -> list[known.Line]:
        try:
            return known.read(self._trust.files)
        except OSError as error:
            raise Unreached(
                "error", f"The known_hosts file {error.filename} cannot be read: {error.strerror}."
            ) from error

    def _check_key(self, transport: paramiko.Transport, lines: list[known.Line]) -> None:
        shown = transport.get_remote_server_key()
        blob = shown.public_blob.key_blob if shown.public_blob else shown.asbytes()
        verdict = known.judge(lines, self._hop.hostname, self._hop.port, blob)
        if verdict == "known":
            return
        if verdict == "unknown" and self._trust.accept_new and not shown.public_blob:
            try:
                verdict = known.add(
                    self._trust.files[0], self._hop.hostname, self._hop.port, shown.get_name(), blob
                )
            except OSError as error:
                raise Unreached(
                    "host_key_unknown",
                    f"The key of {self._hop} cannot be written to {self._trust.files[0]}: {error.strerror}.",
                ) from error
            if verdict == "known":
                return
        way = self._via.way if self._via is not None else ()
        name, shape = shown.get_name(), known.fingerprint(blob)
        raise refused(verdict, self._hop, way, self._trust.files[0], name, shape)


def end(transport: paramiko.Transport, threads: Threads) -> None:
    """End a transport without waiting: its thread wakes by the shutdown of its socket."""
    sock = transport.sock
    if isinstance(sock, socket.socket):
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
    threads.start(_close, transport)


def _close(transport: paramiko.Transport) -> None:
    if isinstance(transport.sock, Tunnel):
        with contextlib.suppress(Exception):  # it may be in any state
            transport.sock.close()  # which wakes its thread
    # Its thread first: closed under it, the descriptor may be another connection's before it reads from it.
    _ended(transport)
    with contextlib.suppress(Exception):
        transport.close()
    _ended(transport)
    with contextlib.suppress(Exception):
        # Or the thread of its clock stays; only when its own has ended, which may just be starting it.
        transport.packetizer.complete_handshake()


def _ended(transport: paramiko.Transport) -> None:
    """Wait for a transport's thread, if it was started and for as long as one may wait."""
    with contextlib.suppress(RuntimeError):
        transport.join(THREAD_ENDS_S)


def _is_address(text: str) -> bool:
    with contextlib.suppress(ValueError):
        return bool(ipaddress.ip_address(text))
    return False


async def _readable(loop: asyncio.AbstractEventLoop, sock: socket.socket) -> None:
    ready = loop.create_future()
    loop.add_reader(sock, _set, ready)
    try:
        await ready
    finally:
        loop.remove_reader(sock)


def _set(ready: asyncio.Future[None]) -> None:
    if not ready.done():
        ready.set_result(None)
