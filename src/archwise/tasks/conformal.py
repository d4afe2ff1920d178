"""Conformal answers: label sets and intervals that hold the truth as often as they say, whatever made the model.

The validation rows stand in for new rows; a group of dependent rows counts there as many times as it has rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

import numpy as np

from archwise.records import Array, Json
from archwise.tasks.calibration import N_FOLDS, pays

COVERAGE = 0.9  # share of new rows whose truth a set or an interval shall hold
BIN_ROWS = 200  # validation rows of an interval's own width, at the least
MOST_BINS = 10


def set_floor(shares: Array, answered: Array, targets: Array) -> float:
    """The probability from which on a label belongs to the set of a row, beside the answered one, which always does.

    Args:
        shares: (N, K) calibrated probabilities of the validation rows.
        answered: (N,) int64 classes.
        targets: (N,) int64 classes.

    Returns:
        from 0 to 1; 0, so that every label belongs, with too few rows for the guarantee; 1 where the answered label
        alone holds enough.

    Source:
        Sadinle, Lei & Wasserman 2019: the least ambiguous sets (LAC), by split conformal; a row whose truth is
        answered has the best score there is, so that the sets stay nested and the guarantee stays whole.
    """
    n_rows = len(targets)
    place = ceil((n_rows + 1) * COVERAGE)
    if place > n_rows:
        return 0.0
    of_truth = np.where(answered == targets, 1.0, shares[np.arange(n_rows), targets])
    return float(np.sort(of_truth)[n_rows - place])


def half_widths(predictions: Array, distances: Array) -> dict[str, Json]:
    """Half widths that hold nine of ten rows: one for all, and one for each range of the prediction where that pays.

    The ranges hold equally many rows, BIN_ROWS or more. They pay where the cross-validated interval score, which counts
    width and misses, is lower by more than the standard error of the difference.

    Args:
        predictions: (N,) of the validation rows.
        distances: (N,) from prediction to truth, 0 or more, in the unit that the widths shall have.

    Returns:
        half_width: for all; with too few rows for the guarantee, the largest distance seen.
        edges: (M - 1,) where the ranges meet, and half_widths: (M,); only where they pay.
        coverage: the share of rows that they are made for.

    Source:
        Lei et al. 2018, split conformal; Vovk et al. 2005, section 4.5 (Mondrian); Gneiting & Raftery 2007 (the score).
    """
    found: dict[str, Json] = {"half_width": _half_width(distances), "coverage": COVERAGE}
    edges = _edges(predictions)
    if len(edges) and _ranges_pay(predictions, distances):
        found |= {"edges": edges.tolist(), "half_widths": _in_ranges(predictions, distances, edges).tolist()}
    return found


def offset(beyond: Array) -> float:
    """How far both ends of a learnt interval move outwards, or inwards where negative, to hold nine of ten rows.

    Args:
        beyond: (N,) how far the truth of each validation row lies outside its interval; inside, negative.

    Returns:
        in the unit of `beyond`; with too few rows for the guarantee, the largest.

    Source:
        Romano, Patterson & Candès 2019 (CQR), theorem 1.
    """
    return _half_width(beyond)


def half_width_of(calibration: Mapping[str, Json], predictions: Array) -> Array:
    """The half width of each row's interval, (N,), by the calibration from `half_widths`."""
    if "edges" not in calibration:
        return np.full(len(predictions), float(calibration["half_width"]))
    widths: Array = np.array(calibration["half_widths"])[_range_of(predictions, np.array(calibration["edges"]))]
    return widths


def _half_width(distances: Array) -> float:
    """The ceil((N + 1) * coverage)-th smallest distance, or the largest where there are fewer."""
    place = min(len(distances), ceil((len(distances) + 1) * COVERAGE)) - 1
    return float(np.sort(distances)[place])


def _edges(predictions: Array) -> Array:
    """Where ranges of equally many rows meet; none where rows or different predictions are too few."""
    n_bins = min(MOST_BINS, len(predictions) // BIN_ROWS)
    edges = np.quantile(predictions, np.arange(1, n_bins) / n_bins) if n_bins > 1 else np.empty(0)
    held = np.bincount(_range_of(predictions, edges), minlength=len(edges) + 1)
    return edges if held.min() >= BIN_ROWS // 2 else np.empty(0)


def _range_of(predictions: Array, edges: Array) -> Array:
    return np.searchsorted(edges, predictions, side="right")


def _in_ranges(predictions: Array, distances: Array, edges: Array) -> Array:
    ranges = _range_of(predictions, edges)
    return np.array([_half_width(distances[ranges == number]) for number in range(len(edges) + 1)])


def _ranges_pay(predictions: Array, distances: Array) -> bool:
    folds = np.random.default_rng(0).permutation(len(predictions)) % N_FOLDS
    gains = np.empty(len(predictions))
    for fold in range(N_FOLDS):
        rest, held = folds != fold, folds == fold
        edges = _edges(predictions[rest])
        if not len(edges):
            return False
        own = _in_ranges(predictions[rest], distances[rest], edges)[_range_of(predictions[held], edges)]
        one = np.full(int(held.sum()), _half_width(distances[rest]))
        gains[held] = _interval_score(one, distances[held]) - _interval_score(own, distances[held])
    return pays(gains)


def _interval_score(widths: Array, distances: Array) -> Array:
    """Half of the interval score of each row: the half width, and what a miss lies outside by, over half the risk."""
    score: Array = widths + np.maximum(0.0, distances - widths) * (1.0 / (1.0 - COVERAGE))
    return score
