"""Untrusted mappings into frozen structs, with every error at once and each with its path."""

from __future__ import annotations

import difflib
import re
import types
import typing
from typing import Any

import msgspec

from muxboard.config.values import decode_value

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")  # as TOML has it
# A "$" in a pattern would also match before a final newline; nothing we take holds such characters.
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def decode(kind: Any, value: Any, path: str, errors: list[tuple[str, str]]) -> Any:
    """Convert a value to a type, adding ``(path, reason)`` for everything wrong inside it."""
    bare, must = _bare(kind)
    if isinstance(value, str) and _CONTROL.search(value):
        errors.append((path, "must not contain control characters"))
        return None
    if isinstance(bare, type) and issubclass(bare, msgspec.Struct):
        return _decode_struct(bare, value, path, errors)
    if typing.get_origin(bare) is list and isinstance(value, list):
        (item,) = typing.get_args(bare)
        return [decode(item, each, f"{path}[{index}]", errors) for index, each in enumerate(value)]
    try:
        return msgspec.convert(value, kind, dec_hook=decode_value)
    except (msgspec.ValidationError, ValueError) as error:
        errors.append((path, f"must {must or _must(bare, str(error))}"))
        return None


def _decode_struct(
    kind: type[msgspec.Struct], value: Any, path: str, errors: list[tuple[str, str]]
) -> msgspec.Struct | None:
    if not isinstance(value, dict):
        errors.append((path, "must be a table"))
        return None
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    before = len(errors)
    for key in value.keys() - fields.keys():
        close = difflib.get_close_matches(key, fields, n=1)
        errors.append((_join(path, key), f"unknown key{f'; did you mean {close[0]}?' if close else ''}"))
    found = {
        name: decode(field.type, value[name], _join(path, name), errors)
        for name, field in fields.items()
        if name in value
    }
    errors.extend(
        (_join(path, name), "is required")
        for name, field in fields.items()
        if field.required and name not in value
    )
    return kind(**found) if len(errors) == before else None


def _join(path: str, key: str) -> str:
    shown = key if _BARE_KEY.fullmatch(key) else msgspec.json.encode(key).decode()
    return f"{path}.{shown}" if path else shown


def _bare(kind: Any) -> tuple[Any, str]:
    """Strip ``Annotated`` and ``| None``, for TOML has no null; return the type and what its values must
    be, where the schema says."""
    must = ""
    while typing.get_origin(kind) in {typing.Annotated, types.UnionType}:
        kind, *others = typing.get_args(kind)
        for meta in others:
            must = must or (getattr(meta, "extra", None) or {}).get("must", "")
    return kind, must


def _must(kind: Any, message: str) -> str:
    words = {str: "be a string", int: "be a whole number", bool: "be true or false"}
    if "length" in message:
        return "be shorter" if "<=" in message else "not be empty"
    if typing.get_origin(kind) is list:
        return "be a list"
    return getattr(kind, "must", None) or words.get(kind, "be valid")
