"""The configuration's structs. Meaning, unit, default and reason of every field stand here and only
here: the example, the JSON Schema and the reference page are printed from them."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from muxboard.config.fields import doc, lasting
from muxboard.config.schema_auth import Auth
from muxboard.config.values import Bind, Duration, Rate, RegistryUrl, Secret, Size

HOST_KEY = r"[A-Za-z0-9_-]{1,64}"
BY_SOCKET = "unix"  # in trusted_proxies: whoever may connect to server.bind's Unix socket
USER_NAME = r"[a-z_][a-z0-9_-]{0,31}\$?"  # what useradd takes; a leading dash would be an option


class Server(Struct, frozen=True, forbid_unknown_fields=True):
    """[server]: where it listens and what it answers to."""

    bind: Annotated[Bind, doc('Listening address, or "unix:/run/muxboard/http.sock".')] = field(
        default_factory=lambda: Bind("127.0.0.1", 8765)
    )
    base_path: Annotated[
        str,
        Meta(
            pattern=r"^/([A-Za-z0-9._~-]+/)*$",
            description='Every page, asset, API path and socket lives below it, e.g. "/console/".',
            extra={"must": 'begin and end with "/"'},
        ),
    ] = "/"
    public_url: Annotated[
        str,
        Meta(
            pattern=r"^(https?://[A-Za-z0-9.\[\]:_-]+(/[A-Za-z0-9._~/-]*)?)?$",
            description="The URL that people use. Links are made from it and its origin is allowed.",
            extra={"must": 'be a URL such as "https://ops.example.com/console/"'},
        ),
    ] = ""
    allowed_origins: Annotated[list[str], doc("Exact origins besides the service's own.")] = field(
        default_factory=list
    )
    allowed_hosts: Annotated[
        list[str], doc("Host header values besides loopback names and public_url's.")
    ] = field(default_factory=list)
    trusted_proxies: Annotated[
        list[str],
        doc(
            "CIDRs whose X-Forwarded-For, -Proto and -Host are believed; "
            '"unix": of whoever connects to a bind that is a Unix socket.'
        ),
    ] = field(default_factory=list)
    frame_ancestors: Annotated[list[str], doc("Origins that may embed the pages; empty = none.")] = field(
        default_factory=list
    )
    drain: Annotated[Duration, doc("How long a stop waits for terminals to be told and closed.")] = lasting(
        "20s"
    )
    metrics_bind: Annotated[
        str,
        doc(
            "Address of a second listener for /metrics, /healthz and /readyz; "
            "empty = health on the main one, metrics off."
        ),
    ] = ""

    @property
    def trusted_by_socket(self) -> bool:
        """Whether whoever connects to our Unix socket is a trusted proxy."""
        return bool(self.bind.path) and BY_SOCKET in self.trusted_proxies

    def home(self, bound: Bind) -> str:
        """Return the dashboard's URL, ending in ``/``; that of the bound address where no public one is set.

        Raises:
            ValueError: It is bound to a Unix socket, and what stands in front of it is not known.
        """
        if self.public_url:
            return self.public_url.rstrip("/") + "/"
        if bound.path:
            raise ValueError("server.public_url: must be set: a Unix socket has no URL")
        return f"http://{bound.url_host}:{bound.port}{self.base_path}"


Role = Literal["viewer", "operator", "admin"]


class Grant(Struct, frozen=True, forbid_unknown_fields=True):
    """[[grants]]: who may do what where. Nothing matches = denied. Without any grant the token's
    principal is admin everywhere."""

    role: Annotated[
        Role,
        Meta(
            description="viewer: list, preview, view; operator: also create, rename, kill, control; "
            "admin: also everyone's terminals.",
            extra={"must": "be viewer, operator or admin"},
        ),
    ]
    principals: Annotated[list[str], doc("Glob patterns of principal names.")] = field(default_factory=list)
    groups: Annotated[list[str], doc("Group names.")] = field(default_factory=list)
    hosts: Annotated[list[str], doc("Glob patterns of host keys.")] = field(default_factory=lambda: ["*"])
    users: Annotated[list[str], doc("Glob patterns of tmux users.")] = field(default_factory=lambda: ["*"])
    create_users: Annotated[
        list[str] | None, doc("Tmux users to create sessions as; default: same as users; [] = none.")
    ] = None


_Count = Annotated[int, Meta(ge=1, le=100_000, extra={"must": "be 1 to 100000"})]


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """[limits]: how many, how long, how much."""

    attaches_per_principal: Annotated[_Count, doc("Terminals open at once for one principal.")] = 5
    attaches_global: Annotated[_Count, doc("Terminals open at once in all.")] = 30
    lifetime: Annotated[Duration, doc("Longest life of one terminal.")] = lasting("6h")
    idle: Annotated[Duration, doc('Close a terminal without input for so long; "" = never.')] = lasting("")
    resume: Annotated[Duration, doc("How long a terminal without a connection waits for its client.")] = (
        lasting("90s")
    )
    output_queue: Annotated[Size, doc("Hard ceiling of bytes held for one client, each way.")] = field(
        default_factory=lambda: Size(4 << 20)
    )
    login_failures: Annotated[Rate, doc("Failed logins per client address.")] = field(
        default_factory=lambda: Rate(20, 60)
    )
    requests: Annotated[Rate, doc("Per principal, for calls that change something or ask a host.")] = field(
        default_factory=lambda: Rate(600, 60)
    )


class Inventory(Struct, frozen=True, forbid_unknown_fields=True):
    """[inventory]: how often the hosts are asked."""

    interval: Annotated[Duration, doc("Full sweep of every host.")] = lasting("60s")
    watched_interval: Annotated[Duration, doc("The same while somebody looks at a dashboard.")] = lasting(
        "2s"
    )
    connect_timeout: Annotated[Duration, doc("Longest time for a login on a host.")] = lasting("8s")
    command_timeout: Annotated[Duration, doc("Longest time for one command on a host.")] = lasting("10s")


_Sessions = Annotated[int, Meta(ge=1, le=1000, extra={"must": "be 1 to 1000"})]
_Trust = Literal["strict", "accept-new"]
_PassphraseEnv = Annotated[str, doc("Name of the environment variable with the key's passphrase.")]
_PassphraseFile = Annotated[str, doc("File with the key's passphrase; refused if others can read it.")]


class Ssh(Struct, frozen=True, forbid_unknown_fields=True):
    """[ssh]: defaults for every host that is not local. ~/.ssh/config is not read."""

    key_file: Annotated[
        str, doc("Private key; empty = those of the agent, then ~/.ssh/id_ed25519, id_ecdsa, id_rsa.")
    ] = ""
    passphrase_env: _PassphraseEnv = ""
    passphrase_file: _PassphraseFile = ""
    known_hosts: Annotated[list[str], doc("Files of host keys; the first is written to by accept-new.")] = (
        field(default_factory=lambda: ["~/.ssh/known_hosts"])
    )
    host_keys: Annotated[
        _Trust,
        Meta(
            description="strict: only known host keys; accept-new: the first key of an unknown host is taken "
            "and written down, a changed one never.",
            extra={"must": "be strict or accept-new"},
        ),
    ] = "strict"
    max_sessions: Annotated[
        _Sessions, doc("sshd's MaxSessions on the hosts: more terminals take a further connection.")
    ] = 10


_Port = Annotated[int, Meta(ge=1, le=65535, extra={"must": "be 1 to 65535"})]


class Host(Struct, frozen=True, forbid_unknown_fields=True):
    """[[hosts]]: a machine whose tmux servers are shown."""

    key: Annotated[
        str,
        Meta(
            pattern=f"^{HOST_KEY}$",
            description="Unique; stands in URLs, grants, audit lines and metrics.",
            extra={"must": "be 1 to 64 letters, digits, _ or -"},
        ),
    ]
    label: Annotated[str, Meta(max_length=128, description="Shown beside the key.")] = ""
    hostname: Annotated[str, doc("Name or address, IPv6 without brackets; not used for a local host.")] = ""
    port: Annotated[_Port, doc("TCP port of sshd.")] = 22
    local: Annotated[bool, doc("true: no ssh; tmux runs on this machine.")] = False
    ssh_user: Annotated[str, doc("Login user; empty = the service's own user name.")] = ""
    key_file: Annotated[str, doc("Private key; empty = ssh.key_file.")] = ""
    passphrase_env: _PassphraseEnv = ""
    passphrase_file: _PassphraseFile = ""
    password_env: Annotated[str, doc("Name of the environment variable with the login password.")] = ""
    password_file: Annotated[str, doc("File with the login password; refused if others can read it.")] = ""
    proxy_jump: Annotated[
        str, doc('Hosts on the way, "user@host:port[,…]"; logged in to with a key, never a password.')
    ] = ""
    host_keys: Annotated[
        _Trust | None,
        Meta(
            description="strict or accept-new; default: ssh.host_keys.",
            extra={"must": "be strict or accept-new"},
        ),
    ] = None
    max_sessions: Annotated[
        _Sessions | None, doc("sshd's MaxSessions on this host; default: ssh.max_sessions.")
    ] = None
    tmux_users: Annotated[
        list[
            Annotated[
                str,
                Meta(pattern=f"^{USER_NAME}$", extra={"must": "be the name of a Unix user, such as deploy"}),
            ]
        ],
        doc("Unix users whose tmux servers are managed; empty = the login user's own."),
    ] = field(default_factory=list)
    tmux_socket: Annotated[str, doc("Absolute path of the tmux server's socket (tmux -S).")] = ""
    tmux_socket_file: Annotated[
        str, doc("File on the host whose first line is that path; read by the login user.")
    ] = ""
    session_order: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=128, extra={"must": "be 1 to 128 characters"})]],
        doc("Names or prefixes that sort first, in this order."),
    ] = field(default_factory=list)


class Audit(Struct, frozen=True, forbid_unknown_fields=True):
    """[audit]: one JSON line for everything that matters."""

    path: Annotated[str, doc("File; empty = the service log.")] = ""
    on_failure: Annotated[
        Literal["refuse", "continue"],
        Meta(
            description="When a line cannot be written: refuse new terminals, or continue.",
            extra={"must": "be refuse or continue"},
        ),
    ] = "refuse"


class Registry(Struct, frozen=True, forbid_unknown_fields=True):
    """[registry]: where counts and leases live."""

    url: Annotated[
        RegistryUrl,
        doc(
            '"memory://": in this process. "redis://HOST:PORT/DB", "rediss://…" or "unix:///PATH": shared by '
            "all replicas; with a password only as MUXBOARD_REGISTRY_URL."
        ),
    ] = field(default_factory=lambda: RegistryUrl("memory://"))


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    server: Server = field(default_factory=Server)
    auth: Auth = field(default_factory=Auth)
    grants: list[Grant] = field(default_factory=list)
    limits: Limits = field(default_factory=Limits)
    inventory: Inventory = field(default_factory=Inventory)
    ssh: Ssh = field(default_factory=Ssh)
    hosts: list[Host] = field(default_factory=lambda: [Host(key="local", label="this machine", local=True)])
    audit: Audit = field(default_factory=Audit)
    registry: Registry = field(default_factory=Registry)


class HostSecrets(Struct, frozen=True):
    """What logs in to a host beside its key file."""

    password: Secret | None = None
    passphrase: Secret | None = None


class Loaded(Struct, frozen=True):
    """A checked configuration with what came from outside the file.

    ``token`` is None when a fresh one is to be made. ``source`` is the file, or "" for the
    embedded default. ``secrets`` holds each host's, by its key; ``auth_secrets``
    those of ``[auth]``, by the path of their table. ``bind`` is what was given as ``--bind``.
    """

    config: Config
    source: str
    token: Secret | None
    log_level: str
    secrets: dict[str, HostSecrets] = {}
    auth_secrets: dict[str, Secret] = {}
    bind: str | None = None
