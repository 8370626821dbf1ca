"""Where a request comes from, purely: its host, its scheme, its origin, its client's address."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from muxboard.config.schema import BY_SOCKET

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tornado.httputil import HTTPHeaders

    from muxboard.config.schema import Server

PAGE_HEADER = "Muxboard-Page"  # with "1" on each read of the page's own
SOCKET_PEER = "0.0.0.0"  # noqa: S104  what Tornado calls whoever comes by a Unix socket; nobody on TCP has it
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::(\d{1,5}))?", re.ASCII)


class Seen:
    """What is believed of one request.

    Attributes:
        host: The host as the client named it, lower case; "" when there is none or it is malformed.
        received: The Host header that came, which a proxy may have made its own.
        scheme: ``http`` or ``https``, as the browser sees it.
        client: The client's address.
        base_path: Below which everything of ours lives, from the configuration.
    """

    __slots__ = ("base_path", "client", "host", "received", "scheme")

    def __init__(self, host: str, received: str, scheme: str, client: str, base_path: str) -> None:
        self.base_path = base_path
        self.host = host
        self.received = received
        self.scheme = scheme
        self.client = client

    @property
    def network(self) -> str:
        """What failures are counted by: an IPv4 address, or the /64 in which an IPv6 client has them all."""
        try:
            address = ipaddress.ip_address(self.client)
        except ValueError:
            return self.client
        if address.version == 4:  # noqa: PLR2004
            return self.client
        return str(address.ipv4_mapped or ipaddress.ip_network(f"{address}/64", strict=False))


class Origins:
    """The hosts that the service answers to and the origins that it lets act."""

    def __init__(self, server: Server) -> None:
        self._public = public = urlsplit(server.public_url)
        self._hosts = {name.lower() for name in server.allowed_hosts} | LOOPBACK_NAMES
        if public.netloc:
            self._hosts.add(public.netloc.lower())
            self._hosts.add(_name(public.netloc.lower()))
        if server.bind.host and not ipaddress_unspecified(server.bind.host):
            self._hosts.add(server.bind.url_host)
        self._origins = {origin.lower() for origin in server.allowed_origins}
        if public.netloc:
            self._origins.add(f"{public.scheme}://{public.netloc}".lower())
        self._base_path = server.base_path
        self._by_socket = server.trusted_by_socket
        cidrs = (cidr for cidr in server.trusted_proxies if cidr != BY_SOCKET)
        self._proxies = [ipaddress.ip_network(cidr) for cidr in cidrs]

    def see(self, peer: str, scheme: str, headers: HTTPHeaders) -> Seen:
        """Return what is believed of a request; forwarding headers only from trusted proxies."""
        host = received = _one(headers.get_list("Host")).lower()
        if self.from_proxy(peer):
            forwarded = [
                part.strip() for line in headers.get_list("X-Forwarded-For") for part in line.split(",")
            ]
            client = self._rightmost_untrusted(peer, forwarded)
            host = _one(headers.get_list("X-Forwarded-Host")).lower() or host
            proto = _one(headers.get_list("X-Forwarded-Proto")).lower()
            scheme = proto if proto in {"http", "https"} else scheme
        else:
            client = peer
        if host and host == self._public.netloc.lower():
            scheme = self._public.scheme  # TLS ends in front of us, whether or not that proxy is trusted
        return Seen(host if _HOST.fullmatch(host) else "", received, scheme, client, self._base_path)

    def _trusted(self, peer: str) -> bool:
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        return any(address in network for network in self._proxies)

    def _rightmost_untrusted(self, peer: str, forwarded: Sequence[str]) -> str:
        for address in reversed(forwarded):
            try:
                ipaddress.ip_address(address)
            except ValueError:
                return peer
            if not self._trusted(address):
                return address
            peer = address
        return peer

    def from_proxy(self, peer: str) -> bool:
        """Whether a request's peer is a trusted proxy."""
        return (self._by_socket and peer == SOCKET_PEER) or self._trusted(peer)

    def base(self, seen: Seen, base_path: str) -> str:
        """Return the URL of the page, as the client sees it or as the configuration says, ending in ``/``."""
        if self._public.netloc:
            return self._public.geturl().rstrip("/") + "/"
        return f"{seen.scheme}://{seen.host}{base_path}"

    def answers_to(self, seen: Seen) -> bool:
        """Whether the service answers to the request's host; others are rebound names. Where a proxy forwards
        another one, both must be ours: a page under a rebound name can forward whatever it likes to us, if
        its browser runs where the proxy does."""
        return self._ours(seen.host) and self._ours(seen.received)

    def _ours(self, host: str) -> bool:
        return host != "" and (host in self._hosts or _name(host) in self._hosts)

    def foreign(self, headers: HTTPHeaders) -> bool:
        """Whether a browser says that a page of another origin sent the request: even a read costs."""
        return _one(headers.get_list("Sec-Fetch-Site")) in {"cross-site", "same-site"}

    def allows(self, seen: Seen, headers: HTTPHeaders, method: str | None = None) -> bool:
        """Whether a page that we trust sent the request: its Origin is ours or allowed, or, without
        one, the browser says that it is of the same origin, or, of a GET of whose origin the browser says
        nothing, it has our page's header. A missing answer is a no."""
        origins = headers.get_list("Origin")
        if origins:
            origin = _one(origins).lower()
            return origin == f"{seen.scheme}://{seen.host}" or origin in self._origins
        sites = headers.get_list("Sec-Fetch-Site")
        if sites:
            return _one(sites) == "same-origin"
        # On plain http, under a name that is not loopback, browsers send neither of them with a page's own
        # GET. No page elsewhere can send this header: images, frames, forms and sockets have none, a
        # no-cors fetch drops it, and any other fetch asks first (CORS preflight), which we never allow, and
        # has an Origin. With everything but a GET, and with every WebSocket, browsers send the Origin.
        plain = method == "GET" and "Upgrade" not in headers
        return plain and headers.get_list(PAGE_HEADER) == ["1"]


def ipaddress_unspecified(host: str) -> bool:
    """Whether an address is a wildcard."""
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def _one(values: Sequence[str]) -> str:
    """A header that must come once; doubled, it is worth nothing."""
    return values[0].strip(" \t") if len(values) == 1 else ""  # no other space is HTTP's


def _name(host: str) -> str:
    match = _HOST.fullmatch(host)
    return match[1] if match else ""
