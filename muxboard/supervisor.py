"""What is told to systemd, where it has started us."""

from __future__ import annotations

import contextlib
import os
import socket


def tell(state: str) -> None:
    """Say ``READY=1`` or ``STOPPING=1``; nothing without ``Type=notify``, and no error where nobody hears."""
    where = os.environ.get("NOTIFY_SOCKET", "")
    if where[:1] not in {"/", "@"}:
        return
    address = f"\0{where[1:]}" if where.startswith("@") else where
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as wire:
        wire.sendto(state.encode(), address)
