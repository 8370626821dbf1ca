"""What must be counted once, however many ask: leases of caps, ids used up, rates.

Its methods are coroutines because a registry shared by several processes has to ask for them;
the one in memory never waits.

- ``registry``     what every registry does
- ``board``        what processes put up for the others, and tell each other, or one alone
- ``memory``       the registry of a single process
- ``redis``        the registry that several share; ``scripts``  what Redis runs in one step
- ``redis_board``  their board
- ``redis_link``   one process's connections to Redis, and what is told when it does not answer
- ``build``        which ones a URL names
- ``window``       pure: moving windows for rates
"""
