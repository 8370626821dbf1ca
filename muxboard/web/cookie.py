"""The session cookie: its name, its attributes, its signature."""

from __future__ import annotations

from email.utils import formatdate
from typing import TYPE_CHECKING

from tornado.web import create_signed_value, decode_signed_value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from muxboard.access.session import Sessions
    from muxboard.web.origin import Seen

MAX_LINKS = 8  # that count at once in one browser
LINK_ID_CHARS = 8
_LINK = "-link-"
_BOUND = "muxboard-session"  # bound into the signature, so that no other signed value can stand for it


def name(seen: Seen) -> str:
    """Return the cookie's name. ``__Host-`` needs https, and the path ``/``: boards below other paths of the
    host have other names. Without https, all ports of a host share cookies."""
    board = "".join(f".{part}" for part in seen.base_path.split("/") if part)
    if seen.scheme == "https":
        return f"__Host-muxboard{board}"
    return f"muxboard-{seen.host.rpartition(']')[2].partition(':')[2] or '80'}{board}"


def link_name(seen: Seen, link: str) -> str:
    """Return the name of the cookie of a link that was redeemed: two links are two cookies, so that pages
    that open them at the same time do not take each other's away."""
    return f"{name(seen)}{_LINK}{link[:LINK_ID_CHARS]}"


def link_names(seen: Seen, cookies: Iterable[str], most: int = MAX_LINKS) -> list[str]:
    """Return the names of the cookies of links, in order."""
    prefix = name(seen) + _LINK
    return sorted(each for each in cookies if each.startswith(prefix))[:most]


def header(seen: Seen, name: str, value: str, expires_at: float | None, *, framed: bool) -> str:
    """Return the Set-Cookie line.

    Args:
        seen: The request.
        name: The cookie's name.
        value: ``sign``; "" clears the cookie.
        expires_at: Unix seconds.
        framed: Whether pages of ours may stand in another origin's frame: a strict cookie would not come
            along there. It is then kept apart for each embedding site (CHIPS), which needs https.
    """
    secure = seen.scheme == "https"
    site = "SameSite=None; Partitioned" if framed and secure else "SameSite=Strict"
    until = formatdate(expires_at if value and expires_at else 0, usegmt=True)
    return "; ".join(
        [
            f'{name}="{value}"',
            f"expires={until}",
            "HttpOnly",
            "Path=/",
            site,
            *(["Secure"] if secure else []),
        ]
    )


def sign(sessions: Sessions, said: str) -> str:
    """Return the cookie's value."""
    return create_signed_value(sessions.key, _BOUND, said).decode()


def verify(sessions: Sessions, value: str) -> bytes | None:
    """Return what a cookie that we signed says, or None."""
    return decode_signed_value(sessions.key, _BOUND, value, max_age_days=sessions.longest_s / 86400)
