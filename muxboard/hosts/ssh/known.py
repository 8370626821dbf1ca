"""Known host keys, as OpenSSH keeps them: hashed names, patterns, ``@cert-authority``, ``@revoked``.

Stricter than OpenSSH in one thing: where a host is known by a key of another type, or by an authority, an
unknown key is a changed one. Otherwise whoever stands in between could offer a kind that was never seen.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import hmac
import os
import re
import time
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal, NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.hazmat.primitives.serialization.ssh import (
    SSHCertificate,
    SSHCertificateType,
    load_ssh_public_identity,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_FILE_BYTES = 16 << 20
CERT_SUFFIX = "-cert-v01@openssh.com"
Verdict = Literal["known", "unknown", "changed", "revoked"]


class Line(NamedTuple):
    """One entry of a known_hosts file."""

    marker: str  # "", "@cert-authority" or "@revoked"
    names: str
    kind: str
    key: bytes


def read(paths: Sequence[str]) -> list[Line]:
    """Return the entries of files; one that is not there has none, a line that makes no sense is skipped.

    Raises:
        OSError: A file is there and cannot be read.
    """
    lines: list[Line] = []
    for path in paths:
        try:
            with open(path, encoding="utf-8", errors="replace", newline="\n") as file:  # noqa: PTH123
                lines += parse(file.read(MAX_FILE_BYTES))
        except FileNotFoundError:
            continue
    return lines


def parse(text: str) -> Iterator[Line]:
    """Yield the entries of a file's text."""
    for line in text.split("\n"):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        marker = fields.pop(0) if fields[0].startswith("@") else ""
        if marker not in {"", "@cert-authority", "@revoked"} or len(fields) < 3:  # noqa: PLR2004
            continue
        try:
            key = base64.b64decode(fields[2], validate=True)
        except (binascii.Error, ValueError):
            continue
        if _kind(key) == fields[1].encode() or marker == "@revoked":
            yield Line(marker, fields[0], fields[1], key)


def name_of(hostname: str, port: int) -> str:
    """Return what a host is called in these files."""
    name = hostname.lower()
    return name if port == 22 else f"[{name}]:{port}"  # noqa: PLR2004


def matches(names: str, name: str) -> bool:
    """Whether a line's first field means a host: a hashed name, or patterns of which none says no."""
    if names.startswith("|1|"):
        _, _, salt, digest = names.split("|", 3) if names.count("|") == 3 else ("", "", "", "")  # noqa: PLR2004
        try:
            made = hmac.digest(base64.b64decode(salt), name.encode(), hashlib.sha1)
            return bool(salt) and hmac.compare_digest(made, base64.b64decode(digest))
        except (binascii.Error, ValueError):
            return False
    found = False
    for pattern in names.lower().split(","):
        if _glob(pattern.removeprefix("!"), name):
            if pattern.startswith("!"):
                return False
            found = True
    return found


def _glob(pattern: str, name: str) -> bool:
    """Match with ``*`` and ``?`` alone: a bracket is a bracket."""
    if "*" not in pattern and "?" not in pattern:
        return pattern == name  # as nearly all are: each pattern is compiled
    return fnmatchcase(name, re.sub(r"\[", "[[]", pattern))


def judge(lines: Sequence[Line], hostname: str, port: int, key: bytes) -> Verdict:
    """Return what is known about the key (or certificate) that a host has shown.

    Args:
        lines: All entries.
        hostname: As configured.
        port: As configured.
        key: In ssh's wire format.

    Raises:
        ValueError: It is a certificate that cannot be read.
    """
    name = name_of(hostname, port)
    mine = [line for line in lines if matches(line.names, name)]
    certificate = _certificate(key)
    inside = {key} if certificate is None else {key, _wire(certificate), _authority(certificate)}
    if any(line.marker == "@revoked" and line.key in inside for line in mine):
        return "revoked"
    if certificate is not None:
        by = _authority(certificate)
        if any(line.marker == "@cert-authority" and line.key == by for line in mine):
            return "known" if _vouches(certificate, hostname) else "changed"
        key = _wire(certificate)
    if any(line.key == key for line in mine if not line.marker):
        return "known"
    # Known by another key, or by an authority that has not signed this one.
    return "changed" if any(line.marker != "@revoked" for line in mine) else "unknown"


def kinds(lines: Sequence[Line], hostname: str, port: int) -> list[str]:
    """Return the key types that a host is known by, so that it can be asked for one of those first."""
    name = name_of(hostname, port)
    found = dict.fromkeys(line.kind for line in lines if not line.marker and matches(line.names, name))
    return list(found)


def certified(lines: Sequence[Line], hostname: str, port: int) -> bool:
    """Whether an authority may vouch for a host."""
    name = name_of(hostname, port)
    return any(line.marker == "@cert-authority" and matches(line.names, name) for line in lines)


def fingerprint(key: bytes) -> str:
    """Return a key's SHA-256 fingerprint as ssh prints it; of a certificate, that of its key."""
    certificate = _certificate(key)
    digest = hashlib.sha256(key if certificate is None else _wire(certificate)).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def add(path: str, hostname: str, port: int, kind: str, key: bytes) -> Verdict:
    """Write a host's first key down, in one write, unless another has done so meanwhile.

    Returns:
        What is known about the key from now on: another writer may have known better.

    Raises:
        OSError: The file cannot be written.
    """
    folder = os.path.dirname(path)  # noqa: PTH120
    os.makedirs(folder, mode=0o700, exist_ok=True)  # noqa: PTH103
    line = f"{name_of(hostname, port)} {kind} {base64.b64encode(key).decode()}\n"
    with open(path, "a+b", opener=_private) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        before = file.read(MAX_FILE_BYTES)
        verdict = judge(list(parse(before.decode(errors="replace"))), hostname, port, key)
        if verdict != "unknown":
            return verdict
        os.write(file.fileno(), (b"" if before[-1:] in {b"", b"\n"} else b"\n") + line.encode())
        os.fsync(file.fileno())
    return "known"


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC, 0o600)


def _certificate(key: bytes) -> SSHCertificate | None:
    kind = _kind(key)
    if not kind.endswith(CERT_SUFFIX.encode()):
        return None
    try:
        found = load_ssh_public_identity(kind + b" " + base64.b64encode(key))
        if not isinstance(found, SSHCertificate):  # pragma: no cover  its name says that it is one
            raise ValueError("not a certificate")  # noqa: TRY004
        found.signature_key()
    except UnsupportedAlgorithm as error:
        raise ValueError(f"a certificate that cannot be read: {error}") from error
    return found


def _kind(key: bytes) -> bytes:
    return key[4 : 4 + int.from_bytes(key[:4])]


def _wire(certificate: SSHCertificate) -> bytes:
    return _encode(certificate.public_key())


def _authority(certificate: SSHCertificate) -> bytes:
    return _encode(certificate.signature_key())


def _encode(key: object) -> bytes:
    text = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)  # type: ignore[attr-defined]
    return base64.b64decode(text.split(b" ")[1])


def _vouches(certificate: SSHCertificate, hostname: str) -> bool:
    """Whether a certificate is a host's, for this name, now, unconditionally, and truly signed."""
    if certificate.type is not SSHCertificateType.HOST or certificate.critical_options:
        return False
    if not certificate.valid_after <= time.time() < certificate.valid_before:
        return False
    if bytes(certificate._inner_sig_type) == b"ssh-rsa":  # noqa: SLF001  SHA-1, which OpenSSH refuses since 8.2
        return False
    try:
        certificate.verify_cert_signature()
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    # Only now: names that nobody has signed could be patterns that take seconds to match.
    names = [name.decode(errors="replace").lower() for name in certificate.valid_principals]
    # One for no name would be for all; OpenSSH refuses that for hosts since 10.3.
    return any(_glob(name, hostname.lower()) for name in names)
