"""Where ssh goes: host names, logins and jumps, taken more strictly than ssh would take them."""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import NamedTuple

# A leading dash would be an option of ssh; "%", "$" and quotes mean something to it.
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]{0,63}\$?")
_PLACE = re.compile(r"(\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[^:\[\]]+))(:(?P<port>.+))?")
_PATH = re.compile(r"(~|(~?/[A-Za-z0-9._@+=,:-]+)+)")
MAX_HOPS = 8


class Hop(NamedTuple):
    """One machine on the way: the login user ("" = the service's own), name or address, and port."""

    user: str
    hostname: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.hostname}]" if ":" in self.hostname else self.hostname
        return f"{self.user}@{host}:{self.port}" if self.user else f"{host}:{self.port}"


def valid_hostname(text: str) -> bool:
    """Whether a text is a host name of plain labels, or an address as it is usually written.

    Other spellings of an address (``127.1``, ``0:0:0:0:0:0:0:1``) are refused: ssh and we would look for
    its key under different names.
    """
    if len(text) > 253:  # noqa: PLR2004  DNS
        return False
    labels = text.removesuffix(".").split(".")
    if ":" in text or re.fullmatch(r"[0-9]+|0[xX][0-9A-Fa-f]*", labels[-1]):
        try:
            packed = ipaddress.ip_address(text).packed
        except ValueError:
            return False
        family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6  # noqa: PLR2004
        return socket.inet_ntop(family, packed) == text.lower()  # as ssh writes it
    return all(_LABEL.fullmatch(label) for label in labels)


def valid_login(text: str) -> bool:
    """Whether a text can be a login name: no leading dash, and nothing that a shell or ssh expands."""
    return bool(_USER.fullmatch(text))


def valid_file(text: str) -> bool:
    """Whether a path is absolute or begins with ``~/``, of plain names with nothing that ssh expands."""
    return bool(_PATH.fullmatch(text))


def _valid_port(text: str) -> bool:
    return bool(re.fullmatch(r"[1-9][0-9]{0,4}", text, re.ASCII)) and int(text) <= 65535  # noqa: PLR2004


def parse_jumps(text: str) -> tuple[Hop, ...]:
    """Return the hops of ``user@host:port[,…]``; user and port can be left out, IPv6 stands in brackets.

    Raises:
        ValueError: With what the text must be.
    """
    hops = []
    for part in text.split(",") if text else ():
        user, at, place = part.strip().rpartition("@")
        match = _PLACE.fullmatch(place)
        name, port = (match["six"] or match["name"], match["port"] or "22") if match else ("-", "")
        if (at and not valid_login(user)) or not valid_hostname(name) or not _valid_port(port):
            raise ValueError(f'be "user@host:port[,…]": {part.strip()!r} is not')
        hops.append(Hop(user, name, int(port)))
    if len(hops) > MAX_HOPS:
        raise ValueError(f"be at most {MAX_HOPS} hops")
    return tuple(hops)
