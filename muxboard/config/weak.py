"""Settings that are valid and weak: what a security reviewer would ask about, each with its remedy."""

from __future__ import annotations

import ipaddress
import os
import re
import shutil
import stat
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from muxboard.config import weak_auth as gates
from muxboard.config.schema import BY_SOCKET
from muxboard.config.values import Bind, loopback
from muxboard.config.weakness import Weak

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from muxboard.config.schema import Config, Host, Loaded, Server
    from muxboard.config.values import RegistryUrl

WIDEST_PROXIES = {4: 8, 6: 16}  # prefix lengths: beyond a provider's own network it is everybody
LONGEST_LOGIN_S = 86400
MOST_FAILURES_PER_S = 100 / 60
MIN_TOKEN_LETTERS = 10  # different ones; a random token of 32 hex digits has about 14
SHORTEST_INTERVAL_S = 0.5
MOST_COMMANDS_PER_S = 250  # sudo writes a log line for each
NAMED_HOSTS = 3  # of those that share a weakness


# Gates that let in only the operator's own people: without grants they are admin.
_WITHOUT_GRANTS: dict[str | None, str] = {
    None: "Nobody is granted anything, so whoever has the token is admin on every host.",
    "token": "Nobody is granted anything, so whoever has the token is admin on every host.",
    "cookie": "Nobody is granted anything, so whoever logs in to the other application is admin everywhere.",
    "none": "Nobody is granted anything, so everybody is admin on every host.",
}


def settings(loaded: Loaded, environ: Mapping[str, str]) -> list[Weak]:
    """Return what is weak in a checked configuration. Looks at the modes of the files that it names."""
    config = loaded.config
    return [
        *_server(config.server),
        *_registry(config.registry.url),
        *_auth(loaded),
        *gates.settings(config),
        *_grants(loaded),
        *_hosts(config),
        *_load(config),
        *_audit(loaded),
        *_files(loaded, environ),
        *_programs(config, environ),
    ]


def _server(server: Server) -> Iterator[Weak]:
    public = urlsplit(server.public_url)
    if not server.bind.loopback and not (server.trusted_proxies and public.scheme == "https"):
        yield Weak(
            "server.bind",
            f"{server.bind} is reached from other machines, and no TLS stands before it: "
            "tokens and keystrokes can be read on the way.",
            "Bind to 127.0.0.1 behind a proxy with TLS; name it in trusted_proxies and its https URL "
            "in public_url.",
        )
    if public.scheme == "http" and not loopback(public.hostname or ""):
        yield Weak(
            "server.public_url",
            "People come by plain http: tokens, cookies and keystrokes can be read on the way.",
            f'Put TLS before it: public_url = "https{server.public_url[4:]}"',
        )
    for name in ("allowed_origins", "frame_ancestors"):
        for index, origin in enumerate(getattr(server, name)):
            where = urlsplit(origin)
            if where.scheme == "http" and not loopback(where.hostname or ""):
                yield Weak(
                    f"server.{name}[{index}]",
                    f"{origin} is plain http: whoever stands in between can put a page of theirs there.",
                    f"https{origin[4:]}",
                )
    yield from _proxies(server)
    if server.metrics_bind and not Bind.parse(server.metrics_bind).loopback:
        yield Weak(
            "server.metrics_bind",
            f"{server.metrics_bind} tells host names and session counts to whoever reaches it, "
            "without a login.",
            "Bind to 127.0.0.1, or let only the monitoring through the firewall.",
        )


def _proxies(server: Server) -> Iterator[Weak]:
    if server.bind.path and not server.trusted_by_socket:
        yield Weak(
            "server.trusted_proxies",
            "Who comes by a Unix socket has no address: all clients share one rate of failed logins, and no "
            "audit line says where they came from.",
            'trusted_proxies = ["unix"], with a proxy that sets X-Forwarded-For',
        )
    for index, cidr in enumerate(server.trusted_proxies):
        if cidr == BY_SOCKET:
            continue
        network = ipaddress.ip_network(cidr)
        if network.prefixlen < WIDEST_PROXIES[network.version]:
            yield Weak(
                f"server.trusted_proxies[{index}]",
                f"{cidr} is nearly everybody: any client may say what its address is, and so is never "
                "limited or named rightly in the audit log.",
                "Name the proxy's own address.",
            )


def _registry(url: RegistryUrl) -> Iterator[Weak]:
    if not url.shared:
        return
    parts = urlsplit(url.reveal())
    if parts.scheme == "redis" and not loopback(parts.hostname or ""):
        yield Weak(
            "registry.url",
            "Redis is asked without TLS: its password and the key of logins can be read on the way.",
            "rediss:// in place of redis://, unless that network is yours alone",
        )
    if parse_qs(parts.query).get("ssl_cert_reqs", ["required"])[0] != "required":
        yield Weak(
            "registry.url",
            "Whoever answers in Redis's place is believed: its certificate is not checked.",
            "Take ssl_cert_reqs out; name an authority of your own by ssl_ca_certs=FILE",
        )


def _auth(loaded: Loaded) -> Iterator[Weak]:
    config, make = loaded.config, "(umask 077; openssl rand -hex 32 > token)"
    by_token = config.auth.gate in {None, "token"}
    if by_token and loaded.token is None and (not config.server.bind.loopback or config.server.public_url):
        yield Weak(
            "auth.token",
            "There is a fresh token at each start, which is printed into the service's log.",
            f"Make one and name it in token_file: {make}",
        )
    elif by_token and loaded.token is not None and len(set(loaded.token.reveal())) < MIN_TOKEN_LETTERS:
        yield Weak("auth.token", "The token looks as if it could be guessed.", f"Make another: {make}")
    if by_token and config.auth.token.session > LONGEST_LOGIN_S:
        yield Weak(
            "auth.token.session",
            f"A browser's login is good for {config.auth.token.session}: as long as a stolen cookie is.",
            'session = "12h"',
        )
    rate = config.limits.login_failures
    if rate.count / rate.seconds > MOST_FAILURES_PER_S:
        yield Weak(
            "limits.login_failures", f"{rate} leaves room for guessing.", 'login_failures = "20/minute"'
        )
    if config.limits.lifetime == float("inf"):
        yield Weak(
            "limits.lifetime",
            "A terminal that is left open never ends.",
            'lifetime = "6h"; the session in it goes on',
        )


def _grants(loaded: Loaded) -> Iterator[Weak]:
    if not loaded.config.grants and loaded.source:
        yield Weak(
            "grants",
            _WITHOUT_GRANTS.get(
                loaded.config.auth.gate, "Nobody is granted anything, so nobody sees anything."
            ),
            "[[grants]] with principals, role, hosts and users",
        )
    for index, grant in enumerate(loaded.config.grants):
        if grant.role != "viewer" and "*" in grant.principals and "*" in grant.hosts and "*" in grant.users:
            yield Weak(
                f"grants[{index}]",
                f"Everybody is {grant.role} for every user of every host.",
                "Name principals, hosts or users.",
            )


def _hosts(config: Config) -> Iterator[Weak]:
    """What several hosts have in common is one line."""
    found: dict[tuple[str, str, str], list[int]] = {}
    for index, host in enumerate(config.hosts):
        for each in _host(host):
            found.setdefault(each, []).append(index)
    if config.ssh.host_keys == "accept-new" and any(not host.local for host in config.hosts):
        yield Weak("ssh.host_keys", *_ACCEPT_NEW)
    for (name, problem, remedy), places in found.items():
        keys = [config.hosts[place].key for place in places]
        more = len(keys) - NAMED_HOSTS
        which = ", ".join(keys[:NAMED_HOSTS]) + (f" and {more} more" if more > 0 else "")
        yield Weak(f"hosts[{places[0]}].{name}", f"{which}: {problem}", remedy)


_ACCEPT_NEW = (
    "The first key that a host shows is believed, whoever shows it.",
    'host_keys = "strict"; ssh-keyscan new hosts and compare the fingerprints on the hosts themselves',
)


def _host(host: Host) -> Iterator[tuple[str, str, str]]:
    if host.host_keys == "accept-new":
        yield "host_keys", *_ACCEPT_NEW
    if host.ssh_user == "root":
        yield (
            "ssh_user",
            "The login is root's, so whoever takes this service over has the host.",
            "A user of its own there, and a sudoers line for tmux alone.",
        )
    elif "root" in host.tmux_users:
        yield (
            "tmux_users",
            "root's tmux is a root shell for everybody who may control it.",
            "Leave root out, or grant it by name: [[grants]] users.",
        )
    if host.password_env or host.password_file:
        yield (
            "password_env" if host.password_env else "password_file",
            "The login is by a password, which the host gets to see.",
            "ssh-keygen -t ed25519, ssh-copy-id, and key_file",
        )


def _load(config: Config) -> Iterator[Weak]:
    inventory = config.inventory
    users = sum(max(1, len(host.tmux_users)) for host in config.hosts)
    for name in ("interval", "watched_interval"):
        seconds = float(getattr(inventory, name))
        if seconds < SHORTEST_INTERVAL_S or users / seconds > MOST_COMMANDS_PER_S:
            better = max(SHORTEST_INTERVAL_S, users / MOST_COMMANDS_PER_S)
            yield Weak(
                f"inventory.{name}",
                f"{getattr(inventory, name)} for {users} tmux users on {len(config.hosts)} hosts is "
                f"{users / seconds:.0f} commands a second, and sudo logs each.",
                f'{name} = "{max(1, round(better + 0.4))}s" or more',
            )


def _audit(loaded: Loaded) -> Iterator[Weak]:
    audit = loaded.config.audit
    if not audit.path and loaded.source:
        yield Weak(
            "audit.path",
            "Audit lines go to the service's log, and are kept as long as that is.",
            'path = "/var/log/muxboard/audit.jsonl"',
        )
    if audit.on_failure == "continue":
        yield Weak(
            "audit.on_failure",
            "Terminals open also while nothing records them.",
            'on_failure = "refuse"',
        )


def _files(loaded: Loaded, environ: Mapping[str, str]) -> Iterator[Weak]:
    home = environ.get("HOME") or os.path.expanduser("~")  # noqa: PTH111
    for file, where in _secret_files(loaded.config).items():
        mode, mine = _mode(_at_home(file, home))
        # root's file that our group may read is how a secret is handed to a service.
        if mine and mode & stat.S_IRWXG:
            yield Weak(where, f"{file} can be read by its group.", f"chmod 600 {file}")
    deciding = {loaded.source: "chooses the hosts and who may do what"}
    deciding |= dict.fromkeys(loaded.config.ssh.known_hosts, "chooses which hosts are believed")
    deciding |= {loaded.config.audit.path: "changes what was recorded"}
    deciding |= dict.fromkeys(gates.key_files(loaded.config), "chooses whose tokens are believed")
    for file, what in deciding.items():
        mode, _ = _mode(_at_home(file, home))
        if mode & (stat.S_IWGRP | stat.S_IWOTH):
            yield Weak(file, f"Others may write to it, and whoever does {what}.", f"chmod go-w {file}")


def _secret_files(config: Config) -> dict[str, str]:
    """Return where each file of a secret is named first."""
    auth = config.auth
    tables = {
        "auth.token": auth.token,
        "auth.cookie": auth.cookie,
        "auth.links": auth.links,
        "ssh": config.ssh,
    }
    tables |= {f"auth.jwt[{index}]": provider for index, provider in enumerate(auth.jwt)}
    tables |= {f"hosts[{index}]": host for index, host in enumerate(config.hosts)}
    found: dict[str, str] = {}
    for path, table in tables.items():
        for name in ("token_file", "secret_file", "passphrase_file", "password_file"):
            if file := getattr(table, name, ""):
                found.setdefault(file, f"{path}.{name}")
    return found


def _at_home(file: str, home: str) -> str:
    return re.sub(r"^~(?=/|$)", lambda _: home, file)


def _mode(file: str) -> tuple[int, bool]:
    """Return a file's mode, 0 where it cannot be looked at, and whether it is ours."""
    try:
        found = os.stat(file)  # noqa: PTH116
    except OSError:
        return 0, False
    return found.st_mode, found.st_uid == os.geteuid()


def _programs(config: Config, environ: Mapping[str, str]) -> Iterator[Weak]:
    remote = any(not host.local for host in config.hosts)
    local = any(host.local for host in config.hosts)
    if local and shutil.which("tmux", path=environ.get("PATH")) is None:
        yield Weak("tmux", "tmux is not installed here, and a host is this machine.", "apt-get install tmux")
    if remote and shutil.which("ssh", path=environ.get("PATH")) is None:
        yield Weak(
            "ssh",
            "OpenSSH's ssh is not installed here, so every terminal logs in anew.",
            "apt-get install openssh-client",
        )
