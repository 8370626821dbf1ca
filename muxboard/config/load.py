"""Find, read and check the file. Everything that is wrong is reported at once, one line each."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import re
import stat
import tomllib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import msgspec

from muxboard.config import secrets
from muxboard.config.address import parse_jumps, valid_file, valid_hostname, valid_login
from muxboard.config.auth import check_auth
from muxboard.config.decode import decode
from muxboard.config.schema import BY_SOCKET, Config, Host, Loaded, Ssh
from muxboard.config.values import Bind, RegistryUrl

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MIN_INTERVAL_S, MAX_INTERVAL_S = 0.1, 86400.0  # shorter would be a busy loop
MIN_QUEUE_BYTES = 512 << 10
MAX_FILE_BYTES = 1 << 20
_FILE = 'must be an absolute path, or begin with "~/", of plain names'
_LOGIN_FIELDS = (
    "ssh_user",
    "key_file",
    "passphrase_env",
    "passphrase_file",
    "password_env",
    "password_file",
    "proxy_jump",
)
ETC = Path("/etc/muxboard/muxboard.toml")
SOCKET_SEGMENT = re.compile(r"[A-Za-z0-9._@%+=,-]{1,255}")


class ConfigError(Exception):
    """The configuration cannot be used. ``lines`` say why, each naming file, key path and reason."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


def wrong(loaded: Loaded, where: str, why: str) -> ConfigError:
    """Return the error that what a key path says cannot be had."""
    return ConfigError([f"{loaded.source or 'configuration'}: {where}: {why}"])


def find(explicit: str | None, environ: Mapping[str, str]) -> Path | None:
    """Return the file to read: ``-c``, ``$MUXBOARD_CONFIG``, ``./muxboard.toml``, the user's folder, /etc.

    What cannot be looked at is not there.
    """
    if named := explicit or environ.get("MUXBOARD_CONFIG"):
        return Path(named)
    home = environ.get("XDG_CONFIG_HOME") or os.path.join(environ.get("HOME", "/"), ".config")  # noqa: PTH118
    for path in (Path("muxboard.toml"), Path(home) / "muxboard" / "muxboard.toml", ETC):
        if os.path.isfile(path):  # noqa: PTH113  Path.is_file raises where it may not look
            return path
    return None


def _refuse_strangers(path: Path, found: os.stat_result) -> None:
    """Whoever writes it says what runs and where secrets go: one that was come upon is ours or root's."""
    why = ""
    if found.st_uid not in {0, os.geteuid()}:
        why = f"belongs to another user (uid {found.st_uid})"
    elif found.st_mode & stat.S_IWOTH:
        why = "can be written by everybody"
    if why:
        raise ConfigError([f"{path.absolute()}: {why}: if you mean this file, name it with -c"])


def load(explicit: str | None, environ: Mapping[str, str], *, bind: str | None = None) -> Loaded:
    """Return the checked configuration.

    Args:
        explicit: The file named with ``-c``.
        environ: ``MUXBOARD_*`` override the file.
        bind: Overrides both (``--bind``).

    Raises:
        ConfigError: With every error of the file at once.
    """
    path = find(explicit, environ)
    data: dict[str, Any] = {}
    if path is not None:
        # In /etc only root can put one.
        named = explicit or environ.get("MUXBOARD_CONFIG") or path == ETC
        data = _read(path, come_upon=not named)
    errors = _passwords(data)
    _override(data, environ, bind)
    loaded = _checked(data, environ, str(path or ""), errors)
    return msgspec.structs.replace(loaded, bind=bind)


def checked(data: dict[str, Any], environ: Mapping[str, str]) -> Loaded:
    """Return the configuration that stands in a mapping, as in the file.

    Raises:
        ConfigError: With every error of it at once.
    """
    return _checked(data, environ, "", [])


def _checked(
    data: dict[str, Any], environ: Mapping[str, str], source: str, errors: list[tuple[str, str]]
) -> Loaded:
    config = decode(Config, data, "", errors)
    if not errors:
        _check(config, errors)
        check_auth(config, environ, errors)
    token = None if errors else secrets.token(config, environ, errors)
    keys = {} if errors else secrets.of_auth(config, environ, errors)
    logins = {} if errors else secrets.of_hosts(config, environ, errors)
    if errors:
        name = source or "configuration"
        raise ConfigError([f"{name}: {where}: {why}" for where, why in errors])
    return Loaded(
        config=config,
        source=source,
        token=token,
        log_level=environ.get("MUXBOARD_LOG_LEVEL", "INFO").upper(),
        secrets=logins,
        auth_secrets=keys,
    )


def _read(path: Path, *, come_upon: bool) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            if come_upon:
                _refuse_strangers(path, os.fstat(file.fileno()))
            text = file.read(MAX_FILE_BYTES + 1)
        if len(text) > MAX_FILE_BYTES:
            raise ConfigError([f"{path}: is larger than 1 MiB"])
        return tomllib.loads(text.decode())
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: is not UTF-8: byte {error.start}"]) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{path}: is not TOML: {error}"]) from error
    except RecursionError as error:
        raise ConfigError([f"{path}: is not TOML: nested too deeply"]) from error


def _passwords(data: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the errors of secrets in the file; the environment may say the same with one."""
    table = data.get("registry")
    url = table.get("url") if isinstance(table, dict) else None
    if isinstance(url, str):
        with contextlib.suppress(ValueError):  # said with all other errors
            if RegistryUrl.parse(url).secret:
                return [("registry.url", "holds a password: set MUXBOARD_REGISTRY_URL in its place")]
    return []


def _override(data: dict[str, Any], environ: Mapping[str, str], bind: str | None) -> None:
    for table, key, value in (
        ("server", "bind", bind or environ.get("MUXBOARD_BIND")),
        ("registry", "url", environ.get("MUXBOARD_REGISTRY_URL")),
    ):
        if value and isinstance(data.setdefault(table, {}), dict):
            data[table][key] = value


def _check(config: Config, errors: list[tuple[str, str]]) -> None:
    """What no single field can say."""
    _check_server(config, errors)
    errors.extend(
        (f"inventory.{name}", 'must be "100ms" to "1d"')
        for name in config.inventory.__struct_fields__
        if not MIN_INTERVAL_S <= getattr(config.inventory, name) <= MAX_INTERVAL_S
    )
    if config.auth.token.session == float("inf"):
        errors.append(("auth.token.session", 'must end, as "12h" does'))
    if config.limits.output_queue < MIN_QUEUE_BYTES:
        errors.append(("limits.output_queue", 'must be at least "512KiB": more than one window of output'))
    errors.extend(
        (f"grants[{index}]", "needs principals or groups")
        for index, grant in enumerate(config.grants)
        if not grant.principals and not grant.groups
    )
    _check_ssh(config.ssh, errors)
    _check_hosts(config.hosts, errors)


def _check_ssh(ssh: Ssh, errors: list[tuple[str, str]]) -> None:
    errors.extend((f"ssh.{name}", why) for name, why in _wrong_in_key(ssh))
    if not ssh.known_hosts:
        errors.append(("ssh.known_hosts", "must name a file: without host keys no host can be trusted"))
    errors.extend(
        (f"ssh.known_hosts[{index}]", _FILE)
        for index, path in enumerate(ssh.known_hosts)
        if not valid_file(path)
    )


def _check_server(config: Config, errors: list[tuple[str, str]]) -> None:
    server = config.server
    if not server.bind.loopback and config.auth.gate is None:
        errors.append(
            ("auth.gate", f'must be named when server.bind ({server.bind}) is not loopback: gate = "token"')
        )
    if server.metrics_bind:
        try:
            Bind.parse(server.metrics_bind)
        except ValueError as error:
            errors.append(("server.metrics_bind", f"must {error}"))
    for index, cidr in enumerate(server.trusted_proxies):
        try:
            if cidr != BY_SOCKET:
                ipaddress.ip_network(cidr)
        except ValueError:
            must = f'must be a CIDR such as "10.0.0.0/8", or "{BY_SOCKET}"'
            errors.append((f"server.trusted_proxies[{index}]", must))
    errors.extend(
        (f"server.{name}[{index}]", 'must be an origin such as "https://ops.example.com"')
        for name in ("allowed_origins", "frame_ancestors")
        for index, origin in enumerate(getattr(server, name))
        if not re.fullmatch(r"https?://[A-Za-z0-9.\[\]:_-]+", origin)
    )


def _check_hosts(hosts: list[Host], errors: list[tuple[str, str]]) -> None:
    seen: dict[str, int] = {}
    for index, host in enumerate(hosts):
        where = f"hosts[{index}]"
        if (first := seen.setdefault(host.key, index)) != index:
            errors.append((f"{where}.key", f"{host.key} is taken by hosts[{first}]"))
        errors.extend((f"{where}.{name}", why) for name, why in _wrong_in_login(host))
        if host.tmux_socket and host.tmux_socket_file:
            errors.append((f"{where}.tmux_socket_file", "cannot be given together with tmux_socket"))
        if host.tmux_socket and not valid_socket_path(host.tmux_socket):
            errors.append((f"{where}.tmux_socket", "must be an absolute path of plain names"))
        if host.tmux_socket_file and not host.tmux_socket_file.startswith("/"):
            errors.append((f"{where}.tmux_socket_file", "must be an absolute path"))
        for name in ("tmux_users", "session_order"):
            values = getattr(host, name)
            if len(set(values)) != len(values):
                errors.append((f"{where}.{name}", "holds a name twice"))


def _wrong_in_login(host: Host) -> Iterator[tuple[str, str]]:
    """Yield field and reason for what is wrong in how a host is reached."""
    if host.local:
        for name in _LOGIN_FIELDS:
            if getattr(host, name):
                yield name, "cannot be given for a local host"
        return
    if not host.hostname:
        yield "hostname", "is required unless local = true"
    elif not valid_hostname(host.hostname):
        yield "hostname", 'must be a host name or an address, such as "web1.internal" or "2001:db8::1"'
    if host.ssh_user and not valid_login(host.ssh_user):
        yield "ssh_user", "must be a login name of letters, digits and . _ @ + -"
    yield from _wrong_in_key(host)
    try:
        parse_jumps(host.proxy_jump)
    except ValueError as error:
        yield "proxy_jump", f"must {error}"


def _wrong_in_key(table: Host | Ssh) -> Iterator[tuple[str, str]]:
    if table.key_file and not valid_file(table.key_file):
        yield "key_file", _FILE
    if (table.passphrase_env or table.passphrase_file) and not table.key_file:
        yield "key_file", "must be given with a passphrase"
    if isinstance(table, Host) and table.key_file and (table.password_env or table.password_file):
        yield "key_file", "cannot be given together with a password"


def valid_socket_path(path: str) -> bool:
    """Whether a tmux socket path is absolute, of plain names, and can be a socket's address at all."""
    parts = PurePosixPath(path).parts
    return (
        path.startswith("/")
        and not path.startswith("//")
        and path == "/" + "/".join(parts[1:])
        and len(path.encode()) <= 107  # noqa: PLR2004  sun_path holds 108 bytes with its NUL
        and len(parts) > 1
        and all(SOCKET_SEGMENT.fullmatch(part) and part not in {".", ".."} for part in parts[1:])
    )
