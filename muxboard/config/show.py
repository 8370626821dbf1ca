"""What ``muxboard config`` prints, and the reference page: all from the structs."""

from __future__ import annotations

import typing
from typing import Any

import msgspec

from muxboard.config.schema import Config, Loaded
from muxboard.config.values import Bind, Duration, Rate, RegistryUrl, Size

_PATTERNS: dict[type, dict[str, Any]] = {
    Duration: {"type": "string", "pattern": r"^(\d+(\.\d+)? *(ms|s|m|h|d))?$"},
    Size: {"type": "string", "pattern": r"^\d+ *(B|KiB|MiB|GiB)?$"},
    Rate: {"type": "string", "pattern": r"^\d+ */ *(second|minute|hour|day)$"},
    Bind: {"type": "string"},
    RegistryUrl: {"type": "string", "pattern": "^(memory|rediss?|unix)://"},
}
# What the example shows where there is no default, or where a default alone would not work.
_EXAMPLES: dict[str, Any] = {
    "auth.gate": "token",
    "auth.jwt.issuer": "https://idp.example.com",
    "auth.jwt.audience": "muxboard",
    "auth.jwt.jwks_url": "https://idp.example.com/keys",
    "auth.links.issuers.issuer": "https://ci.example.com",
    "auth.links.issuers.jwks_url": "https://ci.example.com/keys",
    "grants.role": "operator",
    "grants.principals": ["ada@example.com"],
    "grants.create_users": ["deploy"],
    "hosts.key": "web1",
    "hosts.hostname": "web1.internal",
    "hosts.host_keys": "strict",
    "hosts.max_sessions": 20,
}
EXAMPLE = "(example) "  # marks the lines that say no default


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the file."""
    schema = msgspec.json.schema(Config, schema_hook=lambda kind: dict(_PATTERNS[kind]))
    for _, kind, _ in _sections(Config, ""):
        properties = schema["$defs"][kind.__name__]["properties"]
        for field in msgspec.structs.fields(kind):
            if not field.required and isinstance(value := _default(field), tuple(_PATTERNS)):
                properties[field.name]["default"] = str(value)
    return schema


def example() -> str:
    """A commented example: every field with its default, or with an example that is marked as one."""
    lines = [
        "# muxboard.toml: every field. What is commented out is the default, and lines marked (example) show",
        "# what could be set. Durations and sizes have units.",
        "",
    ]
    for path, kind, repeated in _sections(Config, ""):
        lines.append(f"# {' '.join((kind.__doc__ or '').split())}")
        lines.append(f"# [[{path}]]" if repeated else f"[{path}]")
        for field in msgspec.structs.fields(kind):
            if _struct_of(field.type)[0] is not None:
                continue
            wanted = _EXAMPLES.get(f"{path}.{field.name}")
            shown, mark = (_default(field), "") if wanted is None else (wanted, EXAMPLE)
            lines.append(f"# {field.name} = {_toml(shown)}  # {mark}{_description(field.type)}")
        lines.append("")
    return "\n".join(lines)


def reference() -> str:
    """The page docs/configuration.md."""
    lines = [
        "# Configuration",
        "",
        "Printed from `muxboard/config/schema.py`; a test keeps it fresh. TOML, looked for in this order:",
        "`-c`, `$MUXBOARD_CONFIG`, `./muxboard.toml`, `~/.config/muxboard/muxboard.toml`,",
        "`/etc/muxboard/muxboard.toml`. The third and the fourth must be one's own or root's, and not for",
        "everybody to write.",
        "`MUXBOARD_BIND`, `MUXBOARD_TOKEN`, `MUXBOARD_REGISTRY_URL` and",
        "`MUXBOARD_LOG_LEVEL` override the file.",
        "Secrets never stand in the file: they are named by `…_env` or `…_file`.",
        "",
    ]
    for path, kind, repeated in _sections(Config, ""):
        title = f"[[{path}]]" if repeated else f"[{path}]"
        doc = " ".join((kind.__doc__ or "").split()).partition(": ")[2]
        lines += [
            f"## `{title}`",
            "",
            doc[:1].upper() + doc[1:],
            "",
            "| key | default | meaning |",
            "|---|---|---|",
        ]
        lines += [
            f"| `{field.name}` | {_told_default(field)} | {_description(field.type)} |"
            for field in msgspec.structs.fields(kind)
            if _struct_of(field.type)[0] is None
        ]
        lines.append("")
    return "\n".join(lines)


def effective(loaded: Loaded) -> str:
    """The configuration in force, as TOML, secrets masked."""
    lines = [f"# {loaded.source or 'embedded default'}", ""]
    _print_struct(loaded.config, "", lines)
    if loaded.token is not None:
        lines.append(f"# token: {loaded.token!r}")
    return "\n".join(lines) + "\n"


def _print_struct(value: msgspec.Struct, path: str, lines: list[str]) -> None:
    plain: list[tuple[str, Any]] = []
    nested: list[tuple[str, Any]] = []
    for field in msgspec.structs.fields(value):
        item = getattr(value, field.name)
        (nested if _struct_of(field.type)[0] else plain).append((field.name, item))
    lines.extend(f"{name} = {_toml(item)}" for name, item in plain if item is not None)
    for name, item in nested:
        child = f"{path}.{name}" if path else name
        if isinstance(item, msgspec.Struct):
            lines += ["", f"[{child}]"]
            _print_struct(item, child, lines)
        else:
            for row in item:
                lines += ["", f"[[{child}]]"]
                _print_struct(row, child, lines)


def _sections(kind: type[msgspec.Struct], path: str) -> list[tuple[str, type[msgspec.Struct], bool]]:
    found = []
    for field in msgspec.structs.fields(kind):
        child, repeated = _struct_of(field.type)
        if child is not None:
            name = f"{path}.{field.name}" if path else field.name
            found.append((name, child, repeated))
            found.extend(_sections(child, name))
    return found


def _struct_of(kind: Any) -> tuple[type[msgspec.Struct] | None, bool]:
    if typing.get_origin(kind) is list:
        return _struct_of(typing.get_args(kind)[0])[0], True
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return kind, False
    return None, False


def _default(field: msgspec.structs.FieldInfo) -> Any:
    """NODEFAULT: it must be given. None: what it is then is said by its description."""
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return field.default


def _told_default(field: msgspec.structs.FieldInfo) -> str:
    value = _default(field)
    if value is msgspec.NODEFAULT:
        return "required"
    return "not set" if value is None else f"`{_toml(value)}`"


def _description(kind: Any) -> str:
    while typing.get_origin(kind) is typing.Annotated:
        kind, *metas = typing.get_args(kind)
        for meta in metas:
            if meta.description:
                return str(meta.description)
    return ""


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (Duration, Size, Rate, Bind, RegistryUrl)):
        return f'"{value}"'
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return msgspec.json.encode(str(value)).decode()
