"""muxboard: a web board over the tmux sessions of one machine or a fleet, with live terminals.

The rooms, lowest first; each imports only from those before it:

- ``problems``    the closed table of everything that can go wrong, as callers see it
- ``supervisor``  what systemd is told, where it has started us
- ``tasks``       the only file that starts tasks and threads
- ``config``      the TOML file as frozen structs
- ``registry``    what must be counted once: leases, used ids, rate counters
- ``access``      who is asking, what they may do, how many
- ``hosts``       what was observed on the hosts, and the tmux commands
- ``records``     audit, metrics, log
- ``terminals``   live PTYs: bytes, windows, lifetimes
- ``web``         HTTP and the socket
- ``listening``   the sockets that the service listens on
- ``server``      builds, starts and stops all of it
- ``healthy``     asks a running one whether it is alive
- ``embed``       the same inside another Tornado application
- ``cli``         the commands

What other applications import from here is in ``embed``, and loaded only when it is asked for.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"
__all__ = ["ConfigError", "Grant", "Host", "Muxboard", "Principal", "__version__", "token_gate"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module("muxboard.embed"), name)
    raise AttributeError(f"module 'muxboard' has no attribute {name!r}")
