"""The tests' rig: real tmux servers, Unix users, services and browsers, each taken down whatever happens.

- ``waiting``  conditions with deadlines, instead of sleeps
- ``tmux``     a tmux server of the test's own
- ``users``    Unix users and the sudo rule between them (root only)
- ``agent``    ssh key pairs and a real ssh-agent
- ``sshd``     real sshds (root only)
- ``jump``     two of them, one behind the other (root only)
- ``badssh``   ssh servers that hang, close or talk nonsense; ``badserver`` is their process
- ``trees``    processes with all that they started, stopped or killed together
- ``service``  the product as a process of its own
- ``browser``  Chromium on a page that is watched
- ``settled``  nothing is left over after a test
"""
