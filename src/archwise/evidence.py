"""The evidence: a paired bootstrap of the deciding metric, and intervals that hold for every pair at once.

Every resample draws the same rows for all candidates, so what the rows have in common cancels in a difference.
The interval of a difference is its value ± c × its standard error, where c is the 95 % point of the largest
standardised difference over all pairs in a resample. So the best network may be held against the best reference
after both were picked by looking: that pair is one of those covered.
Sources: Efron & Tibshirani 1993 (bootstrap); Westfall & Young 1993, Romano & Wolf 2005 (the largest of all pairs).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from archwise.records import Array, Comparison, Metric

LEVEL = 0.95
N_RESAMPLES = 2_000
FEWEST_UNITS = 10  # fewer independent rows or groups than this carry no claim: every pair is tied
_CELLS_A_CHUNK = 20_000_000  # weights held at once, so that memory stays modest


@dataclass(frozen=True)
class BootstrapScores:
    """Scores of M candidates on the same rows.

    point: (M,) on all rows. resampled: (R, M) on each resample. n_units: rows or groups that were drawn.
    sign: +1 where greater is better, else -1.
    """

    point: Array
    resampled: Array
    n_units: int
    sign: float


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

    Args:
        truth: (N,) encoded targets.
        outputs: (N, K) of each candidate.
        groups: (N,) group of each row, where the rows of a group are not independent; whole groups are drawn.
        seed: the same seed draws the same rows.
    """
    n_rows = len(truth)
    ones = np.ones((1, n_rows))
    point = np.array([metric.score(truth, given, ones)[0] for given in outputs])
    parts = [
        np.stack([metric.score(truth, given, weights) for given in outputs], axis=1)
        for weights in _resample(n_rows, groups, seed=seed, n_resamples=n_resamples)
    ]
    n_units = n_rows if groups is None else len(np.unique(groups))
    return BootstrapScores(point, np.concatenate(parts), n_units, metric.sign)


def _resample(n_rows: int, groups: Array | None, *, seed: int, n_resamples: int) -> Iterator[Array]:
    """How often each row counts in each resample: chunks of (R, N) float64."""
    rng = np.random.default_rng(seed)
    members = np.arange(n_rows) if groups is None else np.unique(groups, return_inverse=True)[1]
    n_units = int(members.max()) + 1
    chunk = max(1, min(n_resamples, _CELLS_A_CHUNK // n_rows))
    for start in range(0, n_resamples, chunk):
        n_now = min(chunk, n_resamples - start)
        drawn = rng.integers(0, n_units, size=(n_now, n_units))
        flat = (drawn + np.arange(n_now)[:, None] * n_units).ravel()
        counts = np.bincount(flat, minlength=n_now * n_units).reshape(n_now, n_units)
        yield counts[:, members].astype(np.float64)


def interval(scores: BootstrapScores, candidate: int) -> tuple[float, float]:
    """The 95 % interval of one candidate's score, between the percentiles of its resamples."""
    tail = (1.0 - LEVEL) / 2.0
    low, high = np.quantile(scores.resampled[:, candidate], [tail, 1.0 - tail])
    return float(low), float(high)


def critical_value(scores: BootstrapScores) -> float:
    """How many standard errors the interval of a difference reaches, so that all pairs are covered at once."""
    largest = np.zeros(len(scores.resampled))
    for left, right in combinations(range(len(scores.point)), 2):
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
        difference = scores.sign * float(scores.point[left] - scores.point[right])
        error = float((scores.resampled[:, left] - scores.resampled[:, right]).std(ddof=1))
        half = np.inf if scores.n_units < FEWEST_UNITS and left != right else reach * error
        found.append(
            Comparison(labels[left], labels[right], difference, difference - half, difference + half, scores.n_units)
        )
    return found
