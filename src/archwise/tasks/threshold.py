"""The probability from which on the positive of two classes is answered, for a named cost or metric."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from archwise.records import Array

RULES = ("f1", "balanced_accuracy", "cost")


@dataclass(frozen=True)
class Tally:
    """Rows by truth and answer at M thresholds: each (M,), for the positive class and the other."""

    hits: Array
    alarms: Array
    misses: Array
    rests: Array


def best_threshold(shares: Array, is_positive: Array, rule: str) -> float:
    """Find the threshold that is best by a rule on the validation rows.

    Every threshold that splits the rows is tried; of equals the one nearest to a half is taken.

    Args:
        shares: (N,) probability of the positive class.
        is_positive: (N,) bool.
        rule: "f1" or "balanced_accuracy", means over both classes, or "cost:MISS:ALARM": what a positive that is
            missed costs, and what a false alarm costs.

    Returns:
        the positive class is answered from this probability on; between two neighbouring probabilities.
    """
    levels, place = np.unique(shares, return_inverse=True)
    positives = np.bincount(place, weights=is_positive)
    others = np.bincount(place, weights=~is_positive)
    # Threshold m answers positive from levels[m] on; the last one answers it never.
    hits = np.append(np.cumsum(positives[::-1])[::-1], 0.0)
    alarms = np.append(np.cumsum(others[::-1])[::-1], 0.0)
    tally = Tally(hits, alarms, hits[0] - hits, alarms[0] - alarms)
    middles = 0.5 * (levels[1:] + levels[:-1])
    middles = np.where(middles > levels[:-1], middles, levels[1:])
    thresholds = np.concatenate([[0.0], middles, [np.nextafter(levels[-1], 2.0)]])
    merits = merit(tally, rule)
    best = np.flatnonzero(merits >= merits.max() - 1e-12)
    return float(thresholds[best[np.argmin(np.abs(thresholds[best] - 0.5))]])


def merit(tally: Tally, rule: str) -> Array:
    """How good each of M thresholds is by a rule, (M,), greater is better; a cost is a negative mean over rows."""
    hits, alarms, misses, rests = tally.hits, tally.alarms, tally.misses, tally.rests
    if rule == "f1":
        return 0.5 * (_share(2 * hits, 2 * hits + alarms + misses) + _share(2 * rests, 2 * rests + alarms + misses))
    if rule == "balanced_accuracy":
        return 0.5 * (_share(hits, hits + misses) + _share(rests, rests + alarms))
    _, of_miss, of_alarm = rule.split(":")
    cost: Array = (float(of_miss) * misses + float(of_alarm) * alarms) / (hits + alarms + misses + rests)
    return -cost


def tally_at(shares: Array, is_positive: Array, threshold: float) -> Tally:
    """The tally of one threshold, each (1,)."""
    said = shares >= threshold
    groups = (said & is_positive, said & ~is_positive, ~said & is_positive, ~said & ~is_positive)
    return Tally(*(np.array([float(group.sum())]) for group in groups))


def _share(part: Array, whole: Array) -> Array:
    shares: Array = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    return shares
