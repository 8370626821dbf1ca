"""Values as people write them in the file: durations, sizes, rates, addresses, secrets."""

from __future__ import annotations

import hmac
import ipaddress
import re
from decimal import Decimal
from typing import Any, Self
from urllib.parse import urlsplit, urlunsplit

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_WINDOWS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


class Duration(float):
    """Seconds, written with a unit: ``"250ms"``, ``"60s"``, ``"6h"``; ``""`` means never (infinity)."""

    __slots__ = ()
    must = 'be a duration with a unit, such as "250ms", "60s", "10m", "6h" or "1d"'

    @classmethod
    def parse(cls, text: str) -> Self:
        if text == "":
            return cls("inf")
        match = re.fullmatch(r"(\d+(?:\.\d+)?) *(ms|s|m|h|d)", text, re.ASCII)
        if match is None:
            raise ValueError(cls.must)
        return cls(float(match[1]) * _SECONDS[match[2]])

    def __str__(self) -> str:
        if self == float("inf"):
            return ""
        for unit in ("d", "h", "m", "s", "ms"):
            count = round(self / _SECONDS[unit])
            if count >= 1 and count * _SECONDS[unit] == self:
                return f"{count}{unit}"
        return f"{Decimal(repr(float(self))):f}s"


class Size(int):
    """Bytes, written with a unit: ``"512KiB"``, ``"4MiB"``."""

    __slots__ = ()
    must = 'be a size with a unit, such as "512KiB" or "4MiB"'

    @classmethod
    def parse(cls, text: str) -> Self:
        match = re.fullmatch(r"(\d+) *(B|KiB|MiB|GiB)?", text, re.ASCII)
        if match is None:
            raise ValueError(cls.must)
        return cls(int(match[1]) * _BYTES[match[2] or ""])

    def __str__(self) -> str:
        for unit in ("GiB", "MiB", "KiB"):
            if self >= _BYTES[unit] and self % _BYTES[unit] == 0:
                return f"{self // _BYTES[unit]}{unit}"
        return f"{int(self)}B"


class Rate:
    """So many times in so many seconds, written ``"20/minute"``."""

    __slots__ = ("count", "seconds")
    must = 'be a rate such as "20/minute"'

    def __init__(self, count: int, seconds: int) -> None:
        self.count = count
        self.seconds = seconds

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rate) and (self.count, self.seconds) == (other.count, other.seconds)

    def __hash__(self) -> int:
        return hash((self.count, self.seconds))

    @classmethod
    def parse(cls, text: str) -> Self:
        match = re.fullmatch(r"(\d+) */ *(second|minute|hour|day)", text, re.ASCII)
        if match is None or int(match[1]) < 1:
            raise ValueError(cls.must)
        return cls(int(match[1]), _WINDOWS[match[2]])

    def __str__(self) -> str:
        unit = next(name for name, seconds in _WINDOWS.items() if seconds == self.seconds)
        return f"{self.count}/{unit}"


class Bind:
    """A listening address: ``"127.0.0.1:8765"``, ``"[::1]:8765"`` or ``"unix:/run/muxboard/http.sock"``."""

    __slots__ = ("host", "path", "port")
    must = 'be "ADDRESS:PORT", "[IPV6]:PORT" or "unix:/ABSOLUTE/PATH"'

    def __init__(self, host: str, port: int, path: str = "") -> None:
        self.host = host
        self.port = port
        self.path = path

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bind) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    @classmethod
    def parse(cls, text: str) -> Self:
        if text.startswith("unix:"):
            path = text.removeprefix("unix:")
            if not path.startswith("/") or "\0" in path:
                raise ValueError(cls.must)
            return cls("", 0, path)
        host, colon, port = text.rpartition(":")
        if not colon or not re.fullmatch(r"\d{1,5}", port, re.ASCII) or int(port) > 65535:  # noqa: PLR2004
            raise ValueError(cls.must)
        if host.startswith("[") and host.endswith("]"):
            host = str(_address(host[1:-1], cls.must))
        elif host != "localhost":
            host = str(_address(host, cls.must))
        return cls(host, int(port))

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return bool(self.path) or loopback(self.host)

    @property
    def url_host(self) -> str:
        """The host as it stands in a URL; a wildcard address is reached by loopback."""
        if self.host == "localhost":
            return self.host
        address = ipaddress.ip_address(self.host)
        if address.is_unspecified:
            return "127.0.0.1" if address.version == 4 else "[::1]"  # noqa: PLR2004
        return f"[{address}]" if address.version == 6 else str(address)  # noqa: PLR2004

    def __str__(self) -> str:
        if self.path:
            return f"unix:{self.path}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class RegistryUrl:
    """Where counts and leases live; as text, without the password that it may hold."""

    __slots__ = ("_text",)
    must = 'be "memory://", "redis://HOST:PORT/DB", "rediss://…" (TLS) or "unix:///PATH?db=DB"'

    def __init__(self, text: str) -> None:
        self._text = text

    @classmethod
    def parse(cls, text: str) -> Self:
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            raise ValueError(cls.must) from None
        place = parts.path if parts.scheme == "unix" else parts.hostname
        redis = parts.scheme in {"redis", "rediss", "unix"} and place and port != 0
        if text != "memory://" and not redis:
            raise ValueError(cls.must)
        return cls(text)

    @property
    def shared(self) -> bool:
        """Whether other processes count there too."""
        return self._text != "memory://"

    @property
    def secret(self) -> bool:
        """Whether it holds a password."""
        parts = urlsplit(self._text)
        return bool(parts.password) or "password=" in parts.query

    def reveal(self) -> str:
        """The whole of it."""
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RegistryUrl) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __str__(self) -> str:
        if not self.shared:
            return self._text
        parts = urlsplit(self._text)
        place = parts.netloc.rpartition("@")[2]
        shown = f"********@{place}" if parts.password else place
        return urlunsplit((parts.scheme, shown, parts.path, "", ""))

    __repr__ = __str__


class Secret:
    """A secret whose repr is stars; ``reveal`` is the one way to read it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash(self._text)

    def __repr__(self) -> str:
        return "********"


def loopback(host: str) -> bool:
    """Whether a host, as it stands in a URL or an address, is this machine alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _address(text: str, must: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        raise ValueError(must) from None


def decode_value(kind: type, value: Any) -> Any:
    """Msgspec's hook for the types above. Raises ``ValueError`` with what the value must be."""
    must: str = getattr(kind, "must", "be valid")
    if not isinstance(value, str):
        raise ValueError(must)  # noqa: TRY004  msgspec turns only ValueError into a path and reason
    return kind.parse(value)  # type: ignore[attr-defined]
