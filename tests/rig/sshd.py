"""A real sshd on loopback, with its own keys, port and log. Needs root, as CI has."""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.rig import trees
from tests.rig.agent import Key, generate, run
from tests.rig.ports import free_ports
from tests.rig.waiting import ended, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tests.rig.users import UnixUsers

PREFIX = "mbsshd-"
PROGRAM = "/usr/sbin/sshd"  # sshd starts itself anew for a connection, and wants to know from where
ATTEMPTS = 5  # at a port that nobody takes before sshd does

# Room enough that no test meets a limit by chance; None leaves out what STOCK takes back.
DEFAULTS: dict[str, object] = {
    "UsePAM": "yes",
    "PubkeyAuthentication": "yes",
    "PasswordAuthentication": "yes",
    "KbdInteractiveAuthentication": "no",
    "MaxStartups": "500:30:1000",
    "MaxSessions": 500,
    "UseDNS": "no",
    "PrintMotd": "no",
    "PrintLastLog": "no",
    "StrictModes": "no",  # its folder is below /tmp, which others may write to
    "LogLevel": "VERBOSE",  # failed keys too
}
STOCK: dict[str, object] = {"MaxStartups": None, "MaxSessions": None}

LOGIN = re.compile(
    r"^(Accepted|Failed) (\S+) for (?:invalid user )?(\S*) from (\S+) port (\d+) ssh2(?:: \S+ (SHA256:\S+))?",
    re.MULTILINE,
)
CONNECTION = re.compile(r"^Connection from \S+ port (\d+) on ", re.MULTILINE)
FORWARD = re.compile(r"server_request_direct_tcpip: .* target (\S+) port (\d+)")


@dataclass(frozen=True)
class Login:
    """One answered authentication, as sshd logged it."""

    accepted: bool
    method: str  # publickey, password, keyboard-interactive/pam, none
    user: str
    address: str
    port: int  # the client's: one for each connection
    fingerprint: str  # of the key; "" without one


class Sshd:
    """One running sshd. Its connections end with it.

    Args:
        addresses: Loopback addresses to listen on.
        ports: How many ports to listen on.
        host_keys: Kinds of host keys, as ``agent.KINDS`` has them.
        options: What its configuration says besides ``DEFAULTS``; None takes an option out.

    Attributes:
        keys: The host keys by kind.
        ports: Where it listens, on every address.
    """

    prefix = PREFIX
    program: Sequence[str] = (PROGRAM,)

    def __init__(
        self,
        *,
        addresses: Sequence[str] = ("127.0.0.1",),
        ports: int = 1,
        host_keys: Sequence[str] = ("ed25519",),
        **options: object,
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=self.prefix, dir="/tmp"))
        self.folder.chmod(0o755)  # sshd reads authorized keys as the user who logs in
        (self.folder / "authorized").mkdir()
        self.addresses = tuple(addresses)
        self.ports: list[int] = []
        self.options = {**DEFAULTS, **options}
        self.certificate: Path | None = None
        self._log = self.folder / "log"
        self._process: subprocess.Popen[bytes] | None = None
        self._left: list[psutil.Process] = []
        self.keys = {kind: generate(self.folder / f"host_{kind}", kind) for kind in host_keys}
        try:
            self._start_on_free_ports(ports)
        except BaseException:
            self.close()
            raise

    @property
    def port(self) -> int:
        return self.ports[0]

    @property
    def pid(self) -> int:
        """Of the listener."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def logins(self) -> list[Login]:
        """The authentications that it accepted or refused so far; a key that was only offered counts."""
        return [
            Login(how == "Accepted", method, user, address, int(port), fingerprint)
            for how, method, user, address, port, fingerprint in LOGIN.findall(self.log)
        ]

    def connections(self) -> int:
        """How many were made so far, with or without a login."""
        return len(CONNECTION.findall(self.log))

    def forwards(self) -> list[tuple[str, int]]:
        """Where clients had it connect to, as a jump host. Takes ``LogLevel="DEBUG1"``."""
        return [(host, int(port)) for host, port in FORWARD.findall(self.log)]

    def authorize(self, user: str, key: Key | str, restrictions: str = "") -> None:
        """Let a key, or the line of one, log in as the user here, with ``restrictions`` as ``from="…"``."""
        line = key.public if isinstance(key, Key) else key
        with (self.folder / "authorized" / user).open("a") as file:
            file.write(f"{restrictions} {line}".lstrip() + "\n")

    def withdraw(self, user: str) -> None:
        """Let no key log in as the user any more."""
        (self.folder / "authorized" / user).unlink(missing_ok=True)

    def known_hosts(self, *, mark: str = "", hashed: bool = False, key: Key | None = None) -> str:
        """A known_hosts file's lines for every address, port and host key, or ``key`` alone."""
        return "".join(
            known.known_host(address, port, mark=mark, hashed=hashed)
            for address in self.addresses
            for port in self.ports
            for known in ([key] if key else self.keys.values())
        )

    def certify(self, ca: Key, *, principals: Sequence[str] = (), validity: str = "-5m:+1h") -> None:
        """Have the first host key signed by ``ca`` and show the certificate from now on; restarts.

        Args:
            ca: Put it into known_hosts with ``known_hosts(mark="@cert-authority", key=ca)``.
            principals: The host names that it is for, by default the addresses.
            validity: As ``ssh-keygen -V`` takes it.
        """
        path = next(iter(self.keys.values())).path
        names = ",".join(principals or self.addresses)
        run(
            *("ssh-keygen", "-q", "-s", str(ca.path), "-P", ca.passphrase, "-I", "host", "-h"),
            *("-n", names, "-V", validity, f"{path}.pub"),
        )
        self.certificate = Path(f"{path}-cert.pub")
        self.restart()

    def replace_host_key(self, kind: str = "ed25519") -> Key:
        """Restart with a new host key in place of all it had; ports stay."""
        self.stop()
        for key in self.keys.values():
            key.path.unlink()
            Path(f"{key.path}.pub").unlink()
        self.certificate = None
        self.keys = {kind: generate(self.folder / f"host_{kind}", kind)}
        self.start()
        return self.keys[kind]

    def pids(self) -> list[int]:
        """The process of each connection, in order of age. Below it are another sshd and the commands."""
        found = list(self._left)
        if self._process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                found += psutil.Process(self._process.pid).children()
        return [
            process.pid
            for process in sorted(found, key=lambda process: process.create_time())
            if process.is_running() and not ended(process.pid)
        ]

    def kill(self, pid: int) -> None:
        """End the connection of one of ``pids()`` at once, with the commands it runs."""
        trees.kill(pid)

    def frozen(self, *pids: int) -> contextlib.AbstractContextManager[None]:
        """Stop connections, by default all and the listener: the network stays up and says nothing."""
        return trees.frozen(*(pids or (self.pid, *self.pids())))

    def stop(self, *, connections: bool = True) -> None:
        """End the listener, and the connections unless they shall outlive it, as when systemd restarts it."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGSTOP)  # no connection after those that we see
        found = self.pids()
        self._left = [] if connections else [psutil.Process(pid) for pid in found]
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        if connections:
            trees.kill(*found)

    def start(self) -> None:
        """Start on the same ports again."""
        if not self._started():
            raise AssertionError(f"sshd did not start:\n{self.log}")

    def restart(self, *, connections: bool = True) -> None:
        self.stop(connections=connections)
        self.start()

    def close(self) -> None:
        """End everything and remove the folder; a second time does nothing."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start_on_free_ports(self, count: int) -> None:
        for _ in range(ATTEMPTS):
            self.ports = free_ports(count, self.addresses[0])
            if self._started():
                return
            self.stop()
        raise AssertionError(f"sshd did not start:\n{self.log}")

    def _started(self) -> bool:
        """Start it; False if it ended or did not get every address."""
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        config = self.folder / "sshd_config"
        config.write_text(self._config())
        before = len(self.log)
        self._process = subprocess.Popen(
            [*self.program, "-D", "-f", str(config), "-E", str(self._log)], cwd="/", stdin=subprocess.DEVNULL
        )
        wanted = {(address, port) for address in self.addresses for port in self.ports}

        def listening() -> bool:
            told = re.findall(r"^Server listening on (\S+) port (\d+)\.$", self.log[before:], re.MULTILINE)
            return wanted <= {(address, int(port)) for address, port in told}

        def taken() -> bool:
            return re.search(r"Bind to port \d+ on \S+ failed", self.log[before:]) is not None

        assert self._process is not None
        process = self._process
        until(
            lambda: listening() or process.poll() is not None or taken(),
            lambda: f"sshd to listen; its log: {self.log[before:]}",
        )
        return listening()

    def _config(self) -> str:
        lines = [
            f"ListenAddress {f'[{address}]' if ':' in address else address}:{port}"
            for address in self.addresses
            for port in self.ports
        ]
        lines += [f"HostKey {key.path}" for key in self.keys.values()]
        if self.certificate is not None:
            lines.append(f"HostCertificate {self.certificate}")
        lines += [
            f"PidFile {self.folder}/pid",
            f"AuthorizedKeysFile {self.folder}/authorized/%u .ssh/authorized_keys",
        ]
        # A Match block reaches to the end of the file.
        for name in sorted(self.options, key=lambda name: name == "Match"):
            value = self.options[name]
            lines += [] if value is None else [f"{name} {value}"]
        return "\n".join(lines) + "\n"


@pytest.fixture(scope="session")
def _no_old_sshd(_unix_users: UnixUsers) -> None:
    """End what an earlier run that was killed left behind; runs that have the users take turns."""
    for process in psutil.process_iter(["cmdline"]):
        if any(f"/tmp/{PREFIX}" in word for word in process.info["cmdline"] or ()):
            trees.kill(process.pid)
    for folder in Path("/tmp").glob(f"{PREFIX}*"):
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def start_sshd(_no_old_sshd: None, unix_users: UnixUsers) -> Iterator[Callable[..., Sshd]]:
    """Call it with ``Sshd``'s options, ``**STOCK`` for sshd's own limits, for a running sshd."""
    with contextlib.ExitStack() as stack:

        def start(**options: object) -> Sshd:
            sshd = Sshd(**options)
            stack.callback(sshd.close)
            return sshd

        yield start


@pytest.fixture
def sshd(start_sshd: Callable[..., Sshd]) -> Sshd:
    """An sshd on 127.0.0.1 with an ed25519 host key, and without limits that a test meets by chance."""
    return start_sshd()
