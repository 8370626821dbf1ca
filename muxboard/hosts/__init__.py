"""What runs on the hosts: observed, never guessed.

- ``model``    what was observed: sessions, users, hosts, each with its state
- ``tmux``     pure: argv out, output in
- ``local``    runs a command on this machine
- ``flight``   one run at a time, however many ask
- ``managed``  one configured host: its report, and what can be done on it
- ``sweep``    asks every host again and again, oftener while somebody looks
"""
