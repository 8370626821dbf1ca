"""Secrets, which never stand in the file: each is named by ``…_env`` or ``…_file``."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

from muxboard.config.schema import HostSecrets
from muxboard.config.values import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from msgspec import Struct

    from muxboard.config.schema import Config

MIN_TOKEN_CHARS = 16
MIN_KEY_CHARS = 32  # of HS256: as long as its hash
MAX_SECRET_BYTES = 1 << 16


def token(config: Config, environ: Mapping[str, str], errors: list[tuple[str, str]]) -> Secret | None:
    """Return the configured token; None where a fresh one is to be made, or after an error."""
    found: Secret | None
    if environ.get("MUXBOARD_TOKEN"):
        where, found = "MUXBOARD_TOKEN", Secret(environ["MUXBOARD_TOKEN"])
    else:
        where = f"auth.token.token_{'env' if config.auth.token.token_env else 'file'}"
        found = _secret(config.auth.token, "auth.token", "token", environ, errors)
    if found is not None and not errors and len(found.reveal()) < MIN_TOKEN_CHARS:
        errors.append((where, f"must hold at least {MIN_TOKEN_CHARS} characters"))
    return found


def of_auth(config: Config, environ: Mapping[str, str], errors: list[tuple[str, str]]) -> dict[str, Secret]:
    """Return the secrets of ``[auth]`` that are given, by the path of their table."""
    auth = config.auth
    tables = {"auth.cookie": auth.cookie, "auth.links": auth.links}
    tables |= {f"auth.jwt[{index}]": provider for index, provider in enumerate(auth.jwt)}
    found = {}
    for path, table in tables.items():
        secret = _secret(table, path, "secret", environ, errors)
        if secret is not None:
            found[path] = secret
            if path != "auth.cookie" and len(secret.reveal()) < MIN_KEY_CHARS and secret.reveal():
                errors.append((f"{path}.secret_env", f"must hold at least {MIN_KEY_CHARS} characters"))
    return found


def of_hosts(
    config: Config, environ: Mapping[str, str], errors: list[tuple[str, str]]
) -> dict[str, HostSecrets]:
    """Return what logs in to each host that is not local, by its key."""
    default = _secret(config.ssh, "ssh", "passphrase", environ, errors)
    found = {}
    for index, host in enumerate(config.hosts):
        passphrase = _secret(host, f"hosts[{index}]", "passphrase", environ, errors)
        password = _secret(host, f"hosts[{index}]", "password", environ, errors)
        if not host.local:
            own = bool(host.key_file)
            found[host.key] = HostSecrets(password, passphrase if own else default)
    return found


def _secret(
    table: Struct, path: str, name: str, environ: Mapping[str, str], errors: list[tuple[str, str]]
) -> Secret | None:
    """Read a secret that is named by ``…_env`` or ``…_file``; None where neither is given."""
    variable, file = getattr(table, f"{name}_env"), getattr(table, f"{name}_file")
    if variable and file:
        errors.append((f"{path}.{name}_file", f"cannot be given together with {name}_env"))
        return None
    if variable and not environ.get(variable):
        errors.append((f"{path}.{name}_env", f"the environment variable {variable} is not set"))
    if variable:
        return Secret(environ.get(variable, ""))
    if not file:
        return None
    try:
        return Secret(read_secret_file(os.path.expanduser(file)))  # noqa: PTH111
    except ValueError as error:
        errors.append((f"{path}.{name}_file", str(error)))
        return None


def read_secret_file(path: str) -> str:
    """Return a secret file's content without the final newline. ``ValueError`` says why it cannot be used."""
    try:
        with open(path, encoding="utf-8", opener=_at_once) as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise ValueError(f"{path} is not a plain file")
            if mode & stat.S_IRWXO:
                raise ValueError(f"{path} can be read by others: chmod o= {path}")
            return file.read(MAX_SECRET_BYTES).rstrip("\r\n")
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8") from error


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe would wait for its writer
