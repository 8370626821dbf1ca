"""The raw PTY read loop in a plain process: one program, one master, blocking reads."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time

from bench.programs import PROMPT

READ_BYTES = 64 * 1024


def main(argv: list[str]) -> None:
    """Time a program's output from its start key to its end; print the figures as JSON."""
    master, slave = os.openpty()
    child = subprocess.Popen(["setsid", "--ctty", *argv], stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    head = b""
    while PROMPT not in head:
        head += os.read(master, READ_BYTES)
    chunks = []
    since, cpu = time.perf_counter(), time.process_time()
    os.write(master, b"g")
    try:
        while data := os.read(master, READ_BYTES):
            chunks.append(data)
    except OSError:
        pass  # EIO: the last program on the PTY has ended
    seconds, cpu = time.perf_counter() - since, time.process_time() - cpu
    child.wait()
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    size = sum(map(len, chunks))
    print(json.dumps({"bytes": size, "seconds": seconds, "cpu": cpu, "sha256": digest.hexdigest()}))


if __name__ == "__main__":
    main(sys.argv[1:])
