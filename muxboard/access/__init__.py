"""Who is asking, what they may do, how many.

- ``principal``  who is asking
- ``gate``       how a request becomes a principal; ``build`` makes the configured one
- ``token``      the gate that knows one shared token
- ``proxied``    the gate that verifies the JWT of the proxy in front: ``profiles``, ``jwt``, ``keys``
- ``gates``      the others: a header, another application's cookie, a callable, none
- ``session``    what our own cookies say
- ``links``      tokens that open one session once; ``minting`` makes them without the service
- ``grants``     pure: principal × host × tmux user → role
- ``caps``       how many terminals, as leases
"""
