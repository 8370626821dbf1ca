"""argv for OpenSSH's ssh, purely. Nothing here comes from ~/.ssh/config: paramiko would not read it."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from muxboard.config.address import Hop
    from muxboard.hosts.ssh.attempt import Trust
    from muxboard.hosts.ssh.login import Login

ASKPASS_SINCE = (8, 4)  # SSH_ASKPASS_REQUIRE; before it ssh would ask on the terminal
ALIVE_S, ALIVE_MAX = 5, 3
LOST = 255  # ssh's exit status for what went wrong with itself or its connection


class Destination(NamedTuple):
    """Where ssh goes, as whom, believing which keys; the jumps first to last."""

    hop: Hop
    login: Login
    trust: Trust
    jumps: tuple[tuple[Hop, Login], ...]
    timeout_s: float


def version(said: str) -> tuple[int, int] | None:
    """Return the version in what ``ssh -V`` printed; None when it is not OpenSSH."""
    match = re.match(r"OpenSSH_(?:for_Windows_)?(\d+)\.(\d+)", said)
    return (int(match[1]), int(match[2])) if match else None


def master(destination: Destination, control: str) -> list[str]:
    """Return argv of a master that runs nothing itself."""
    mine = ["-N", "-T", "-o", "ControlMaster=yes", *_control(control)]
    return ["ssh", *_options(destination), *mine, *_place(destination)]


def attach(destination: Destination, argv: Sequence[str], control: str = "") -> list[str]:
    """Return argv that runs a command of the host on our PTY.

    Args:
        destination: Where.
        argv: Of validated words: each is put in single quotes, which every login shell takes.
        control: A master's socket; "" = a connection of its own. Should the master have gone, ssh makes
            its own connection as well.
    """
    mine = ["-tt", "-o", "ControlMaster=no", *_control(control)]
    return ["ssh", *_options(destination), *mine, *_place(destination), remote(argv)]


def check(destination: Destination, control: str) -> list[str]:
    """Return argv that asks a master whether it is alive."""
    return ["ssh", "-F", "none", *_control(control), "-O", "check", "--", destination.hop.hostname]


def remote(argv: Sequence[str]) -> str:
    """Return a command for whatever login shell there is.

    Raises:
        ValueError: A word holds what some shell would take apart even in single quotes.
    """
    for word in argv:
        if re.search(r"['\\!\x00-\x1f\x7f]", word):
            raise ValueError(f"not a plain word: {word!r}")
    return "exec " + " ".join(shlex.quote(word) for word in argv)


def secrets(destination: Destination) -> Mapping[str, str]:
    """Return how ssh's questions begin → the secret that answers."""
    found: dict[str, str] = {}
    for hop, login in (*destination.jumps, (destination.hop, destination.login)):
        if login.password is not None:
            who = f"{login.user}@{hop.hostname}"
            found[f"{who}'s password:"] = found[f"({who}) Password:"] = login.password.reveal()
        if login.passphrase is not None:
            found[f"Enter passphrase for key '{login.key_file[:100]}'"] = login.passphrase.reveal()
    return found


def _control(path: str) -> list[str]:
    return ["-o", f"ControlPath={path or 'none'}", "-o", "ControlPersist=no"]


def _place(destination: Destination) -> list[str]:
    hop = destination.hop
    return ["-p", str(hop.port), "-l", destination.login.user, "--", hop.hostname]


def _options(destination: Destination) -> list[str]:
    login, trust = destination.login, destination.trust
    values = {
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": " ".join(f'"{path}"' for path in trust.files),
        "GlobalKnownHostsFile": "/dev/null",
        "UpdateHostKeys": "no",
        "VerifyHostKeyDNS": "no",
        "ConnectTimeout": str(max(1, round(destination.timeout_s))),
        "ConnectionAttempts": "1",
        "ServerAliveInterval": str(ALIVE_S),
        "ServerAliveCountMax": str(ALIVE_MAX),
        "EscapeChar": "none",
        "LogLevel": "ERROR",
        "ForwardAgent": "no",
        "ForwardX11": "no",
        "PermitLocalCommand": "no",
        **_login(login),
        "ProxyCommand": _proxy(destination),
    }
    return ["-F", "none", *(word for name, value in values.items() for word in ("-o", f"{name}={value}"))]


def _login(login: Login) -> dict[str, str]:
    if login.password is not None:
        return {
            "BatchMode": "no",
            "PubkeyAuthentication": "no",
            "PreferredAuthentications": "password,keyboard-interactive",
            "NumberOfPasswordPrompts": "1",
        }
    values = {
        "BatchMode": "no" if login.passphrase is not None else "yes",
        "PreferredAuthentications": "publickey",
        "NumberOfPasswordPrompts": "1",
    }
    if login.key_file:
        values |= {"IdentityFile": f'"{login.key_file}"', "IdentitiesOnly": "yes", "IdentityAgent": "none"}
    return values


def _proxy(destination: Destination) -> str:
    """Each jump is an ssh of our own making: ssh -J would read the user's configuration for it."""
    if not destination.jumps:
        return "none"
    *before, (hop, login) = destination.jumps
    jump = Destination(hop, login, destination.trust, tuple(before), destination.timeout_s)
    to = destination.hop
    target = f"[{to.hostname}]:{to.port}"
    words = ["ssh", *_options(jump), *_control(""), "-W", target, *_place(jump)]
    return shlex.join(words).replace("%", "%%")  # ssh puts "exec" before it
