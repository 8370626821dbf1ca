"""Percentiles and medians of small samples."""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.report import Value


def percentile(samples: list[float], share: float) -> float:
    """Return the nearest-rank percentile, ``share`` from 0 to 1."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def typical(runs: list[Value]) -> Value:
    """Return the median run; a word (such as "never") when most runs ended in one."""
    figures = [run for run in runs if not isinstance(run, str)]
    words = [run for run in runs if isinstance(run, str)]
    return median(figures) if len(figures) > len(words) else words[0]


def p95(tries: list[Value]) -> Value:
    """Return the 95th percentile; a word (such as "never") when any try ended in one."""
    words = [each for each in tries if isinstance(each, str)]
    return words[0] if words else percentile([float(each) for each in tries], 0.95)
