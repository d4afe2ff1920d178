"""How answered classes stand against true ones: counts, shares with intervals, curves, and how honest the odds are.

Everything is in NumPy, so that facts can be gathered where nothing is installed that trains; the tests hold it against
scikit-learn.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

import numpy as np

from archwise.records import Array, Json

MOST_SHOWN = 20  # classes of a whole matrix; of more, only those that are confused most are told
MOST_PAIRS = 12
MOST_POINTS = 100  # of a curve
N_BINS = 10  # of equally many rows, in which odds are held against shares
_Z = 1.959964  # of the 95 % interval


def confusion(truth: Array, answered: Array, labels: Sequence[str]) -> dict[str, Json]:
    """Counts of answered classes against true ones.

    Args:
        truth, answered: (N,) int64 classes.

    Returns:
        labels and counts, (K, K) with a row for each true class, where there are at most MOST_SHOWN; pairs: those that
        were confused most, with counts and shares of the true class.
    """
    n_classes = len(labels)
    counts = np.bincount(truth * n_classes + answered, minlength=n_classes**2).reshape(n_classes, n_classes)
    off = counts * ~np.eye(n_classes, dtype=bool)
    order = np.argsort(-off, axis=None, kind="stable")[:MOST_PAIRS]
    pairs = [divmod(int(place), n_classes) for place in order if off.flat[place] > 0]
    held = counts.sum(axis=1)
    return {
        "labels": list(labels) if n_classes <= MOST_SHOWN else [],
        "counts": counts.tolist() if n_classes <= MOST_SHOWN else [],
        "pairs": [
            {"true": labels[true], "answered": labels[said], "n": int(counts[true, said]),
             "share": float(counts[true, said] / held[true])}
            for true, said in pairs
        ],
    }  # fmt: skip


def of_each_class(truth: Array, answered: Array, labels: Sequence[str]) -> list[dict[str, Json]]:
    """Rows, precision, recall with its 95 % interval, and F1 of each class.

    Args:
        truth, answered: (N,) int64 classes.
    """
    return [of_one(truth == place, answered == place, label) for place, label in enumerate(labels)]


def of_one(is_true: Array, is_said: Array, label: str) -> dict[str, Json]:
    """As `of_each_class`, of one class or label: (N,) bool each."""
    right, n_true, n_said = int((is_true & is_said).sum()), int(is_true.sum()), int(is_said.sum())
    low, high = wilson(right, n_true)
    return {
        "label": label,
        "n": n_true,
        "precision": right / n_said if n_said else None,
        "recall": right / n_true if n_true else None,
        "low": low,
        "high": high,
        "f1": 2 * right / (n_true + n_said) if n_true + n_said else None,
    }


def wilson(n_right: int, n: int) -> tuple[float | None, float | None]:
    """The 95 % interval of a share; none of no rows.

    Source:
        Wilson 1927.
    """
    if n == 0:
        return None, None
    share, squared = n_right / n, _Z**2
    middle = (share + squared / (2 * n)) / (1 + squared / n)
    half = _Z * sqrt(share * (1 - share) / n + squared / (4 * n * n)) / (1 + squared / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def rank_curves(is_true: Array, scores: Array, label: str) -> dict[str, Json] | None:
    """The ROC and the precision-recall curve of one class; None where all rows are, or none is, of it.

    Args:
        is_true: (N,) bool. scores: (N,), greater where it is likelier.

    Returns:
        label, share of rows; auc and roc: [[false alarms, hits], …] as shares; average_precision and pr: [[recall,
        precision], …].

    Source:
        Davis & Goadrich 2006: average precision is a sum of steps, not of straight lines.
    """
    n_true = int(is_true.sum())
    if n_true in (0, len(is_true)):
        return None
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)  # the last of rows of equal score
    hits = np.cumsum(is_true[order])[ends].astype(np.float64)
    alarms = 1.0 + ends - hits
    found, false = hits / n_true, alarms / (len(is_true) - n_true)
    precision = hits / (hits + alarms)
    roc = np.stack([np.append(0.0, false), np.append(0.0, found)], axis=1)
    return {
        "label": label,
        "share": n_true / len(is_true),
        "auc": float(np.trapezoid(roc[:, 1], roc[:, 0])),
        "average_precision": float((np.diff(found, prepend=0.0) * precision).sum()),
        "roc": thinned(roc),
        "pr": thinned(np.stack([found, precision], axis=1)),
    }


def thinned(points: Array) -> list[list[float]]:
    """At most MOST_POINTS of a curve (M, 2), evenly along the horizontal and the first and the last among them."""
    if len(points) > MOST_POINTS:
        wanted = np.linspace(points[0, 0], points[-1, 0], MOST_POINTS)
        places = np.unique(np.clip(np.searchsorted(points[:, 0], wanted), 0, len(points) - 1))
        points = points[np.unique(np.concatenate([[0], places, [len(points) - 1]]))]
    return [[round(float(x), 5), round(float(y), 5)] for x, y in points]


def reliability(shares: Array, is_true: Array) -> list[dict[str, float]]:
    """In bins of equally many rows, what was said and what came true.

    Args:
        shares: (N,) probabilities. is_true: (N,) bool.

    Returns:
        said, true, low, high (95 %), n of each bin.
    """
    bins = []
    for places in np.array_split(np.argsort(shares, kind="stable"), N_BINS):
        if not len(places):
            continue
        n_true = int(is_true[places].sum())
        low, high = wilson(n_true, len(places))
        assert low is not None  # a bin has rows
        assert high is not None
        said = float(shares[places].mean())
        bins.append({"said": said, "true": n_true / len(places), "low": low, "high": high, "n": len(places)})
    return bins
