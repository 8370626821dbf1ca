"""Hosts over ssh. paramiko, its threads and OpenSSH's programs are known here and nowhere else.

- ``known``       known host keys, purely
- ``verdict``     what follows from them
- ``login``       what logs in where; authenticates a transport
- ``guard``       what a host may ask of us before its key is checked
- ``breaker``     how long to leave a host alone after a failure
- ``attempt``     one try at a connection
- ``tunnel``      a connection through another one
- ``connection``  one warm transport: made when asked for, kept, made again
- ``script``      commands as text for a shell, purely; and what it printed
- ``shell``       a shell that stays open on a host and runs such scripts
- ``shells``      those that are open on one host
- ``command``     argv for OpenSSH's ssh, purely
- ``folder``      where sockets are
- ``askpass``     hands a secret to ssh when ssh itself asks
- ``master``      ControlMasters that the service owns
- ``client``      attaches without ssh, where there is none
- ``fleet``       what all hosts share
- ``remote``      one host's ``Way``
"""
