"""Links made without the running service, by whoever may read its key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxboard.access.links import mint
from muxboard.access.principal import Link, shown
from muxboard.config.values import Duration

if TYPE_CHECKING:
    from muxboard.config.schema import Loaded


def url(loaded: Loaded, target: str, mode: str, ttl: str, subject: str) -> str:
    """Return the URL of a new link.

    Args:
        loaded: The service's configuration.
        target: ``HOST/USER/SESSION``; a session's name may hold more slashes.
        mode: ``view`` or ``control``.
        ttl: How long it can be opened, as a duration.
        subject: Whom it is for; "" for whoever has it.

    Raises:
        ValueError: Says which argument or key is wrong, and why.
    """
    secret = loaded.auth_secrets.get("auth.links")
    if secret is None:
        raise ValueError("auth.links: set secret_file or secret_env; the service must have the same")
    host, user, session = [*target.split("/", 2), "", ""][:3]
    known = {each.key: each for each in loaded.config.hosts}
    if not session or host not in known:
        raise ValueError(f"{target}: must be HOST/USER/SESSION with one of the hosts {', '.join(known)}")
    users = known[host].tmux_users
    if users and user not in users:
        raise ValueError(f"{user}: is not one of the tmux users of {host}: {', '.join(users)}")
    if subject and not shown(subject):
        raise ValueError("--for: must be a name that can be shown")
    made = Link(host, user, session, "control" if mode == "control" else "view")
    server = loaded.config.server
    token, _ = mint(secret, made, _seconds(ttl, loaded.config.auth.links.max_ttl), subject)
    return f"{server.home(server.bind)}open#{token}"


def _seconds(ttl: str, longest: Duration) -> float:
    try:
        seconds = Duration.parse(ttl)
    except ValueError as error:
        raise ValueError(f"--ttl: must {error}") from error
    if not 0 < seconds <= longest:
        raise ValueError(f"--ttl: must be at most {longest}")
    return seconds
