"""What runs on the hosts: observed, never guessed.

- ``model``       what was observed: sessions, users, hosts, each with its state
- ``tmux``        pure: argv out, output in
- ``marks``       random marks that frame what a host prints
- ``facts``       pure: what plain commands tell about a host's tmux
- ``socket``      which tmux server is meant
- ``way``         how commands reach a host; ``ssh`` is the way to others
- ``local``       the way on this machine
- ``flight``      one run at a time, however many ask
- ``managed``     one configured host: its report, and what can be done on it
- ``configured``  all of them, and what changes when the configuration does
- ``sweep``       asks every host again and again, oftener while somebody looks
- ``turns``       which of several processes asks a host
- ``programs``    what must be installed here before the service is of any use
- ``check``       tries a host step by step; ``checklist``  what ``muxboard check`` prints of it
- ``listing``     what ``muxboard ls`` prints
- ``live``        a view that is drawn anew meanwhile
"""
