"""Live terminals: one PTY, one principal, one connection at a time.

- ``messages``  what is said beside the bytes
- ``ring``      pure: output by absolute offset
- ``flow``      pure: how much may be read before the browser has parsed what it got
- ``stall``     pure: whether what waits for a client has become stale
- ``interrupt`` when a ^C has been taken
- ``backlog``   pure: the three together: what is read and not parsed
- ``pty``       the child and its PTY, on terminado's manager
- ``sink``      where its output goes
- ``running``   what runs on one: a child that another may replace, until its last output
- ``redraw``    a fresh child in place of what nobody is to wait for
- ``lifetimes`` when one has lived long enough
- ``size``      its columns and rows, handed on as often as tmux can bear
- ``clients``   whose connection it has, and who has lost it
- ``terminal``  one terminal: its bytes, its connection, its end
- ``timer``     calls something later
- ``table``     all terminals
- ``target``    what one is attached to
- ``attach``    who may have one, and everything that is undone when it ends
- ``reattach``  attaches one anew whose host was lost
- ``elsewhere`` those of other processes: who has them, and how they are ended
"""
