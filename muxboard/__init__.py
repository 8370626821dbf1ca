"""muxboard: a web board over the tmux sessions of one machine or a fleet, with live terminals.

The rooms, lowest first; each imports only from those before it:

- ``problems``   the closed table of everything that can go wrong, as callers see it
- ``config``     the TOML file as frozen structs
- ``registry``   what must be counted once: leases, used ids, rate counters
- ``access``     who is asking, what they may do, how many
- ``hosts``      what was observed on the hosts, and the tmux commands
- ``records``    audit, metrics, log
- ``terminals``  live PTYs: bytes, windows, lifetimes
- ``web``        HTTP and the socket
- ``server``     builds, starts and stops all of it
"""

__version__ = "0.1.0"
