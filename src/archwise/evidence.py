"""The evidence: a paired bootstrap of the deciding metric, and intervals that hold for every pair at once.

Every resample draws the same rows for all candidates, so what the rows have in common cancels in a difference.
The interval of a difference is its value ± c × its standard error, where c is the 95 % point of the largest
standardised difference over all pairs in a resample. So the best network may be held against the best reference
after both were picked by looking: that pair is one of those covered. A standard error from few rows, or from rows of
which a few weigh most, is itself uncertain; c grows with that uncertainty, as Student's t does over the normal.
Sources: Efron & Tibshirani 1993 (bootstrap); Efron 1987 (BCa); Westfall & Young 1993, Romano & Wolf 2005 (the largest
of all pairs); Satterthwaite 1946 and Hasler & Hothorn 2008 (degrees of freedom of each pair); Wallace 1959 (t from z).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from statistics import NormalDist

import numpy as np

from archwise.records import Array, Comparison, Metric

LEVEL = 0.95
N_RESAMPLES = 2_000
FOLDED = 1.15  # how much wider the interval of a cross-fitted score is; found by simulation, benchmarks/evidence.py
FEWEST_UNITS = 20  # fewer independent rows or groups than this carry no claim: every pair is tied
MOST_ROWS = 20_000  # resampled; errors shrink with the root of the rows, so more of them only cost time
MOST_LEFT_OUT = 2_000  # units that are left out one by one to see how unevenly they weigh
CELLS_A_CHUNK = 4_000_000  # weights held at once: 32 MB
_NORMAL = NormalDist()


@dataclass(frozen=True)
class BootstrapScores:
    """Scores of M candidates on the same rows.

    point: (M,) on all rows. resampled: (R, M) on each resample. n_units: rows or groups that were drawn.
    sign: +1 where greater is better, else -1. left_out: (U, M) scores without each unit, or None for many units.
    n_folds: 1 for outputs of fixed models; else of models that were each fitted without one of so many folds.
    widening: factor on every error, where units are not as independent as they are drawn.
    """

    point: Array
    resampled: Array
    n_units: int
    sign: float
    left_out: Array | None = None
    n_folds: int = 1
    widening: float = 1.0


def bootstrap_scores(
    truth: Array,
    outputs: Sequence[Array],
    metric: Metric,
    *,
    seed: int,
    groups: Array | None = None,
    n_resamples: int = N_RESAMPLES,
) -> BootstrapScores:
    """Score every candidate on the same resamples of the rows.

    Of more than MOST_ROWS rows a random part of that size is resampled, and its deviations are scaled to all rows.

    Args:
        truth: (N,) encoded targets.
        outputs: (N, K) of each candidate.
        groups: (N,) group of each row, where the rows of a group are not independent; whole groups are drawn.
        seed: the same seed draws the same rows.
    """
    rng = np.random.default_rng(seed)
    units = np.arange(len(truth)) if groups is None else np.unique(groups, return_inverse=True)[1]
    n_units = int(units.max()) + 1
    point = _score(truth, outputs, metric, np.ones((1, len(truth))))[0]
    n_drawn = max(2, n_units * MOST_ROWS // len(truth))
    if n_drawn >= n_units:
        parts = [_score(truth, outputs, metric, weights) for weights in _resamples(units, rng, n_resamples)]
        left_out = None
        if 2 <= n_units <= MOST_LEFT_OUT:
            left_out = np.concatenate([_score(truth, outputs, metric, weights) for weights in _without_each(units)])
        return BootstrapScores(point, np.concatenate(parts), n_units, metric.sign, left_out)
    rows = np.flatnonzero(np.isin(units, rng.choice(n_units, n_drawn, replace=False)))
    part = [given[rows] for given in outputs]
    drawn = np.unique(units[rows], return_inverse=True)[1]
    centre = _score(truth[rows], part, metric, np.ones((1, len(rows))))
    parts = [_score(truth[rows], part, metric, weights) for weights in _resamples(drawn, rng, n_resamples)]
    resampled = point + (np.concatenate(parts) - centre) * math.sqrt(n_drawn / n_units)
    return BootstrapScores(point, resampled, n_units, metric.sign)


def of_folds(scores: BootstrapScores, n_folds: int, *, widening: float = 1.0) -> BootstrapScores:
    """The same scores, known to come from models that were each fitted without one of so many folds; 1 for one split.

    Their intervals are wider than the resamples alone would have them, for the training sets overlap.

    Args:
        widening: factor on every error where the drawn units depend on each other: the root of how many neighbours
            may be as one, as for stretches of time that are shorter than the forecasts judged on them.
    """
    return replace(scores, n_folds=n_folds, widening=widening)


def _score(truth: Array, outputs: Sequence[Array], metric: Metric, weights: Array) -> Array:
    """(R, M) scores under the (R, N) weights."""
    return np.stack([metric.score(truth, given, weights) for given in outputs], axis=1)


def _resamples(units: Array, rng: np.random.Generator, n_resamples: int) -> Iterator[Array]:
    """How often each row counts in each resample: chunks of (R, N) float64."""
    n_units = int(units.max()) + 1
    chunk = max(1, CELLS_A_CHUNK // len(units))
    for start in range(0, n_resamples, chunk):
        n_now = min(chunk, n_resamples - start)
        drawn = rng.integers(0, n_units, size=(n_now, n_units))
        flat = (drawn + np.arange(n_now)[:, None] * n_units).ravel()
        counts = np.bincount(flat, minlength=n_now * n_units).reshape(n_now, n_units)
        yield counts[:, units].astype(np.float64)


def _without_each(units: Array) -> Iterator[Array]:
    """Weights that leave out each unit in turn: chunks of (U, N) float64."""
    n_units = int(units.max()) + 1
    chunk = max(1, CELLS_A_CHUNK // len(units))
    for start in range(0, n_units, chunk):
        left_out = np.arange(start, min(n_units, start + chunk))
        yield (units[None, :] != left_out[:, None]).astype(np.float64)


def interval(scores: BootstrapScores, candidate: int) -> tuple[float, float]:
    """The 95 % interval of one candidate's score: bias-corrected and accelerated percentiles of its resamples."""
    resampled, point = scores.resampled[:, candidate], float(scores.point[candidate])
    if not np.isfinite(resampled).all():
        return point, point  # outputs that are no numbers: the worst score, whichever rows are drawn
    tail = (1.0 - LEVEL) / 2.0
    below = float((resampled < point).mean() + 0.5 * (resampled == point).mean())
    bias = _NORMAL.inv_cdf(min(max(below, tail), 1.0 - tail))
    pulls = None if scores.left_out is None else scores.left_out[:, candidate]
    acceleration, freedom = _acceleration(pulls), _freedom(pulls, scores.n_units)
    levels = []
    for side in (-1.0, 1.0):
        wider = scores.widening * (FOLDED if scores.n_folds > 1 else 1.0)
        reach = bias + side * _student(-_NORMAL.inv_cdf(tail), freedom) * _small(scores.n_units) * wider
        bent = 1.0 - acceleration * reach
        levels.append(_NORMAL.cdf(bias + reach / bent) if bent > 0 else float(side > 0))
    low, high = np.quantile(resampled, levels)
    return float(low), float(high)


def critical_value(scores: BootstrapScores) -> float:
    """How many standard errors the interval of a difference reaches, so that all pairs are covered at once."""
    largest = np.zeros(len(scores.resampled))
    for left, right in combinations(np.flatnonzero(np.isfinite(scores.point)), 2):
        differences = scores.resampled[:, left] - scores.resampled[:, right]
        error = differences.std(ddof=1)
        if error > 0:
            observed = scores.point[left] - scores.point[right]
            np.maximum(largest, np.abs(differences - observed) / error, out=largest)
    return float(np.quantile(largest, LEVEL))


def compare(scores: BootstrapScores, labels: Sequence[str], pairs: Sequence[tuple[int, int]]) -> list[Comparison]:
    """Compare pairs of candidates, each with an interval that is wide enough for every pair of the race.

    Args:
        labels: name of each candidate.
        pairs: (left, right) places; the difference is positive where the left one is better.
    """
    reach = critical_value(scores)
    found = []
    for left, right in pairs:
        if not np.isfinite(scores.point[[left, right]]).all():
            sure = _against_no_number(scores, left, right)
            found.append(Comparison(labels[left], labels[right], sure, sure, sure, scores.n_units))
            continue
        difference = scores.sign * float(scores.point[left] - scores.point[right])
        pulls = None if scores.left_out is None else scores.left_out[:, left] - scores.left_out[:, right]
        error = standard_error(scores, left, right)
        is_told = scores.n_units >= FEWEST_UNITS
        half = _student(reach, _freedom(pulls, scores.n_units)) * error if is_told else math.inf
        found.append(
            Comparison(labels[left], labels[right], difference, difference - half, difference + half, scores.n_units)
        )
    return found


def standard_error(scores: BootstrapScores, left: int, right: int) -> float:
    """The standard error of the difference of two candidates on the same rows; of few units it is a guess itself."""
    if left == right:
        return 0.0
    error = float((scores.resampled[:, left] - scores.resampled[:, right]).std(ddof=1))
    return _small(scores.n_units) * overlap(scores.n_folds) * scores.widening * error


def _against_no_number(scores: BootstrapScores, left: int, right: int) -> float:
    """The difference where an output is no number: infinite, or none where it is so on both sides."""
    is_left, is_right = np.isfinite(scores.point[[left, right]])
    return 0.0 if is_left == is_right else math.inf if is_left else -math.inf


def _freedom(left_out: Array | None, n_units: int) -> float:
    """Degrees of freedom of a standard error: those of a variance of N values with the kurtosis of the units' pulls.

    The standard error of a normal sample's kurtosis is added to it, since few values seldom show how heavy tails are.
    """
    most = float(n_units - 1)
    if left_out is None or n_units < 4:
        return most
    squares = np.square(left_out - left_out.mean())
    if squares.max() == 0:
        return most
    excess = float(np.square(squares).mean() / squares.mean() ** 2) - 3.0
    unbiased = most / ((n_units - 2) * (n_units - 3)) * ((n_units + 1) * excess + 6.0)
    cautious = unbiased + math.sqrt(24.0 / n_units)
    return min(most, 2.0 / max(cautious / n_units + 2.0 / most, 2.0 / most))


def _acceleration(left_out: Array | None) -> float:
    """How fast the standard error changes with the score: the skewness of the units' pulls, over 6 √N."""
    if left_out is None:
        return 0.0
    pulls = left_out.mean() - left_out
    scale = float(np.square(pulls).sum()) ** 1.5
    return float((pulls**3).sum()) / (6.0 * scale) if scale > 0 else 0.0


def _student(z: float, freedom: float) -> float:
    """The point of Student's t as far out as z is for the normal distribution; good to 1 % from 2 degrees on."""
    freedom = max(freedom, 2.0)
    exponent = (z * (8.0 * freedom + 3.0) / (8.0 * freedom + 1.0)) ** 2 / freedom
    return math.copysign(math.sqrt(freedom * math.expm1(min(exponent, 50.0))), z)


def _small(n_units: int) -> float:
    """What a bootstrap's standard error lacks for being drawn from N units instead of N - 1."""
    return math.sqrt(n_units / max(n_units - 1, 1))


def overlap(n_folds: int) -> float:
    """What the standard error of a difference lacks where models were fitted in folds: 1 for one fold, 1.5 for five.

    Any two training sets share rows, so that what one of them does to a model is not averaged away. With a correlation
    of 1/K between the folds' means, a bootstrap of rows sees (K - 1) / K of their variance σ², so σ² (K - 1) / K², and
    the mean has σ² (2 K - 1) / K² (Nadeau & Bengio 2003, for K-fold cross-validation).
    """
    return math.sqrt((2 * n_folds - 1) / (n_folds - 1)) if n_folds > 1 else 1.0
