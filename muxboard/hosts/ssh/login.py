"""What logs in where. Runs in a thread: paramiko waits."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
from typing import TYPE_CHECKING, NamedTuple

import paramiko
import paramiko.agent

from muxboard.hosts.tmux import printable
from muxboard.hosts.way import Unreached

if TYPE_CHECKING:
    from collections.abc import Iterator

    from muxboard.config.address import Hop
    from muxboard.config.values import Secret

# As ssh has them; what sshd counts against MaxAuthTries (6) is each key that is offered.
DEFAULT_KEYS = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")
MAX_KEYS = 5
AGENT_S = 2.0  # for the list of an agent's keys


class Login(NamedTuple):
    """Who logs in, and with what: a password, or a key file, or else the agent's keys and the default ones.

    ``agent`` is the agent's socket, "" where there is none.
    """

    user: str
    key_file: str = ""
    passphrase: Secret | None = None
    password: Secret | None = None
    agent: str = ""


def authenticate(transport: paramiko.Transport, login: Login, hop: Hop) -> None:
    """Log in, offering each thing once.

    Raises:
        Unreached: ``auth_failed``, with what was tried.
    """
    place = str(hop._replace(user=""))
    try:
        if login.password is not None:
            left = transport.auth_password(login.user, login.password.reveal())
            _whole(left, place)
            return
        tried = 0
        for key in _keys(login, place):
            tried += 1
            if _offer(transport, login, key, place):
                return
            if not transport.is_active():
                break  # MaxAuthTries: another offer would look like a broken connection, to be made again
    except paramiko.BadAuthenticationType as error:
        takes = printable(", ".join(error.allowed_types))[:200]
        with_what = "a password" if login.password is not None else "a key"
        raise Unreached(
            "auth_failed", f"{place} does not take {with_what} from {login.user}; it takes {takes}."
        ) from error
    except paramiko.AuthenticationException as error:
        raise Unreached(
            "auth_failed",
            f"{place} refused {login.user}'s password.",
            "Correct the password that password_env or password_file names.",
        ) from error
    if not tried:
        raise Unreached(
            "auth_failed",
            f"There is no key to log in to {place} with: no key_file, no agent, no default key.",
            "ssh-keygen -t ed25519, and name the file in key_file",
        )
    which = login.key_file or f"any of {tried} keys"
    raise Unreached(
        "auth_failed",
        f"{place} refused {login.user} with {which}.",
        f"ssh-copy-id {f'-i {login.key_file} ' if login.key_file else ''}"
        f"-p {hop.port} {login.user}@{hop.hostname}",
    )


def _offer(transport: paramiko.Transport, login: Login, key: paramiko.PKey, place: str) -> bool:
    try:
        _whole(transport.auth_publickey(login.user, key), place)
    except paramiko.BadAuthenticationType:
        raise
    except paramiko.AuthenticationException:
        return False
    return True


def _whole(left: list[str] | None, place: str) -> None:
    if left:
        takes = printable(", ".join(left))[:200]
        raise Unreached("auth_failed", f"{place} wants a second login step ({takes}); one is supported.")


def _keys(login: Login, place: str) -> Iterator[paramiko.PKey]:
    if login.key_file:
        yield load_key(login, place)
        return
    count = 0
    for key in _agent_keys(login.agent):
        count += 1
        if count > MAX_KEYS:
            return
        yield key
    for path in DEFAULT_KEYS:
        file = os.path.expanduser(path)  # noqa: PTH111
        if os.path.exists(file) and count < MAX_KEYS:  # noqa: PTH110
            try:
                key = load_key(login._replace(key_file=file), place)
            except Unreached:
                continue  # such as one with a passphrase: nobody named it
            count += 1
            yield key


def _agent_keys(path: str) -> Iterator[paramiko.PKey]:
    if not path:
        return
    agent = _Agent()
    try:
        with contextlib.suppress(OSError, paramiko.SSHException):
            agent.connect(path)
        yield from agent.get_keys()
    finally:
        agent.close()


class _Agent(paramiko.agent.AgentSSH):  # type: ignore[misc]
    """An agent at a socket of our choice, which is not waited for without end."""

    def connect(self, path: str) -> None:
        link = socket.socket(socket.AF_UNIX)
        try:
            link.settimeout(AGENT_S)
            link.connect(path)
            self._connect(link)
            link.settimeout(None)  # signing may wait for a finger
        except BaseException:
            link.close()
            raise

    def close(self) -> None:
        self._close()


def load_key(login: Login, place: str) -> paramiko.PKey:
    """Return the key of ``key_file``.

    Raises:
        Unreached: ``auth_failed``: it cannot be used.
    """
    path = login.key_file
    try:
        found = os.stat(path)  # noqa: PTH116
        if found.st_uid == os.geteuid() and found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise Unreached("auth_failed", f"The key {path} can be read by others.", f"chmod 600 {path}")
        secret = login.passphrase
        return paramiko.PKey.from_path(path, secret.reveal().encode() if secret else None)
    except OSError as error:
        raise Unreached("auth_failed", f"The key {path} cannot be read: {error.strerror}.") from error
    except (ValueError, TypeError, paramiko.SSHException) as error:
        if isinstance(error, TypeError) or login.passphrase is not None:
            why = "needs another passphrase" if login.passphrase else "needs a passphrase"
            remedy = "Name it by passphrase_env or passphrase_file."
        else:
            why, remedy = "is not a private key that can be used", f"ssh-keygen -y -f {path}"
        raise Unreached("auth_failed", f"The key {path} for {place} {why}.", remedy) from error
