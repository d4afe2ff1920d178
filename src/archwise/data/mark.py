"""Values of a column of numbers that mean something of their own, and tails that reach far.

A value that stands for a missing cell (-999), a value that most rows share (0 of an amount that few have), and a 0 far
below all else are no points on the scale of the others. Each gets a mark of its own, and the scale is that of the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from archwise.records import Array

Why = Literal["sentinel", "zero", "spike"]
SENTINELS = frozenset(
    sign * (10.0**n_digits - 1) for n_digits in range(1, 8) for sign in (-1, 1) if (n_digits, sign) != (1, 1)
) | {-1.0}
MOST_JUDGED = 100_000  # values from which is told, evenly over the column
_FEWEST = 30  # values beside a mark
_FEWEST_DISTINCT = 20  # of them: fewer are steps rather than a scale
_SENTINEL_ROWS, _SENTINEL_SHARE = 5, 1e-3
_ZERO_SHARE = 0.1  # above it, zeros far from the rest are as well a part of the rows that have none
_SPIKE_SHARE = 0.2
_SPIKE_LEAD = 5  # times as often as the next
_NORMAL_MAD = 1.4826  # median absolute deviations to a standard deviation, of a normal distribution
_FAR, _APART = 3.5, 1.0  # standard deviations: of a zero from the median of the rest, and from their nearest
_HEAVY = 10.0  # excess kurtosis; 0 is normal, 3 is Laplace, 6 exponential
_STRAY_SHARE, _STRAY_ROWS = 1e-3, 3  # of the values, that may be errors rather than a tail


@dataclass(frozen=True)
class Mark:
    """A value with a meaning of its own, how many of the values judged hold it, and the range of the others."""

    value: float
    why: Why
    share: float
    low: float
    high: float


def find_marks(values: Array) -> tuple[Mark, ...]:
    """The values of a column that need a mark, the surest first.

    Sentinel: -1, or all nines of either sign but 9, in a thousandth of the rows or more, further from its nearest
    neighbour than the whole range of the others. Zero: in a tenth of the rows at most, the least by far of values that
    are all positive. Spike: a fifth of the rows hold it, five times as many as any other, and the others are a scale.

    Args:
        values: (N,) float64, finite.
    """
    values = judged(values)
    marks: list[Mark] = []
    n_values = len(values)
    distinct, counts = np.unique(values, return_counts=True)
    for find in (_sentinel, _sentinel, _zero, _spike):
        place, why = find(distinct, counts)
        if place < 0:
            continue
        rest = np.delete(distinct, place)
        marks.append(
            Mark(float(distinct[place]), why, float(counts[place] / n_values), float(rest[0]), float(rest[-1]))
        )
        distinct, counts = rest, np.delete(counts, place)
    return tuple(marks)


def is_heavy(values: Array) -> bool:
    """Whether a scale of many values has tails that reach far: an excess kurtosis above 10 without the farthest few.

    Args:
        values: (N,) float64, finite, without those that are marked.
    """
    values = judged(values)
    if len(np.unique(values)) <= _FEWEST_DISTINCT:
        return False
    values = values * 0.25  # so that no difference overflows
    distances = np.abs(values - np.median(values))
    n_stray = max(_STRAY_ROWS, int(_STRAY_SHARE * len(values)))
    farthest = np.partition(distances, -n_stray - 1)[-n_stray - 1]
    return _excess_kurtosis(values[distances <= farthest]) > _HEAVY


def _excess_kurtosis(values: Array) -> float:
    """The fourth moment over the square of the second, less 3 as of a normal distribution; 0 of one value."""
    largest = float(np.abs(values).max(initial=0.0))
    shares = values / largest if largest else values  # within ±1, so that no power overflows
    squares = np.square(shares - shares.mean()) if len(values) else values
    variance = float(squares.mean()) if len(values) else 0.0
    return float(np.square(squares / variance).mean()) - 3.0 if variance > 1e-24 else 0.0


def judged(values: Array) -> Array:
    """As many of the values as are judged, evenly over all."""
    return values[:: max(1, len(values) // MOST_JUDGED)]


def _sentinel(distinct: Array, counts: Array) -> tuple[int, Why]:
    """The place of an end that is isolated and has the shape of a sentinel, or -1."""
    n_values = int(counts.sum())
    for place in {0, len(distinct) - 1} if len(distinct) else ():
        others = np.delete(distinct, place) * 0.5  # so that no difference overflows
        is_often = counts[place] >= max(_SENTINEL_ROWS, _SENTINEL_SHARE * n_values)
        if not is_often or distinct[place] not in SENTINELS or not _is_scale(others, n_values - counts[place]):
            continue
        if np.abs(others[[0, -1]] - 0.5 * distinct[place]).min() > others[-1] - others[0]:
            return place, "sentinel"
    return -1, "sentinel"


def _zero(distinct: Array, counts: Array) -> tuple[int, Why]:
    """The place of 0 where it is the least by far, or -1."""
    if not len(distinct) or distinct[0] != 0.0 or not _is_scale(distinct[1:], counts[1:].sum()):
        return -1, "zero"
    others = np.repeat(distinct[1:], counts[1:])
    median = float(np.median(others))
    spread = _NORMAL_MAD * float(np.median(np.abs(others - median)))
    is_apart = spread > 0 and median > _FAR * spread and distinct[1] > _APART * spread
    is_seldom = _SENTINEL_ROWS <= counts[0] <= _ZERO_SHARE * counts.sum()
    return (0, "zero") if is_apart and is_seldom else (-1, "zero")


def _spike(distinct: Array, counts: Array) -> tuple[int, Why]:
    """The place of the value that most rows share, or -1."""
    if len(distinct) < 2:
        return -1, "spike"
    place = int(np.argmax(counts))
    n_values, rest = int(counts.sum()), np.delete(counts, place)
    is_spike = counts[place] >= max(_SPIKE_SHARE * n_values, _SPIKE_LEAD * rest.max())
    return (place, "spike") if is_spike and _is_scale(np.delete(distinct, place), rest.sum()) else (-1, "spike")


def _is_scale(distinct: Array, n_values: int) -> bool:
    """Whether the other values are many enough, and enough of them differ."""
    return len(distinct) >= _FEWEST_DISTINCT and n_values >= _FEWEST
