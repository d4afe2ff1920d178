"""Figures in words: scores, differences, counts, and lists of names, as an analyst would write them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from archwise.records import Comparison, Metric

SHARES = {"accuracy", "balanced_accuracy", "f1", "roc_auc"}  # told in points, hundredths of the whole


def score_words(metric: Metric, value: float) -> str:
    """A score: four decimals for a share, four digits for what has a unit."""
    if not math.isfinite(value):
        return "unknown"
    if metric.name in SHARES:
        return f"{value:.4f}"
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"


def difference_words(metric: Metric, found: Comparison, *, interval: bool = True) -> str:
    """A difference with its interval, such as "0.4 points (95 % interval 0.1 to 0.7)"."""
    scale, unit = (100.0, "points") if metric.name in SHARES else (1.0, metric.unit or metric.name)
    low, middle, high = (_rounded(value * scale, found, scale) for value in (found.low, found.difference, found.high))
    return f"{middle} {unit} (95 % interval {low} to {high})" if interval else f"{middle} {unit}"


def _rounded(value: float, found: Comparison, scale: float) -> str:
    """Enough digits to see the width of the interval, and no more."""
    if not math.isfinite(value):
        return "any"
    size = max(abs(found.difference), (found.high - found.low) / 2 if math.isfinite(found.high) else 0.0) * scale
    decimals = 0 if size == 0 else max(0, 1 - math.floor(math.log10(size)))
    return f"{value:,.{min(decimals, 6)}f}"


def plural(count: int, noun: str) -> str:
    """A count with its noun, such as "1 row" or "4,884 rows"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def amount(value: float) -> str:
    """A large count to two digits."""
    digits = max(0, math.floor(math.log10(max(value, 1.0))) - 1)
    return f"{round(value, -digits):,.0f}"


def join(names: Sequence[str], *, most: int) -> str:
    """Names in a row with "and", the last ones counted where there are too many."""
    shown = list(names[:most])
    if len(names) > most:
        return f"{', '.join(shown)} and {len(names) - most} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else ""
