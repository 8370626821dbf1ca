"""A process that has loaded the product: a fork of it is a service half a second of a processor sooner.

That is what its imports take, and hundreds of tests start a service. Those that are about a start, and about
what is packed, run the real command. Run as a program, this is that process: nothing of the tests is in it.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

CHECKOUT = Path(__file__).parents[2]
MOST_BYTES = 1 << 16
# What Python itself reads at its start, so that it is the same for all.
PYTHON = {
    "LANG": "C.UTF-8",
    "PYTHONPATH": str(CHECKOUT),
    "PYTHONUNBUFFERED": "1",
    "PYTHONWARNINGS": "error",
    "PYTHONASYNCIODEBUG": "0",
}
STOP_S = 10


class Forked:
    """A fork, with what the rig uses of ``subprocess.Popen``."""

    returncode: int | None = None

    def __init__(self, warm: Warm, pid: int) -> None:
        self._warm = warm
        self.pid = pid
        self._pidfd = os.pidfd_open(pid)

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._pidfd], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(f"fork {self.pid}", timeout or 0)
            os.close(self._pidfd)
            self.returncode = self._warm.reap(self.pid)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Warm:
    """The process, as those see it who want forks of it."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            subprocess.run(
                [sys.executable, "-m", "tests.rig.warm", str(theirs.fileno())],
                cwd=CHECKOUT,
                env={"PATH": os.environ["PATH"], **PYTHON},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                check=True,
            )

    def fork(self, argv: list[str], env: Mapping[str, str], cwd: Path, out: int, err: int) -> Forked:
        """Start ``muxboard`` with these arguments."""
        order = {"argv": argv, "env": dict(env), "cwd": str(cwd)}
        return Forked(self, self._ask(order, [out, err]))

    def reap(self, pid: int) -> int:
        """Wait for a fork's end; return its exit code, negative for a signal."""
        return self._ask({"reap": pid})

    def _ask(self, order: dict[str, Any], fds: list[int] | None = None) -> int:
        socket.send_fds(self._control, [json.dumps(order).encode()], fds or [])
        answer = self._control.recv(MOST_BYTES)
        assert answer, "the process that has loaded the product has ended; what it said is on stderr"
        return int(answer)

    def close(self) -> None:
        """Let it end."""
        with self._control:
            self._control.shutdown(socket.SHUT_WR)
            self._control.settimeout(STOP_S)
            assert self._control.recv(MOST_BYTES) == b""


def serve(control: socket.socket) -> None:
    """Fork whenever asked to, until whoever asks has gone. Returns in each fork, with all as was asked."""
    while True:
        data, fds, _, _ = socket.recv_fds(control, MOST_BYTES, 2)
        if not data:
            control.close()
            sys.exit()
        order = json.loads(data)
        if pid := order.get("reap"):
            control.send(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())
            continue
        if (pid := os.fork()) == 0:
            control.close()
            for number, fd in enumerate(fds, 1):
                os.dup2(fd, number)
                os.close(fd)
            os.chdir(order["cwd"])
            os.environ.clear()
            os.environ.update(order["env"])
            sys.argv[1:] = order["argv"]
            return
        for fd in fds:
            os.close(fd)
        control.send(str(pid).encode())


if __name__ == "__main__":
    if os.fork():  # nobody's child: tests look at their own
        os._exit(0)
    import muxboard.cli
    import muxboard.config.weak
    import muxboard.server  # noqa: F401

    gc.collect()
    gc.freeze()
    serve(socket.socket(fileno=int(sys.argv[1])))
    runpy.run_module("muxboard", run_name="__main__")
