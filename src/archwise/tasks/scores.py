"""Figures of merit in NumPy: each scores one set of outputs under many weightings of the rows at once.

Every function has the shape that `Metric.score` asks for: truth (N,), outputs (N, K), weights (R, N) -> (R,).
Weights are how often each row counts, so a resample drawn with replacement is one row of weights; each of them
counts at least one row. Outputs that are not finite get the worst value of the metric, never an exception.
"""

from __future__ import annotations

import numpy as np

from archwise.records import Array

SMALLEST_EXPECTED = 1e-6  # expected count that a deviance is taken from, in units of the target's scale
_CHUNK_CELLS = 500_000  # of (R, N) weights that are rearranged at a time: 4 MB, about what a core's cache holds


# ---------------------------------------------------------------- classes


def roc_auc(truth: Array, outputs: Array, weights: Array, *, positive: int) -> Array:
    """Share of the pairs of a positive and a negative row that the outputs rank rightly: the area under the ROC curve.

    Args:
        truth: (N,) int64 classes.
        outputs: (N, 2) logits or log probabilities.
        weights: (R, N) counts.
        positive: the class that counts as positive.

    Returns:
        (R,) from 0 to 1; rows of equal score count one half; 0.5 where a resample holds one class only.

    Source:
        Hanley & McNeil 1982: the area is the Mann-Whitney statistic.
    """
    if not np.isfinite(outputs).all():
        return np.zeros(len(weights))
    scores = outputs[:, positive].astype(np.float64) - outputs[:, 1 - positive]
    positives, negatives = np.flatnonzero(truth == positive), np.flatnonzero(truth != positive)
    negatives = negatives[np.argsort(scores[negatives], kind="stable")]
    first = np.searchsorted(scores[negatives], scores[positives], side="left")
    last = np.searchsorted(scores[negatives], scores[positives], side="right")
    n_rows = max(1, _CHUNK_CELLS // max(1, len(truth)))
    parts = [
        _auc(chunk[:, positives], chunk[:, negatives], first=first, last=last)
        for chunk in (weights[start : start + n_rows] for start in range(0, len(weights), n_rows))
    ]
    return np.concatenate(parts) if parts else np.empty(0)


def _auc(positive: Array, negative: Array, *, first: Array, last: Array) -> Array:
    below = np.zeros((len(negative), negative.shape[1] + 1))  # (R, n+1) weight of the n lowest negatives
    np.cumsum(negative, axis=1, out=below[:, 1:])
    won = np.einsum("rp,rp->r", positive, below[:, first])
    won_or_drawn = np.einsum("rp,rp->r", positive, below[:, last])
    pairs = positive.sum(axis=1) * below[:, -1]
    both = pairs > 0
    area: Array = np.divide(0.5 * (won + won_or_drawn), pairs, out=np.full(len(pairs), 0.5), where=both)
    return area


def accuracy(truth: Array, outputs: Array, weights: Array) -> Array:
    """Share of rows whose largest output is their class.

    Args:
        truth: (N,) int64 classes.
        outputs: (N, K).
        weights: (R, N) counts.

    Returns:
        (R,) from 0 to 1; 0 where outputs are not finite.
    """
    if not np.isfinite(outputs).all():
        return np.zeros(len(weights))
    return _mean((outputs.argmax(axis=1) == truth).astype(np.float64), weights)


def balanced_accuracy(truth: Array, outputs: Array, weights: Array) -> Array:
    """Mean over classes of the share of its rows that are found, over the classes that a resample holds.

    Args:
        truth: (N,) int64 classes.
        outputs: (N, K).
        weights: (R, N) counts.

    Returns:
        (R,) from 0 to 1; 0 where outputs are not finite.
    """
    if not np.isfinite(outputs).all():
        return np.zeros(len(weights))
    found, _, held = _tallies(truth, outputs, weights)
    recall = np.divide(found, held, out=np.zeros_like(found), where=held > 0)
    means: Array = recall.sum(axis=1) / (held > 0).sum(axis=1)
    return means


def f1(truth: Array, outputs: Array, weights: Array) -> Array:
    """Mean of the harmonic mean of precision and recall, over the classes that are held or answered.

    Args:
        truth: (N,) int64 classes.
        outputs: (N, K).
        weights: (R, N) counts.

    Returns:
        (R,) from 0 to 1; 0 where outputs are not finite.
    """
    if not np.isfinite(outputs).all():
        return np.zeros(len(weights))
    found, answered, held = _tallies(truth, outputs, weights)
    either = held + answered
    harmonic = np.divide(2.0 * found, either, out=np.zeros_like(found), where=either > 0)
    means: Array = harmonic.sum(axis=1) / (either > 0).sum(axis=1)
    return means


def log_loss(truth: Array, outputs: Array, weights: Array) -> Array:
    """Mean negative logarithm of the probability that the softmax of the outputs gives the true class.

    Args:
        truth: (N,) int64 classes.
        outputs: (N, K) logits.
        weights: (R, N) counts.

    Returns:
        (R,) in nats, 0 is best; infinite where outputs are not finite.
    """
    if not np.isfinite(outputs).all():
        return np.full(len(weights), np.inf)
    return _mean(row_log_loss(truth, outputs), weights)


def row_log_loss(truth: Array, logits: Array) -> Array:
    """Negative log probability of the true class, row by row, in float64.

    Args:
        truth: (N,) int64 classes.
        logits: (N, K).

    Returns:
        (N,) in nats.
    """
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    losses: Array = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(truth)), truth]
    return losses


def _tallies(truth: Array, outputs: Array, weights: Array) -> tuple[Array, Array, Array]:
    """Weight of the rows of each class that are found, answered and held, each (R, K)."""
    answers, n_classes = outputs.argmax(axis=1), outputs.shape[1]
    hits = answers == truth

    def tally(classes: Array, counts: Array) -> Array:
        return np.stack([np.bincount(classes, weights=row, minlength=n_classes) for row in counts])

    return tally(truth[hits], weights[:, hits]), tally(answers, weights), tally(truth, weights)


# ---------------------------------------------------------------- ordered classes


def quadratic_kappa(truth: Array, outputs: Array, weights: Array) -> Array:
    """Agreement of answered and true classes beyond chance, where a miss costs the square of the ranks between.

    Args:
        truth: (N,) int64 classes, numbered in their order.
        outputs: (N, K).
        weights: (R, N) counts.

    Returns:
        (R,) 1 is perfect, 0 is chance; -1 where outputs are not finite; 0 where all is one class.

    Source:
        Cohen 1968.
    """
    if not np.isfinite(outputs).all():
        return np.full(len(weights), -1.0)
    ranks, answered = truth.astype(np.float64), outputs.argmax(axis=1).astype(np.float64)
    found = _mean((ranks - answered) ** 2, weights)
    crossed = _mean(ranks, weights) * _mean(answered, weights)
    by_chance = _mean(ranks**2, weights) - 2.0 * crossed + _mean(answered**2, weights)
    varies = by_chance > 1e-12
    kappa = np.where(varies, 1.0 - found / np.where(varies, by_chance, 1.0), 0.0)
    return np.where(np.abs(kappa) < 1e-12, 0.0, kappa)


def rank_error(truth: Array, outputs: Array, weights: Array) -> Array:
    """Mean number of ranks between the answered and the true class.

    Args:
        truth: (N,) int64 classes, numbered in their order.
        outputs: (N, K).
        weights: (R, N) counts.

    Returns:
        (R,) from 0 to K - 1; K - 1 where outputs are not finite.
    """
    if not np.isfinite(outputs).all():
        return np.full(len(weights), outputs.shape[1] - 1.0)
    return _mean(np.abs(outputs.argmax(axis=1) - truth).astype(np.float64), weights)


# ---------------------------------------------------------------- numbers


def root_mean_squared_error(truth: Array, outputs: Array, weights: Array, *, scale: float) -> Array:
    """Root of the mean squared distance between answer and truth.

    Args:
        truth: (N,) standardised targets.
        outputs: (N, 1) standardised.
        weights: (R, N) counts.
        scale: units of the target in one standardised unit.

    Returns:
        (R,) in the target's units; infinite where outputs are not finite.
    """
    if not np.isfinite(outputs).all():
        return np.full(len(weights), np.inf)
    roots: Array = scale * np.sqrt(_mean(_residuals(truth, outputs) ** 2, weights))
    return roots


def mean_absolute_error(truth: Array, outputs: Array, weights: Array, *, scale: float) -> Array:
    """Mean distance between answer and truth.

    Args:
        truth: (N,) standardised targets.
        outputs: (N, 1) standardised.
        weights: (R, N) counts.
        scale: units of the target in one standardised unit.

    Returns:
        (R,) in the target's units; infinite where outputs are not finite.
    """
    if not np.isfinite(outputs).all():
        return np.full(len(weights), np.inf)
    return scale * _mean(np.abs(_residuals(truth, outputs)), weights)


def r_squared(truth: Array, outputs: Array, weights: Array) -> Array:
    """Share of the target's variance that the answers explain.

    Args:
        truth: (N,) standardised targets.
        outputs: (N, 1) standardised.
        weights: (R, N) counts.

    Returns:
        (R,) 1 is perfect, 0 is the mean's; where a resample's target does not vary, 1 if every answer is exact,
        else 0; minus infinity where outputs are not finite.
    """
    if not np.isfinite(outputs).all():
        return np.full(len(weights), -np.inf)
    values = truth.astype(np.float64) - truth.mean(
        dtype=np.float64
    )  # centred, so that the difference below keeps its digits
    unexplained = _mean(_residuals(truth, outputs) ** 2, weights)
    variance = _mean(values**2, weights) - _mean(values, weights) ** 2
    varies = variance > 1e-15 * max(1e-300, float(np.square(values).max()))
    flat = np.where(unexplained == 0.0, 0.0, 1.0)
    share: Array = 1.0 - np.divide(unexplained, variance, out=flat, where=varies)
    return share


def poisson_deviance(truth: Array, outputs: Array, weights: Array, *, zero: float, scale: float) -> Array:
    """Mean Poisson deviance of counts from expected counts.

    Args:
        truth: (N,) standardised targets.
        outputs: (N, 1) standardised; an answer of 0 or less counts as one millionth of the target's scale.
        weights: (R, N) counts.
        zero: what a count of 0 is among standardised targets.
        scale: units of the target in one standardised unit.

    Returns:
        (R,) in nats, 0 is best; infinite where outputs are not finite.

    Source:
        McCullagh & Nelder 1989, section 2.3.
    """
    if not np.isfinite(outputs).all():
        return np.full(len(weights), np.inf)
    counts = np.maximum(0.0, truth.astype(np.float64) - zero)
    expected = np.maximum(SMALLEST_EXPECTED, outputs[:, 0].astype(np.float64) - zero)
    logs = np.log(np.where(counts > 0, counts, expected) / expected)
    return scale * _mean(2.0 * (counts * logs - counts + expected), weights)


def root_mean_squared_log_error(truth: Array, outputs: Array, weights: Array, *, zero: float, scale: float) -> Array:
    """Root of the mean squared distance between the logarithms of one more than answer and truth.

    Args:
        truth, outputs, weights, zero, scale: as for `poisson_deviance`; an answer below 0 counts as 0.

    Returns:
        (R,) infinite where outputs are not finite.
    """
    if not np.isfinite(outputs).all():
        return np.full(len(weights), np.inf)
    logs = [np.log1p(scale * np.maximum(0.0, each.astype(np.float64) - zero)) for each in (outputs[:, 0], truth)]
    roots: Array = np.sqrt(_mean((logs[0] - logs[1]) ** 2, weights))
    return roots


def _residuals(truth: Array, outputs: Array) -> Array:
    distances: Array = outputs[:, 0].astype(np.float64) - truth
    return distances


def _mean(values: Array, weights: Array) -> Array:
    """Weighted mean of (N,) values for each of the (R, N) weights."""
    means: Array = weights @ values / weights.sum(axis=1)
    return means
