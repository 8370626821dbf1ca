"""The process of a ``BadSsh``: an ssh server that stops, closes or talks nonsense at one stage.

Usage: python -m tests.rig.badserver STAGE FOLDER. It prints its port, appends what happens to FOLDER/events,
takes other stages for new connections from its stdin, and ends with it.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import socket
import sys
import threading
import time
from pathlib import Path

import paramiko
from paramiko.auth_handler import AuthHandler
from paramiko.common import MSG_CHANNEL_REQUEST, cMSG_CHANNEL_DATA

from tests.rig.agent import fingerprint

VERSION = b"SSH-2.0-bad_1.0\r\n"
BLOCK_BYTES = 32 * 1024
HUGE_BYTES = 100 * 1024 * 1024
DRIP_S = 0.2  # shorter than any limit on one read
FULL_S = 0.3  # after which a connection to a full loopback listener is one that hangs
LOOK_S = 0.01  # between looks at the kernel's list of connections
SYN_SENT = "02"

# Invalid UTF-8, markup, a terminal's title and colour, a null, a right-to-left override.
BAD_BYTES = (
    b"\xff\xfe\xc0\x80 <img src=x onerror=alert(1)>&amp; \x1b]0;title\x07\x1b[31m\x9b2J \x00 \xe2\x80\xae\r\n"
)

# Before the key exchange, on a plain socket.
WITHOUT_BANNER = ("banner", "endless_banner", "slow_banner", "garbage", "close_accept")
WITH_BANNER = ("kex", "kex_garbage", "close_banner")

LINES = b"and on it goes\n" * 1000
ENDLESS = {
    "endless": LINES,
    "endless_stderr": LINES,
    "endless_line": b"x" * BLOCK_BYTES,
    "slow": b"one more line\n",
}
OUTPUT = {
    "huge": [b"x" * (BLOCK_BYTES - 1) + b"\n"] * (HUGE_BYTES // BLOCK_BYTES),
    "bad_bytes": [BAD_BYTES],
    "close_command": [b"half a li"],
}


class Server(paramiko.ServerInterface):
    """Lets everybody in, to do anything."""

    def __init__(self, bad: Bad) -> None:
        self.bad = bad

    def get_allowed_auths(self, username: str) -> str:
        return "publickey,password"

    def get_banner(self) -> tuple[bytes | None, str]:
        # OpenSSH disconnects from a null in it.
        return (BAD_BYTES.replace(b"\0", b"") if self.bad.stage == "bad_bytes" else None), ""

    def check_auth_password(self, username: str, password: str) -> int:
        return paramiko.AUTH_SUCCESSFUL

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        return paramiko.AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        return True

    def check_channel_shell_request(self, channel: paramiko.Channel) -> bool:
        return True

    def check_channel_pty_request(self, channel: paramiko.Channel, *_: object) -> bool:
        return True

    def check_channel_window_change_request(self, channel: paramiko.Channel, *_: object) -> bool:
        return True


class Silent:
    """A key exchange that takes everything and never answers."""

    def __init__(self, bad: Bad) -> None:
        self.bad = bad

    def start_kex(self) -> None:
        self.bad._expect_packet(*range(30, 42))  # RFC 4250: what belongs to the method

    def parse_next(self, ptype: int, m: paramiko.Message) -> None:
        pass


class Auth(AuthHandler):
    def _parse_userauth_request(self, m: paramiko.Message) -> None:
        user, _, method = m.get_text(), m.get_text(), m.get_text()
        detail = f"{method} {user}"
        if method == "publickey":
            signed, _, key = m.get_boolean(), m.get_text(), m.get_binary()
            detail += f" {fingerprint(key)} {'signed' if signed else 'offered'}"
        m.rewind()
        if self.transport.passes("auth", detail):
            super()._parse_userauth_request(m)


class Bad(paramiko.Transport):
    """One connection, which goes on as it should until its stage.

    Only the stage goes unanswered: the connection lives, and answers keepalives.
    """

    def __init__(self, sock: socket.socket, stage: str, events: Events) -> None:
        super().__init__(sock)
        self.stage = stage
        self.note = events.note
        self.rekeying = False

    def passes(self, name: str, detail: str = "") -> bool:
        """Note that a stage is reached; False if it shall have no answer."""
        self.note(name, detail)
        if self.stage == f"close_{name}":
            self.close()
        return self.stage not in (name, f"close_{name}")

    def _parse_kex_init(self, m: paramiko.Message) -> None:
        if not self.rekeying and self.passes("kex_init"):
            super()._parse_kex_init(m)
        if self.rekeying or self.stage == "kex_middle":
            self.kex_engine = Silent(self)

    def _parse_newkeys(self, m: paramiko.Message) -> None:
        super()._parse_newkeys(m)
        if type(self.auth_handler) is AuthHandler:
            self.auth_handler = Auth(self)

    def _parse_channel_open(self, m: paramiko.Message) -> None:
        if self.passes("channel"):
            super()._parse_channel_open(m)

    def _request(channel: paramiko.Channel, m: paramiko.Message) -> None:  # noqa: N805
        self: Bad = channel.transport
        kind, _ = m.get_text(), m.get_boolean()
        command = m.get_text() if kind == "exec" else ""
        m.rewind()
        m.get_int()  # the channel's number, which paramiko has read before
        if kind not in ("exec", "shell"):
            channel._handle_request(m)
        elif self.passes("exec", command):
            channel._handle_request(m)
            threading.Thread(target=self.run_command, args=(channel,), daemon=True).start()

    _channel_handler_table = {**paramiko.Transport._channel_handler_table, MSG_CHANNEL_REQUEST: _request}  # noqa: RUF012

    def run_command(self, channel: paramiko.Channel) -> None:
        with contextlib.suppress(OSError, paramiko.SSHException):
            if self.stage == "rekey_stall":
                self._stall(channel)
            elif self.stage != "command":
                self._put_out(channel)

    def _put_out(self, channel: paramiko.Channel) -> None:
        endless = ENDLESS.get(self.stage)
        for block in itertools.repeat(endless) if endless else OUTPUT.get(self.stage, [b"good\n"]):
            if self.stage != "endless_stderr":
                channel.sendall(block)
            if self.stage in ("endless_stderr", "bad_bytes"):
                channel.sendall_stderr(block)
            if self.stage == "slow":
                time.sleep(DRIP_S)
        if self.stage == "close_command":
            self.close()
            return
        if self.stage != "no_status":
            channel.send_exit_status(0)
        channel.close()

    def _stall(self, channel: paramiko.Channel) -> None:
        """Begin a key exchange, and go on sending output instead of exchanging keys."""
        self.rekeying = True
        self._send_kex_init()
        self.note("rekey", "")
        while self.active:
            m = paramiko.Message()
            m.add_byte(cMSG_CHANNEL_DATA)
            m.add_int(channel.remote_chanid)
            m.add_string(b"as if nothing were\n")
            self._send_message(m)
            time.sleep(DRIP_S)


class Events:
    """What happened, one line each: the time on the clock that all processes share, what, and details."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def note(self, what: str, detail: str) -> None:
        os.write(self._file, f"{time.monotonic()} {what} {detail!r}\n".encode())


def talk(sock: socket.socket, stage: str) -> None:
    if stage in WITH_BANNER:
        sock.sendall(VERSION)
    if stage == "endless_banner":
        for number in itertools.count():
            sock.sendall(f"{number} more lines before the banner\r\n".encode())
    if stage == "slow_banner":
        while True:
            sock.sendall(b"one more line\r\n")
            time.sleep(DRIP_S)
    if stage in ("garbage", "kex_garbage"):
        sock.sendall(bytes(range(255, -1, -1)) * 64)
    if not stage.startswith("close_"):
        while sock.recv(BLOCK_BYTES):
            pass


def serve(sock: socket.socket, stage: str, key: paramiko.PKey, events: Events) -> None:
    with contextlib.suppress(OSError, EOFError, paramiko.SSHException):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if stage in WITHOUT_BANNER + WITH_BANNER:
            with sock:
                talk(sock, stage)
            return
        bad = Bad(sock, stage, events)
        bad.add_server_key(key)
        bad.start_server(event=threading.Event(), server=Server(bad))
        bad.join()


def drop_syns(listener: socket.socket, events: Events) -> None:
    """Fill the listener's queue, so that the kernel ignores who comes next; note who comes."""
    address = listener.getsockname()
    held = []
    with contextlib.suppress(TimeoutError):
        while True:
            held.append(socket.create_connection(address, timeout=FULL_S))
    print(address[1], flush=True)
    end, seen = f"{address[1]:04X}", set()
    while True:
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            _, near, far, state = line.split()[:4]
            if state == SYN_SENT and far.endswith(f":{end}") and near not in seen:
                seen.add(near)
                events.note("connection", near)
        time.sleep(LOOK_S)


def main(stage: str, folder: Path) -> None:
    events = Events(folder / "events")
    listener = socket.create_server(("127.0.0.1", 0), backlog=0 if stage == "syn" else 100)
    stages = [stage]

    def listen_to_parent() -> None:
        for line in sys.stdin:
            stages.append(line.strip())
            events.note("stage", stages[-1])
        os._exit(0)

    threading.Thread(target=listen_to_parent, daemon=True).start()
    if stage == "syn":
        drop_syns(listener, events)
    key = paramiko.Ed25519Key.from_private_key_file(str(folder / "host_ed25519"))
    print(listener.getsockname()[1], flush=True)
    while True:
        sock, peer = listener.accept()
        events.note("connection", str(peer[1]))
        threading.Thread(target=serve, args=(sock, stages[-1], key, events), daemon=True).start()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
