"""What must be counted once, however many ask: leases of caps, ids used up, rates.

Its methods are coroutines because a registry shared by several processes has to ask for them;
the one in memory never waits.

- ``registry``  what every registry does
- ``memory``  the registry of a single process
- ``redis``  the one that several share; ``scripts``  what Redis runs in one step
- ``build``  which one a URL names
- ``window``  pure: moving windows for rates
"""
