"""Which programs this machine must have before the service can be of any use."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from muxboard.hosts.local import environment, login_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxboard.config import Config


def lacking(config: Config, environ: Mapping[str, str]) -> str:
    """Return what is missing and what mends it, in one line; "" while there is a host that can be asked.

    Hosts over ssh need nothing here: without OpenSSH, terminals go through paramiko. sudo looks for tmux in
    folders of its own.
    """
    path = environment(environ)["PATH"]
    if not config.hosts or not all(host.local for host in config.hosts) or shutil.which("tmux", path=path):
        return ""
    me = login_name()
    others = any(user != me for host in config.hosts for user in host.tmux_users)
    if others and shutil.which("sudo", path=path):
        return ""
    return f"every host is this machine, and there is no tmux in {path}: apt-get install tmux"
