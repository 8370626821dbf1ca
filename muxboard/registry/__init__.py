"""What must be counted once, however many ask: leases of caps, ids used up, rates.

Its methods are coroutines because a registry shared by several processes has to ask for them;
the one in memory never waits.

- ``memory``  the registry of a single process
- ``window``  pure: moving windows for rates
"""
