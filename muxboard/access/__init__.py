"""Who is asking, what they may do, how many.

- ``principal``  who is asking
- ``token``      the gate that knows one shared token
- ``grants``     pure: principal × host × tmux user → role
- ``caps``       how many terminals, as leases
"""
