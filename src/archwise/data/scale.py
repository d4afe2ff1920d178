"""Numbers brought to the scale that an architecture asks for: raw, standard, quantile or robust."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import NormalDist

import numpy as np

from archwise.records import Array, Json, Need

CLIP = 10.0  # standard deviations: farther values say no more than that they are far
BEND = 3.0  # what the smooth clipping of "robust" tends to
FARTHEST = 1e6  # quartile ranges; far beyond the bend, and its square is finite
MOST_QUANTILES = 1_000
LARGEST = float(np.finfo(np.float32).max)
SHRINK = 0.0625  # a power of two, so exact; differences of shrunk float64 values cannot overflow


def fit_scale(values: Array, need: Need) -> dict[str, Json]:
    """Fit the scale to training values.

    Args:
        values: (N,) float64, finite, NaN for missing.
        need: of the architecture.

    Returns:
        how: the need. flag: whether values were missing. mean, std: of "standard"; the std of a column of one
        value is 0. knots, scores: of "quantile", (Q,) rising values and their normal scores. centre, spread: of
        "robust", the median and the quartile range (half the whole range where that is 0), both shrunk; the spread
        of a column of one value is 0.
    """
    known = values[~np.isnan(values)]
    if need.numbers == "raw":
        return {"how": "raw", "flag": False}
    state: dict[str, Json] = {"how": need.numbers, "flag": len(known) < len(values)}
    if need.numbers == "standard":
        mean, std = _moments(known)
        return {**state, "mean": mean, "std": std}
    if need.numbers == "robust":
        centre, spread = _middle(known * SHRINK)
        return {**state, "centre": centre, "spread": spread}
    knots, scores = _normal_scores(known)
    return {**state, "knots": knots, "scores": scores}


def scale_width(state: Mapping[str, Json]) -> int:
    """How many columns the scaled values take: one, and one more for the flag of missing values."""
    return 2 if state["flag"] else 1


def apply_scale(state: Mapping[str, Json], values: Array) -> Array:
    """Scale values.

    Args:
        state: as fitted.
        values: (N,) float64, finite, NaN for missing.

    Returns:
        (N, width) float32. Raw: as they are, within float32, NaN for missing. Standard: (x - mean) / std
        within ±10. Quantile: the normal score of x among the training values. Robust: z / sqrt(1 + (z / 3)^2) of
        z = (x - centre) / spread. All three give 0 for missing, 1 in the flag.

    Source:
        Holzmüller, Grinsztajn & Steinwart 2024, section 3.1, for the robust scale.
    """
    if state["how"] == "raw":
        return np.clip(values, -LARGEST, LARGEST).astype(np.float32)[:, None]
    is_missing = np.isnan(values)
    columns = np.empty((len(values), scale_width(state)), np.float32)  # (N, 1 or 2)
    columns[:, 0] = np.where(is_missing, 0.0, _SCALES[state["how"]](state, values))
    columns[:, 1:] = is_missing[:, None]
    return columns


def fit_bend(known: Array) -> dict[str, Json]:
    """Fit a second scale for values whose tails reach far, on which what is near the median keeps its distances.

    Args:
        known: (N,) float64, finite.

    Returns:
        centre, spread: as of "robust". mean, std: of the bent training values.
    """
    centre, spread = _middle(known * SHRINK)
    mean, std = _moments(_root({"centre": centre, "spread": spread}, known))
    return {"centre": centre, "spread": spread, "mean": mean, "std": std}


def apply_bend(state: Mapping[str, Json], values: Array) -> Array:
    """Bend values: about the fourth root of the distance from the median, in quartile ranges, then standardised.

    The fourth root is nearly a logarithm, and unlike one the same to the last bit on every machine.

    Args:
        state: as fitted.
        values: (N,) float64, finite, NaN for missing.

    Returns:
        (N, 1) float32 within ±10, 0 for missing.
    """
    return np.nan_to_num(_standardise(state, _root(state, values))).astype(np.float32)[:, None]


def _root(state: Mapping[str, Json], values: Array) -> Array:
    if state["spread"] == 0.0:
        return np.zeros_like(values)
    with np.errstate(over="ignore"):  # an overflow is infinite, and clipped
        distance = np.clip((values * SHRINK - state["centre"]) / state["spread"], -FARTHEST, FARTHEST)
    bent: Array = np.sign(distance) * (np.sqrt(np.sqrt(1.0 + np.abs(distance))) - 1.0)
    return bent


def _moments(known: Array) -> tuple[float, float]:
    """Mean and standard deviation; the latter is 0 where it is no more than rounding."""
    largest = float(np.abs(known).max(initial=0.0))
    if largest == 0.0:
        return 0.0, 0.0
    shares = known / largest  # within ±1, so that no sum overflows
    mean, std = float(shares.mean()), float(shares.std())
    return mean * largest, std * largest if std > 1e-12 else 0.0


def _standardise(state: Mapping[str, Json], values: Array) -> Array:
    if state["std"] == 0.0:
        return np.zeros_like(values)
    with np.errstate(over="ignore"):  # an overflow is infinite, and clipped
        scaled: Array = (values - state["mean"]) / state["std"]
    return np.minimum(np.maximum(scaled, -CLIP), CLIP)


def _normal_scores(known: Array) -> tuple[Array, Array]:
    """Up to 1,000 of the sorted values as knots, and their normal scores; ties get their mean rank."""
    n_known = len(known)
    ranks = np.unique(np.linspace(0, n_known - 1, min(n_known, MOST_QUANTILES)).round().astype(np.int64))
    ordered = np.sort(known) * SHRINK
    knots = np.unique(ordered[ranks])
    first = np.searchsorted(ordered, knots, side="left")
    last = np.searchsorted(ordered, knots, side="right") - 1
    shares = ((first + last) / 2 + 0.5) / max(n_known, 1)
    normal = NormalDist()
    return knots, np.array([normal.inv_cdf(share) for share in shares], dtype=np.float64)


def _score(state: Mapping[str, Json], values: Array) -> Array:
    knots, scores = state["knots"], state["scores"]
    if len(knots) < 2:
        return np.zeros_like(values)
    scored: Array = np.interp(values * SHRINK, knots, scores)  # beyond the ends their scores
    return scored


def _middle(known: Array) -> tuple[float, float]:
    """The median, and the distance of the quartiles; half that of the extremes where the quartiles are one."""
    if not len(known):
        return 0.0, 0.0
    low, first, median, third, high = np.quantile(known, [0.0, 0.25, 0.5, 0.75, 1.0]).tolist()
    spread = third - first
    return median, spread if spread > 0.0 else 0.5 * (high - low)


def _bend(state: Mapping[str, Json], values: Array) -> Array:
    if state["spread"] == 0.0:
        return np.zeros_like(values)
    with np.errstate(over="ignore"):  # an overflow is infinite, and clipped
        distance = (values * SHRINK - state["centre"]) / state["spread"]
    distance = np.minimum(np.maximum(distance, -FARTHEST), FARTHEST)
    bent: Array = distance / np.sqrt(1.0 + np.square(distance / BEND))
    return bent


_SCALES = {"standard": _standardise, "quantile": _score, "robust": _bend}
