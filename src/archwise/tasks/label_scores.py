"""Figures of merit of several labels a row, each under many weightings of the rows at once.

Every function has the shape that `Metric.score` asks for: truth (N, K) of 0 and 1, outputs (N, K) logits, weights
(R, N) -> (R,). A label is answered from the logit 0 on. Outputs that are not finite get the worst value.
"""

from __future__ import annotations

import numpy as np

from archwise.records import Array
from archwise.tasks.scores import roc_auc


def sigmoid(logits: Array) -> Array:
    """Probabilities of logits, of the same shape, float64."""
    shares: Array = np.exp(-np.logaddexp(0.0, -logits.astype(np.float64)))
    return shares


def macro_auc(truth: Array, outputs: Array, weights: Array) -> Array:
    """Mean over the labels of the area under the ROC curve.

    Returns:
        (R,) from 0 to 1; a label that all or no rows of a resample have counts one half.
    """
    areas = [
        roc_auc(held, np.stack([-logits, logits], axis=1), weights, positive=1)
        for held, logits in zip(truth.T.astype(np.int64), outputs.T, strict=True)
    ]
    means: Array = np.mean(areas, axis=0)
    return means


def micro_f1(truth: Array, outputs: Array, weights: Array) -> Array:
    """Harmonic mean of precision and recall, every label of every row counted alike.

    Returns:
        (R,) from 0 to 1; 1 where there is no label, and none is answered.
    """
    if not np.isfinite(outputs).all():
        return np.zeros(len(weights))
    said, held = outputs >= 0, truth > 0.5
    hits = weights @ (said & held).sum(axis=1)
    both = weights @ (said.sum(axis=1) + held.sum(axis=1))
    harmonic: Array = np.divide(2.0 * hits, both, out=np.ones(len(weights)), where=both > 0)
    return harmonic


def subset_accuracy(truth: Array, outputs: Array, weights: Array) -> Array:
    """Share of rows whose labels are all answered and no other: (R,) from 0 to 1."""
    if not np.isfinite(outputs).all():
        return np.zeros(len(weights))
    return _mean(((outputs >= 0) == (truth > 0.5)).all(axis=1), weights)


def hamming_loss(truth: Array, outputs: Array, weights: Array) -> Array:
    """Share of labels, over rows and labels, that are answered wrongly: (R,) from 0 to 1."""
    if not np.isfinite(outputs).all():
        return np.ones(len(weights))
    return _mean(((outputs >= 0) != (truth > 0.5)).mean(axis=1), weights)


def label_log_loss(truth: Array, outputs: Array, weights: Array) -> Array:
    """Mean over rows and labels of the negative log probability of what is true: (R,) nats, 0 is best."""
    if not np.isfinite(outputs).all():
        return np.full(len(weights), np.inf)
    sides = np.where(truth > 0.5, -1.0, 1.0) * outputs.astype(np.float64)
    return _mean(np.logaddexp(0.0, sides).mean(axis=1), weights)


def _mean(values: Array, weights: Array) -> Array:
    means: Array = weights @ values.astype(np.float64) / weights.sum(axis=1)
    return means
