"""Figures in words: scores, differences, counts, and lists of names, as an analyst would write them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from archwise.records import Comparison, Metric

SHARES = {
    "accuracy",
    "balanced_accuracy",
    "f1",
    "roc_auc",
    "quadratic_kappa",
    "macro_auc",
    "micro_f1",
    "subset_accuracy",
    "entity_f1",
    "entity_precision",
    "entity_recall",
    "word_accuracy",
    "macro_f1",
}  # told in points, hundredths of the whole
_MOST_DECIMALS = 4  # smaller figures are written as 1.2e-05


def score_words(metric: Metric, value: float) -> str:
    """A score: four decimals for a share, four digits for what has a unit."""
    if not math.isfinite(value):
        return "unknown"
    if metric.name in SHARES:
        return f"{value:.4f}"
    return f"{value:,.0f}" if abs(value) >= 1_000 else f"{value:.4g}"


def difference_words(metric: Metric, found: Comparison) -> str:
    """The size of a difference with its unit, such as "0.4 points"; empty where it is nought in the digits shown."""
    scale, unit = _unit(metric)
    number = _rounded(abs(found.difference) * scale, _size(found) * scale)
    return "" if float(number.replace(",", "")) == 0 else f"{number} {unit}"


def interval_words(metric: Metric, found: Comparison) -> str:
    """The interval of a difference, such as "95 % interval 0.1 to 0.7"."""
    scale, _ = _unit(metric)
    low, high = (_rounded(end * scale, _size(found) * scale) for end in (found.low, found.high))
    return f"95 % interval {low} to {high}"


def amount_of(metric: Metric, value: float) -> str:
    """A difference of scores without an interval, such as "0.4 points"."""
    return difference_words(metric, Comparison("", "", value, value, value, 0)) or "a trace"


def ms_words(ms: float) -> str:
    """Milliseconds in two digits, from ten on whole ones, such as 0.013 or 130."""
    return f"{ms:.2g}" if ms < 10 else f"{ms:,.0f}"


def gap_words(metric: Metric, gap: float) -> str:
    """How much worse a score is than another, such as "0.4 points worse than"."""
    if not math.isfinite(gap):
        return "not to be compared with the score"
    told = difference_words(metric, Comparison("", "", gap, gap, gap, 0))
    small = metric.name in SHARES and abs(gap) < 0.00005  # nought in the digits of `score_words`
    return "the same as" if small or not told else f"{told} {'worse' if gap > 0 else 'better'} than"


def _unit(metric: Metric) -> tuple[float, str]:
    return (100.0, "points") if metric.name in SHARES else (1.0, metric.unit or metric.name)


def _size(found: Comparison) -> float:
    """What sets the digits: the difference, or half the width of its interval where that is larger."""
    half = (found.high - found.low) / 2
    return max(abs(found.difference), half if math.isfinite(half) else 0.0)


def _rounded(value: float, size: float) -> str:
    """Two digits of what is `size` large, and as many decimals of the rest."""
    if not math.isfinite(value):
        return "unknown"
    decimals = 0 if size == 0 else max(0, 1 - math.floor(math.log10(size)))
    if decimals > _MOST_DECIMALS:
        return f"{value:.1e}"
    told = f"{value:,.{decimals}f}"
    return told.removeprefix("-") if not told.strip("-0.,") else told


def plural(count: int, noun: str) -> str:
    """A count with its noun, such as "1 row" or "4,884 rows"."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def amount(value: float) -> str:
    """A count to two digits, rounded up, such as "1,300" of 1,234."""
    unit: int = 10 ** max(0, math.floor(math.log10(max(value, 1.0))) - 1)
    return f"{math.ceil(value / unit) * unit:,}"


def join(names: Sequence[str], *, most: int) -> str:
    """Names in a row with "and", the last ones counted where there are too many."""
    shown = list(names[:most])
    if len(names) > most:
        return f"{', '.join(shown)} and {len(names) - most} more"
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else ""
