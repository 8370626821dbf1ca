"""The session cookie: its name, its attributes, its signature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tornado.web import create_signed_value, decode_signed_value

if TYPE_CHECKING:
    from muxboard.access.token import TokenGate
    from muxboard.web.origin import Seen

_BOUND = "muxboard-session"  # bound into the signature, so that no other signed value can stand for it


def name(seen: Seen) -> str:
    """Return the cookie's name. ``__Host-`` needs https; without it, all ports of a host share cookies."""
    if seen.scheme == "https":
        return "__Host-muxboard"
    return f"muxboard-{seen.host.rpartition(']')[2].partition(':')[2] or '80'}"


def attributes(seen: Seen) -> dict[str, Any]:
    """Return how the cookie is set and cleared."""
    return {"path": "/", "httponly": True, "samesite": "Strict", "secure": seen.scheme == "https"}


def sign(gate: TokenGate, said: str) -> str:
    """Return the cookie's value."""
    return create_signed_value(gate.cookie_key, _BOUND, said).decode()


def verify(gate: TokenGate, value: str) -> bytes | None:
    """Return what a cookie that we signed says, or None."""
    return decode_signed_value(gate.cookie_key, _BOUND, value, max_age_days=gate.session_s / 86400)
