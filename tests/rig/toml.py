"""A configuration as TOML: tables, arrays of tables and plain values, which is all that ours has."""

from __future__ import annotations

import json
from typing import Any


def dumps(table: dict[str, Any], path: str = "") -> str:
    """The table as TOML text. JSON's strings, numbers, booleans and lists are TOML's too."""
    lines = [
        f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items() if not _deep(value)
    ]
    for key, value in table.items():
        if isinstance(value, dict):
            lines += ["", f"[{path}{key}]", dumps(value, f"{path}{key}.")]
        elif _deep(value):
            for entry in value:
                lines += ["", f"[[{path}{key}]]", dumps(entry, f"{path}{key}.")]
    return "\n".join(lines).strip("\n") + "\n"


def _deep(value: Any) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(entry, dict) for entry in value)
    )
