"""Coloured UTF-8 log lines, the same in every run, each line different."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SAYINGS = (
    "request served in {} µs from cache — überprüft",
    "очередь: осталось {} заданий, работники заняты",
    "再接続しました。試行 {} 回目",
    "disk usage at {} % on /var — cleaning up ✅",
    "upstream refused the connection, retry {} 🔁",
    "TLS handshake finished with peer №{} in 1 RTT",
)
LEVELS = (
    "\x1b[32mINFO \x1b[0m",
    "\x1b[1;33mWARN \x1b[0m",
    "\x1b[31mERROR\x1b[0m",
    "\x1b[38;5;244mDEBUG\x1b[0m",
)


@dataclass(frozen=True, slots=True)
class Corpus:
    """A file, its size and its SHA-256."""

    path: Path
    size: int
    sha256: str


def write(path: Path, size: int) -> Corpus:
    """Write ``size`` bytes of log lines, filled up with dots."""
    rng = random.Random(7)
    digest = hashlib.sha256()
    left, number = size, 0
    with path.open("wb") as file:
        while left:
            block = bytearray()
            while len(block) < min(left, 1 << 20):
                number += 1
                text = SAYINGS[number % 6].format(number % 9973)
                block += (
                    f"\x1b[90m2031-04-{number % 28 + 1:02} 12:{number % 60:02}:07.{number % 1000:03}\x1b[0m "
                    f"{LEVELS[rng.getrandbits(2)]} \x1b[36mworker-{rng.getrandbits(6)}\x1b[0m "
                    f"#{number} {text}\r\n"
                ).encode()
            if len(block) > left:
                # Not within a character: a peer that decodes would rightly replace the half.
                del block[block.rfind(b"\n", 0, left) + 1 :]
                block += b"." * (left - len(block))
            file.write(block)
            digest.update(block)
            left -= len(block)
    return Corpus(path, size, digest.hexdigest())
