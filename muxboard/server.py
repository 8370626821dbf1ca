"""The composition root: build, start, drain, stop, in the order written."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import resource
import secrets
import signal
from typing import TYPE_CHECKING, Any

import msgspec
from tornado.httpserver import HTTPServer

from muxboard.access.build import build_gate, build_links, check_shared
from muxboard.access.caps import Caps
from muxboard.access.grants import Grants
from muxboard.access.principal import login_ended
from muxboard.access.session import Sessions
from muxboard.access.token import TokenGate
from muxboard.config import ConfigError, load
from muxboard.config.load import wrong
from muxboard.config.values import Bind, Secret
from muxboard.hosts.configured import Configured
from muxboard.hosts.programs import lacking
from muxboard.hosts.sweep import Sweeper
from muxboard.hosts.turns import Turns
from muxboard.listening import Listening
from muxboard.records.audit import Audit, unwritable
from muxboard.records.metrics import Metrics
from muxboard.registry.build import WHERE, build_registry, no_answer
from muxboard.registry.memory import MemoryRegistry
from muxboard.registry.registry import RegistryUnavailable
from muxboard.supervisor import tell
from muxboard.tasks import Tasks
from muxboard.terminals.attach import Attacher, Launcher, TmuxLauncher
from muxboard.terminals.elsewhere import Elsewhere
from muxboard.web.app import application, health_application
from muxboard.web.assets import Assets
from muxboard.web.connection import drop_when_silent
from muxboard.web.origin import Origins
from muxboard.web.services import Services

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable, Mapping

    from tornado.iostream import IOStream
    from tornado.web import Application

    from muxboard.access.gate import Gate
    from muxboard.access.principal import Principal
    from muxboard.config.schema import Loaded
    from muxboard.hosts.model import HostReport

log = logging.getLogger("muxboard.server")

AGAIN_S = 1.0
LOGOUTS_S = 10.0  # between two looks for what was logged out elsewhere
RELOADED = {"grants", "hosts", "ssh"}  # what SIGHUP applies
HARD_BODY_BYTES = 1 << 20  # nothing larger is even read; handlers refuse at a sixteenth of it
HEADER_BYTES = 32 * 1024


class BoundedServer(HTTPServer):
    """Drops connections past a share of the descriptors that we may have.

    Without it, whoever opens enough of them keeps the loop busy with refusing more, and no terminal
    can be started. Sockets of terminals do not count: those are bounded by their caps. And whoever does not
    read an answer keeps it in memory only for a while.
    """

    def initialize(self, *args: Any, **kwargs: Any) -> None:
        super().initialize(*args, **kwargs)
        self._most = resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2

    def handle_stream(self, stream: IOStream, address: tuple[Any, ...]) -> None:
        """Serve a connection, or close it at once."""
        if len(self._connections) >= self._most:
            stream.close()
        else:
            drop_when_silent(stream)
            super().handle_stream(stream, address)


class Service:
    """One running muxboard.

    Args:
        loaded: The checked configuration.
        environ: What children may be given a part of.
        launcher: What runs on terminals' PTYs.
        gate: In place of the configured one.

    Raises:
        ConfigError: A gate or a link's issuer cannot be built.
        FileNotFoundError: The page was not built.
    """

    def __init__(
        self,
        loaded: Loaded,
        environ: Mapping[str, str],
        launcher: Launcher | None = None,
        gate: Gate | None = None,
    ) -> None:
        config = loaded.config
        self.config = config
        self._loaded = loaded
        self._environ = environ
        self.fresh_token = loaded.token is None
        self.token = loaded.token or Secret(secrets.token_urlsafe(24))
        self.registry, self.board = build_registry(loaded)
        gate = gate or build_gate(loaded, self.token)
        check_shared(loaded, gate)
        link_secret = loaded.auth_secrets.get("auth.links")
        self.sessions = Sessions(
            self.registry,
            max(float(config.auth.token.session), float(config.auth.links.session)),
            b"\n".join(secret.reveal().encode() for secret in (loaded.token, link_secret) if secret),
        )
        grants = Grants(config.grants)
        caps = Caps(config.limits, self.registry)
        self.audit = Audit(config.audit)
        self.metrics = Metrics()
        self.configured = Configured(loaded, environ)
        self.sweeper = Sweeper(self.configured.hosts, config.inventory, Turns(self.board))
        self.attacher = Attacher(
            limits=config.limits,
            grants=grants,
            caps=caps,
            audit=self.audit,
            metrics=self.metrics,
            launcher=launcher or TmuxLauncher(),
        )
        self.elsewhere = Elsewhere(self.board, self.attacher, self._logged_out)
        self.services = Services(
            config=config,
            gate=gate,
            sessions=self.sessions,
            links=build_links(loaded),
            link_secret=link_secret,
            grants=grants,
            caps=caps,
            registry=self.registry,
            here=MemoryRegistry(),
            sweeper=self.sweeper,
            attacher=self.attacher,
            elsewhere=self.elsewhere,
            audit=self.audit,
            metrics=self.metrics,
            origins=Origins(config.server),
            assets=Assets(),
            streams=set(),
            begin=self.begin,
            logged_out=self._logged_out,
        )
        self._begun = False
        self._tasks = Tasks("service")
        self._reloading = asyncio.Lock()
        self._servers: list[HTTPServer] = []
        self._listening = Listening(loaded.source)
        self.bind = config.server.bind

    async def start(self) -> None:
        """Listen, then begin to sweep.

        Nothing listens before everything else that is needed is there.

        Raises:
            ConfigError: The registry does not answer, the audit file or an address cannot be had, or this
                machine lacks what every host needs.
        """
        config = self.config
        if missing := lacking(config, self._environ):
            raise wrong(self._loaded, "hosts", missing)
        try:
            self.audit.open()
        except OSError as error:
            raise wrong(self._loaded, "audit.path", unwritable(config.audit.path, error)) from error
        try:
            await self.registry.open()
        except RegistryUnavailable as error:
            why = f"{no_answer(self._loaded, error)}: start it, or correct the URL"
            raise wrong(self._loaded, WHERE, why) from error
        sockets = self._listening.open("bind", self.bind)
        probed = []
        if config.server.metrics_bind:
            probed = self._listening.open("metrics_bind", Bind.parse(config.server.metrics_bind))
        if self.bind.port == 0 and not self.bind.path:
            self.bind = Bind(self.bind.host, sockets[0].getsockname()[1])
        self._serve(application(self.services), sockets)
        if probed:
            self._serve(health_application(self.services), probed)
        self.begin()

    def begin(self) -> None:
        """Begin to sweep and to record, on the running loop. Idempotent, and nothing after ``stop``.

        Raises:
            OSError: The audit file cannot be opened.
        """
        if self._begun:
            return
        self.audit.open()
        self._begun = True
        self.sweeper.observe(self._count)
        self.sweeper.start()
        self.metrics.start(asyncio.get_running_loop().time)
        self._tasks.start(self.services.gate.ready(), "what the gate needs")
        self._stay(self.registry.stay, "leases")
        self._stay(self.board.stay, "what other processes tell")
        self._stay(self.elsewhere.stay, "terminals here and elsewhere")
        if not self.board.alone:
            self._stay(self._look_for_logouts, "logouts elsewhere")

    def _stay(self, work: Callable[[], Awaitable[None]], name: str) -> None:
        """Do something for as long as the service runs, whatever goes wrong in it."""

        async def go_on() -> None:
            while True:
                try:
                    return await work()
                except Exception:
                    log.exception("%s: begun again", name)
                    await asyncio.sleep(AGAIN_S)

        self._tasks.start(go_on(), name)

    async def _look_for_logouts(self) -> None:
        """What others tell may be lost: ask which logins and links of those who are here have ended."""
        while True:
            await asyncio.sleep(LOGOUTS_S)
            who = [each.principal for each in (*self.attacher.table, *self.services.streams)]
            ids = {each.login for each in who} | {link.id for each in who for link in each.links}
            with contextlib.suppress(RegistryUnavailable):
                for name in await self.registry.used_among({f"login:{each}" for each in ids - {""}}):
                    self._logged_out(login_ended(name.removeprefix("login:")))

    def _logged_out(self, principal: Principal) -> None:
        """End the terminals and streams of a login that has ended, and of its links."""
        self.attacher.logged_out(principal)
        for stream in tuple(self.services.streams):
            if stream.principal.same_login(principal):
                stream.stop()

    def reload(self) -> None:
        """Take in the configuration's hosts and grants anew; does not wait. A broken file changes nothing."""
        self._tasks.start(self._reload(), "reload")

    async def _reload(self) -> None:
        if not self._loaded.source:
            log.warning("reload: there is no configuration file")
            return
        async with self._reloading:
            try:
                found = load(self._loaded.source, self._environ, bind=self._loaded.bind)
            except ConfigError as error:
                log.error("reload: the configuration is broken and nothing has changed")  # noqa: TRY400  no traceback
                for line in error.lines:
                    log.error("reload: %s", line)  # noqa: TRY400
                return
            applied = {}
            for section in found.config.__struct_fields__:
                if section in RELOADED:
                    applied[section] = getattr(found.config, section)
                elif getattr(found.config, section) != getattr(self._loaded.config, section):
                    log.warning("reload: [%s] has changed: restart the service to apply it", section)
            if self._loaded.config.grants and not applied["grants"]:
                # Without any, some gates' people are admin: that takes a start, not a slip of the editor.
                log.error("reload: the last of [[grants]] was taken out: restart the service to apply that")
                applied["grants"] = self._loaded.config.grants
            config = msgspec.structs.replace(self._loaded.config, **applied)
            loaded = msgspec.structs.replace(self._loaded, config=config, secrets=found.secrets)
            change = self.configured.update(loaded)
            self._loaded = loaded
            # Before the hosts are closed: their terminals are told why, not that a connection was lost.
            for key in change.removed:
                self.attacher.host_gone(key, f"The host {key} was taken out of the configuration.")
                self.metrics.forget(key)
            for key in change.changed:
                self.attacher.host_gone(key, f"The configuration of the host {key} has changed.")
            self.services.grants.replace(config.grants)
            self.attacher.recheck()
            self.sweeper.replace(self.configured.hosts)
            log.info("reload: %d hosts added, %d removed, %d changed", *(len(keys) for keys in change))
            await self.configured.let_go()

    def _count(self, report: HostReport | None, _changed: bool) -> None:
        if report is None:
            return
        self.metrics.swept(
            report.key,
            up=report.state == "ok",
            seconds=report.sweep_ms / 1000,
            sessions=sum(len(user.sessions) for user in report.users),
        )

    def _serve(self, app: Application, sockets: list[socket.socket]) -> None:
        server = BoundedServer(
            app,
            max_body_size=HARD_BODY_BYTES,
            max_header_size=HEADER_BYTES,
            idle_connection_timeout=60,
            body_timeout=30,
        )
        server.add_sockets(sockets)
        self._servers.append(server)

    @property
    def address(self) -> str:
        """The URL of the dashboard."""
        try:
            return self.config.server.home(self.bind)
        except ValueError:
            return f"unix:{self.bind.path}"

    @property
    def url(self) -> str:
        """The URL that opens a dashboard; with the token gate it also logs in."""
        is_token = isinstance(self.services.gate, TokenGate)
        return f"{self.address}#token={self.token.reveal()}" if is_token else self.address

    async def stop(self) -> None:
        """Stop in this order, within ``drain``: not ready and no new terminals, tell and end those that
        are open, stop the streams, close connections, hosts, records, registry. Idempotent.

        A listener of its own answers probes, as not ready, until everything is told.
        """
        self._begun = True
        for server in self._servers[:1]:
            server.stop()
        await self.attacher.drain(float(self.config.server.drain))
        for stream in tuple(self.services.streams):
            stream.stop()
        for server in self._servers:
            server.stop()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2):
                    await server.close_all_connections()
        self._servers.clear()
        await self._tasks.close()
        await self.sweeper.close()
        await self.configured.close()
        self.metrics.stop()
        self.audit.close()
        await self.services.gate.close()
        await self.services.links.close()
        await self.elsewhere.close()
        await self.board.close()
        await self.registry.close()
        self._listening.close()


async def serve(service: Service, started: Callable[[], None]) -> None:
    """Run a service until SIGTERM or SIGINT, or its terminal is gone; a second signal ends it at once."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def signalled(number: int) -> None:
        if stop.is_set():
            log.warning("signal %s again: stopping at once", number)
            os._exit(1)
        log.info("signal %s: draining", number)
        tell("STOPPING=1")
        stop.set()

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Three for each terminal, one for each host, and a reload may bring as many hosts again; no more than
    # that, for the sessions that we start inherit the limit.
    config = service.config
    needed = min(hard, 512 + 4 * config.limits.attaches_global + 2 * len(config.hosts))
    if soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    terminals = [fd for fd in range(3) if os.isatty(fd)]

    def hung_up() -> None:
        # Who started it by hand and has gone means it no more; a terminal that hung up is none.
        if any(not os.isatty(fd) for fd in terminals):
            if not stop.is_set():
                signalled(signal.SIGHUP)
        else:
            service.reload()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, signalled, number)
    loop.add_signal_handler(signal.SIGHUP, hung_up)
    try:
        await service.start()
        started()
        tell("READY=1")
        await stop.wait()
    finally:
        await service.stop()
