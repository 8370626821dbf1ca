"""What follows from the known host keys: which kind is asked for, and what is said about another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxboard.hosts.ssh import known
from muxboard.hosts.way import Unreached

if TYPE_CHECKING:
    from collections.abc import Sequence

    import paramiko

    from muxboard.config.address import Hop


def prefer(transport: paramiko.Transport, lines: Sequence[known.Line], hop: Hop) -> None:
    """Ask for a kind of host key that is known, certificates first where an authority vouches."""
    options = transport.get_security_options()
    usual = tuple(options.key_types)
    mine = {
        name
        for kind in known.kinds(lines, hop.hostname, hop.port)
        for name in (("rsa-sha2-512", "rsa-sha2-256") if kind == "ssh-rsa" else (kind,))
    }
    first = tuple(kind for kind in usual if kind in mine)
    if known.certified(lines, hop.hostname, hop.port):
        first = tuple(kind + known.CERT_SUFFIX for kind in usual) + first
    options.key_types = first + tuple(kind for kind in usual if kind not in first)


def refused(  # noqa: PLR0917
    verdict: known.Verdict, hop: Hop, way: Sequence[str], file: str, kind: str, fingerprint: str
) -> Unreached:
    """Return what is said about a host whose key is not known to be its own.

    Args:
        verdict: What is known.
        hop: The host.
        way: The hops before it, as ``ssh -J`` takes them.
        file: Where known hosts are written.
        kind: Of the key that it has shown.
        fingerprint: That key's.
    """
    name = known.name_of(hop.hostname, hop.port)
    scan = f"ssh-keyscan -p {hop.port} -t {kind.partition('-cert')[0].removeprefix('ssh-')} {hop.hostname}"
    if way:  # only from the last hop can it be seen
        *before, last = way
        jumps = f"-J {','.join(before)} " if before else ""
        scan = f"ssh {jumps}ssh://{last} {scan}"
    compare = "# on the host itself: cat /etc/ssh/ssh_host_*_key.pub | ssh-keygen -lf -\n"
    if verdict == "unknown":
        return Unreached(
            "host_key_unknown",
            f"The host key of {hop} is not known. It shows {kind} {fingerprint}.",
            f"{compare}{scan} | tee -a {file} | ssh-keygen -lf -",
        )
    if verdict == "revoked":
        return Unreached(
            "host_key_changed",
            f"The host key of {hop} is marked @revoked: {kind} {fingerprint}.",
            f"Give the host another key; or take the @revoked line out of {file}.",
        )
    return Unreached(
        "host_key_changed",
        f"The host key of {hop} is not the known one. It shows {kind} {fingerprint}: "
        "the host was set up anew, or somebody stands in between.",
        f"{compare}ssh-keygen -R '{name}' -f {file} && {scan} | tee -a {file} | ssh-keygen -lf -",
    )
