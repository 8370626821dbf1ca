"""The table: rows of figures, each with its limit and whether muxboard keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

RAW, ATTACH, TERMINADO, PLAIN, TMUX = (
    "raw PTY",
    "tmux attach",
    "terminado",
    "muxboard, plain",
    "muxboard, tmux",
)
FIXED = "fixed watermarks"  # the service with ttyd's
COLUMNS = (RAW, ATTACH, TERMINADO, FIXED, PLAIN, TMUX)
OURS = (PLAIN, TMUX)
LIMIT = "limit"
# Each of ours is held against the same program with nothing between.
BASE = {PLAIN: RAW, TMUX: ATTACH, TERMINADO: RAW}

Value = float | str
Values = dict[str, Value]


@dataclass(frozen=True, slots=True)
class Limit:
    """What a row must keep: a value alone, or its difference to or ratio over a base."""

    bound: float
    against: Mapping[str, Value] | None = None  # by column of ours; None: the value alone
    ratio: bool = False
    at_least: bool = False
    columns: tuple[str, ...] = OURS
    what: str = ""

    def text(self, unit: str) -> str:
        sign = "≥" if self.at_least else "≤"
        if self.against is None:
            return f"{sign} {self.bound:g} {unit}".rstrip()
        what = self.what or "raw"
        return f"{sign} {self.bound:g} x {what}" if self.ratio else f"{sign} {what} + {self.bound:g} {unit}"

    def judge(self, column: str, value: Value) -> tuple[bool, str]:
        """Return whether a column keeps the limit, and the compared figure."""
        if isinstance(value, str):
            return value == "yes", ""
        if self.against is None:
            figure, shown = value, ""
        else:
            base = self.against.get(column)
            if base is None or isinstance(base, str):
                return False, "no base"
            figure = value / base if self.ratio else value - base
            shown = f"{figure:.2f}x" if self.ratio else f"{figure:+.2f}"
        return (figure >= self.bound if self.at_least else figure <= self.bound), shown


WHOLE = Limit(0, what="whole")


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    unit: str
    values: Values
    limit: Limit | None = None
    digits: int = 2

    def verdict(self, column: str) -> str:
        if self.limit is None or column not in self.limit.columns or column not in self.values:
            return ""
        value, base = self.values[column], self.values.get(BASE[column])
        kept, shown = self.limit.judge(column, value)
        if kept:
            return f"pass {shown}".strip()
        if self.limit.against is None and isinstance(value, float) and isinstance(base, float):
            # Where what has nothing between misses it too: how much of it is the service's?
            return "**short**" if self.limit.judge(column, base)[0] else f"**as bare** {value - base:+.2f}"
        return f"**short** {shown}".strip()

    def cells(self) -> list[str]:
        figures = [self._show(self.values.get(column)) for column in COLUMNS]
        limit = "" if self.limit is None else "yes" if self.limit is WHOLE else self.limit.text(self.unit)
        name = f"{self.name}, {self.unit}" if self.unit else self.name
        return [name, *figures, limit, *(self.verdict(column) for column in OURS)]

    def _show(self, value: Value | None) -> str:
        if value is None:
            return ""
        return value if isinstance(value, str) else f"{value:.{self.digits}f}"


def against_base(values: Values) -> Values:
    """Return the base value of each of our columns, from a row that has the bare ones too."""
    return {ours: values[base] for ours, base in BASE.items() if base in values}


@dataclass(slots=True)
class Report:
    """Rows by group, in the order in which they were measured."""

    machine: list[tuple[str, str]]
    groups: dict[str, list[Row]] = field(default_factory=dict)
    heads: dict[tuple[str, str], str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, group: str, *rows: Row) -> None:
        self.groups.setdefault(group, []).extend(rows)

    def head(self, group: str, column: str, text: str) -> None:
        """Call a column otherwise in one group."""
        self.heads[group, column] = text

    def note(self, text: str) -> None:
        """Say what went wrong, now and below the table."""
        print(f"  {text}", flush=True)
        self.notes.append(text)

    def missed(self) -> list[str]:
        return [
            f"{group}, {row.name} ({column}): {row.cells()[1 + COLUMNS.index(column)]}"
            for group, rows in self.groups.items()
            for row in rows
            for column in OURS
            if "**" in row.verdict(column)
        ]

    def markdown(self) -> str:
        lines = [
            "# Benchmark results",
            "",
            "Written by `make bench`; what each row means stands in `bench/README.md`.",
            "",
        ]
        lines += [f"- {name}: {value}" for name, value in self.machine]
        lines.append("")
        for group, rows in self.groups.items():
            columns = [self.heads.get((group, column), column) for column in COLUMNS]
            table = [["", *columns, LIMIT, "plain", "tmux"], *(row.cells() for row in rows)]
            lines += [f"## {group}", "", *_table(_filled(table)), ""]
        missed = self.missed()
        kept = "All limits are kept." if not self.notes else "Not everything was measured."
        lines.append("Limits that are not kept:" if missed else kept)
        lines += [f"- {text}" for text in missed]
        if self.notes:
            lines += ["", "Notes:", *(f"- {note}" for note in self.notes)]
        return "\n".join(lines) + "\n"

    def write(self, path: Path) -> None:
        path.write_text(self.markdown())


def _filled(table: list[list[str]]) -> list[list[str]]:
    """Leave out the columns that no row has anything in."""
    keep = [at for at in range(len(table[0])) if any(row[at] for row in table[1:])]
    return [[row[at] for at in keep] for row in table]


def _table(table: list[list[str]]) -> list[str]:
    heads, *rows = table
    widths = [max(len(row[at]) for row in table) for at in range(len(heads))]
    left = {at for at, head in enumerate(heads) if head in {"", LIMIT}}

    def line(cells: list[str]) -> str:
        padded = [
            c.ljust(w) if i in left else c.rjust(w)
            for i, (c, w) in enumerate(zip(cells, widths, strict=True))
        ]
        return "| " + " | ".join(padded) + " |"

    rule = "|" + "|".join("-" * (w + 1) + ("-" if i in left else ":") for i, w in enumerate(widths)) + "|"
    return [line(heads), rule, *(line(row) for row in rows)]
