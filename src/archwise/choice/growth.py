"""What more rows would bring: scores of one candidate on parts of the training rows, and a power law through them.

One half of the training rows is cut into two quarters and those into four eighths, so that each size holds the next
and small sizes are drawn more than once; with the fit on all rows that makes four sizes for one and a half fits more.
Error(n) = a + b n^-c with b at least 0 is fitted to every resample of the validation rows, in which each size is also
moved by what drawing other training rows would change: that is told by the spread of the draws of a size, whose
variance is taken to fall as 1 / n. What the fits say of twice and of four times the rows is told with its interval: it
is what they would bring on average, while one particular draw of more rows may bring somewhat more or less.
Where folds decide, what the drawing of the judged rows changes is widened as it is in every score and difference of
folds; by simulation the interval then holds the true gain at least 96 times in 100 (`benchmarks/growth.py`).
Sources: Hestness et al. 2017 (power laws over sizes); Viering & Loog 2022 (power laws with a floor fit most learning
curves, and may not be trusted far beyond the sizes seen).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from archwise.choice.wording import amount_of, interval_words
from archwise.evidence import FOLDED, LEVEL, BootstrapScores, overlap
from archwise.records import Array, Comparison, Json, Metric

SIZES = (8, 4, 2)  # the parts of the rows that are drawn: eighths, quarters, one half
FEWEST_ROWS = 30  # of an eighth
POWERS = tuple(np.geomspace(0.1, 1.5, 15).tolist())  # that c may take; Hestness et al. 2017 saw 0.07 to 0.5
TIMES = (2, 4)  # as many rows as there are
_FLATTENING = 0.6  # of what the last doubling brought, under which a curve flattens
_TAIL = (1.0 - LEVEL) / 2.0


@dataclass(frozen=True)
class Part:
    """A part of the training rows: its name, what part of all it is (8 for an eighth), and its rows, rising.

    Where folds decide it is a part of all rows that are not sealed, and a fold learns from those that it does not leave
    out: so the training rows of two folds share as many at every size as they do on all rows.
    """

    name: str
    size: int
    rows: Array


def cut_parts(strata: Sequence[Array], *, seed: int, n_fit: int, groups: Array | None = None) -> tuple[Part, ...]:
    """Cut one half of the rows into eighths and quarters; the largest part comes first.

    Args:
        strata: each (N,) int: of the first every part gets its share of every value, of the next within that too;
            not where rows are grouped.
        n_fit: rows that a fit on all learns from: fewer than N where folds decide.
        groups: (N,) group of each row; a group stays whole.

    Returns:
        one half, two quarters, four eighths; none where an eighth of a fit would be too few rows or no whole group.
    """
    rng = np.random.default_rng(seed)
    n_rows = len(strata[0])
    if n_fit < FEWEST_ROWS * SIZES[0]:
        return ()
    if groups is None:
        order = np.argsort(_ranks(strata, rng), kind="stable")
        edges = [n_rows * place // SIZES[0] for place in range(SIZES[0] // 2 + 1)]
    else:
        place_of = np.unique(groups, return_inverse=True)[1]
        place_of = rng.permutation(int(place_of.max()) + 1)[place_of]
        order = np.argsort(place_of, kind="stable")
        borders = np.concatenate([[0], np.cumsum(np.bincount(place_of))])
        wanted = n_rows * np.arange(SIZES[0] // 2 + 1) / SIZES[0]
        edges = [int(borders[np.abs(borders - edge).argmin()]) for edge in wanted]
    if min(np.diff(edges)) == 0:
        return ()
    parts = []
    for size in reversed(SIZES):
        n_eighths = SIZES[0] // size
        for place in range(SIZES[0] // 2 // n_eighths):
            start, stop = edges[place * n_eighths], edges[(place + 1) * n_eighths]
            parts.append(Part(f"1-{size}-{place}", size, np.sort(order[start:stop])))
    return tuple(parts)


def _ranks(strata: Sequence[Array], rng: np.random.Generator) -> Array:
    """A number of each row so that every stretch of the sorted numbers holds its share of every stratum."""
    joined = [np.zeros(len(strata[0]), dtype=np.int64)]
    for stratum in strata:
        _, code = np.unique(stratum, return_inverse=True)
        joined.append(joined[-1] * (int(code.max()) + 1) + code)
    rank = rng.random(len(strata[0]))
    for stratum in reversed(joined[1:]):
        order = np.lexsort((rank, stratum))
        counts = np.unique(stratum, return_counts=True)[1]
        rank = np.empty(len(stratum))
        rank[order] = np.concatenate([(np.arange(count) + rng.random()) / count for count in counts])
    return rank


@dataclass(frozen=True)
class Growth:
    """How the score grows with the rows.

    n_rows: (P,) of each size, all rows last. points: (P,) score at each. resampled: (R, P) in each resample.
    power: the median of c. gains: (R, 2) what twice and four times the rows would bring, at least 0.
    """

    n_rows: Array
    points: Array
    resampled: Array
    power: float
    gains: Array


def grow(scores: BootstrapScores, sizes: Sequence[int], n_rows: Sequence[float], *, seed: int) -> Growth:
    """Fit the growth of a score.

    Args:
        scores: of the parts and of all rows, in the order of `sizes`.
        sizes: what part of all each is, 1 for all.
        n_rows: that each was fitted on; in folds, in the mean of them.
    """
    rng = np.random.default_rng(seed)
    every = sorted(set(sizes), reverse=True)
    at = [np.flatnonzero(np.asarray(sizes) == size) for size in every]
    rows = np.asarray([np.asarray(n_rows)[places].mean() for places in at])
    seen = rows * np.asarray([len(places) for places in at])  # rows behind the mean of each size
    points = np.asarray([scores.point[places].mean() for places in at])
    resampled = np.stack([scores.resampled[:, places].mean(axis=1) for places in at], axis=1)
    variance = _drawn_variance(scores.point, at, rows, rng, n_resamples=len(scores.resampled))
    judged, drawn = resampled - points, rng.normal(size=resampled.shape) * np.sqrt(variance[:, None] / seen)
    of_gains = points + overlap(scores.n_folds) * judged + drawn
    power, gains = _fit(-scores.sign * of_gains, rows, weights=seen / seen.sum())
    of_points = points + (FOLDED if scores.n_folds > 1 else 1.0) * judged + drawn
    return Growth(rows, points, of_points, float(np.median(power)), gains)


def _drawn_variance(
    point: Array, at: Sequence[Array], rows: Array, rng: np.random.Generator, *, n_resamples: int
) -> Array:
    """What drawing other training rows changes: variance of a score times its rows, (R,) as uncertain as it is.

    Args:
        at: places of each size in `point`. rows: of each size.
    """
    freedom = sum(len(places) - 1 for places in at)
    if freedom == 0:
        return np.zeros(n_resamples)
    squares = sum(
        n * float(np.square(point[places] - point[places].mean()).sum()) for n, places in zip(rows, at, strict=True)
    )
    variance: Array = squares / rng.chisquare(freedom, n_resamples)
    return variance


def _fit(errors: Array, rows: Array, *, weights: Array) -> tuple[Array, Array]:
    """Fit error = a + b n^-c to each line of (R, P) errors: c (R,), and what more rows would bring (R, 2)."""
    n_all = rows[-1]
    centre = errors @ weights
    best = np.full(len(errors), np.inf)
    powers, gains = np.zeros(len(errors)), np.zeros((len(errors), len(TIMES)))
    for power in POWERS:
        fall = (rows / n_all) ** -power
        apart = fall - weights @ fall
        slope = np.maximum(0.0, (errors - centre[:, None]) @ (weights * apart) / (weights @ apart**2))
        left = np.square(errors - centre[:, None] - slope[:, None] * apart) @ weights
        better = left < best
        best[better], powers[better] = left[better], power
        gains[better] = slope[better, None] * (1.0 - np.asarray(TIMES, float) ** -power)
    return powers, gains


# ---------------------------------------------------------------- in words and as facts


def growth_json(growth: Growth, metric: Metric, label: str) -> dict[str, Json]:
    """The facts of a growth as verdict.json holds them, with the sentence that tells them."""
    low, high = np.quantile(growth.resampled, [_TAIL, 1.0 - _TAIL], axis=0)
    points = [
        {"n": round(float(n)), "score": float(score), "low": float(least), "high": float(most)}
        for n, score, least, most in zip(growth.n_rows, growth.points, low, high, strict=True)
    ]
    facts: dict[str, Json] = {"label": label, "points": points, "power": growth.power}
    for place, (name, times) in enumerate(zip(("doubled", "fourfold"), TIMES, strict=True)):
        gain, least, most = (float(value) for value in np.quantile(growth.gains[:, place], [0.5, _TAIL, 1.0 - _TAIL]))
        ends = sorted(points[-1]["score"] + metric.sign * value for value in (least, most))
        facts[name] = {
            "n": round(times * float(growth.n_rows[-1])),
            "score": points[-1]["score"] + metric.sign * gain,
            "low": ends[0],
            "high": ends[1],
            "gain": [gain, least, most],
        }
    facts["sentence"] = _sentence(facts, metric)
    return facts


def _sentence(facts: Mapping[str, Json], metric: Metric) -> str:
    doubled, fourfold = facts["doubled"], facts["fourfold"]
    gain, low, high = doubled["gain"]
    told = f"Twice the training rows ({doubled['n']:,})"
    if not low > 0.0 or not math.isfinite(gain):
        most = f", at most about {_amount(metric, high)} of {metric.name}" if math.isfinite(high) and high > 0 else ""
        return f"{told} would bring {facts['label']} nothing that these rows can tell{most}."
    verb = "raise" if metric.greater_is_better else "lower"
    between = interval_words(metric, Comparison("", "", gain, low, high, 0))
    bend = "is flattening" if 2.0 ** -facts["power"] < _FLATTENING else "has not begun to flatten"
    return (
        f"{told} would {verb} the {metric.name} of {facts['label']} by about {_amount(metric, gain)} on average "
        f"({between}), four times as many by about {_amount(metric, fourfold['gain'][0])}; the curve {bend}."
    )


def _amount(metric: Metric, value: float) -> str:
    """A difference in two digits with its unit, where it has one besides the metric's name."""
    return amount_of(metric, float(f"{value:.1e}")).removesuffix(f" {metric.name}")
