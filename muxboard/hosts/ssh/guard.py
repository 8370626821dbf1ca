"""Keeps a host from making paramiko compute or hold too much, before its key is checked and after."""

from __future__ import annotations

import time

import paramiko
import paramiko.packet

PACKET_BYTES = 1 << 18  # as OpenSSH has it; paramiko would take 4 GiB
GREETING_BYTES = 1 << 16
# A packet costs the interpreter 50 µs, however small. Full ones come to 64 MB/s at this rate.
PACKETS_PER_S = 2000
PACKETS_AT_ONCE = 200


def guard(transport: paramiko.Transport) -> None:
    """Bound what the other side can ask of a transport that has not begun."""
    options = transport.get_security_options()
    # A power of numbers that the host chooses, of 8192 bits, is a second in which no other thread runs.
    options.kex = tuple(name for name in options.kex if not name.startswith("diffie-hellman-"))
    _bound(transport.packetizer)


def _bound(packetizer: paramiko.packet.Packetizer) -> None:
    read_all, read_some = packetizer.read_all, packetizer._read_timeout  # noqa: SLF001  for its first line
    greeted = count = 0
    since = time.monotonic()

    def slow_down() -> None:
        """In the transport's own thread, so that it is the host that waits."""
        nonlocal count, since
        count += 1
        if count >= PACKETS_AT_ONCE:
            time.sleep(max(0.0, count / PACKETS_PER_S - (time.monotonic() - since)))
            count, since = 0, time.monotonic()

    def all_of(size: int, check_rekey: bool = False) -> bytes:
        slow_down()
        if size > PACKET_BYTES:
            raise paramiko.SSHException(f"it announced a packet of {size} bytes")
        read: bytes = read_all(size, check_rekey)
        return read

    def some(timeout: float) -> bytes:
        nonlocal greeted
        read: bytes = read_some(timeout)
        greeted += len(read)
        if greeted > GREETING_BYTES:
            raise paramiko.SSHException("its greeting does not end")
        return read

    packetizer.read_all, packetizer._read_timeout = all_of, some  # noqa: SLF001
