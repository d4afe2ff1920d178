"""Honest probabilities: a temperature for any number of classes, an isotonic map for two; in NumPy, for serving too."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from archwise.records import Array, Json
from archwise.tasks.scores import row_log_loss

ENOUGH_OF_A_CLASS = 1_000  # validation rows of each of two classes, below which an isotonic map is not tried
N_FOLDS = 5
MOST_ROWS = 100_000  # that a calibration is fitted on, drawn by a fixed seed; more would not change it
N_BINS = 15  # of the expected calibration error
LEAST_SHARE = 1e-6  # of a probability whose odds are told
_SHARPEST, _FLATTEST = 10.0, 0.1  # factors on the logits that a temperature may reach


def log_odds(shares: Array) -> Array:
    """The natural logarithm of the odds of probabilities, each held LEAST_SHARE away from 0 and from 1."""
    held = np.clip(shares, LEAST_SHARE, 1.0 - LEAST_SHARE)
    odds: Array = np.log(held / (1.0 - held))
    return odds


def softmax(logits: Array) -> Array:
    """Probabilities of logits, in float64.

    Args:
        logits: (N, K).

    Returns:
        (N, K) float64, rows sum to 1.
    """
    raised = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    shares: Array = raised / raised.sum(axis=1, keepdims=True)
    return shares


def fit_calibration(outputs: Array, targets: Array) -> dict[str, Json]:
    """Find what makes the probabilities of the validation rows most likely.

    A temperature always; for two classes with ENOUGH_OF_A_CLASS rows of each also an isotonic map, which is taken
    where its cross-validated log loss is lower by more than the standard error of the difference.

    Args:
        outputs: (N, K) logits.
        targets: (N,) int64 classes.

    Returns:
        temperature: logits are divided by it; 1.0 where no other lowers the log loss.
        isotonic: only where it is taken: margins and logits, the knots of the map.

    Source:
        Guo et al. 2017, section 4.2 (temperature); Zadrozny & Elkan 2002 (isotonic).
    """
    logits = outputs.astype(np.float64)
    if not len(targets) or not np.isfinite(logits).all():
        return {"temperature": 1.0}
    if len(targets) > MOST_ROWS:
        drawn = np.random.default_rng(0).choice(len(targets), MOST_ROWS, replace=False)
        logits, targets = logits[drawn], targets[drawn]
    found: dict[str, Json] = {"temperature": temperature(logits, targets)}
    enough = logits.shape[1] == 2 and np.bincount(targets, minlength=2).min() >= ENOUGH_OF_A_CLASS
    if enough and _isotonic_pays(logits, targets):
        found["isotonic"] = isotonic_knots(logits[:, 1] - logits[:, 0], targets)
    return found


def calibrated(calibration: Mapping[str, Json], outputs: Array) -> Array:
    """Logits whose softmax are the calibrated probabilities; the order of two classes' margins is kept.

    Args:
        calibration: from `fit_calibration`, or empty for none.
        outputs: (N, K) logits.

    Returns:
        (N, K) float64.
    """
    scaled: Array = outputs.astype(np.float64) / calibration.get("temperature", 1.0)
    if "isotonic" not in calibration:
        return scaled
    margins = outputs[:, 1].astype(np.float64) - outputs[:, 0]
    knots, logits = np.array(calibration["isotonic"]["margins"]), np.array(calibration["isotonic"]["logits"])
    beyond = margins - np.clip(margins, knots[0], knots[-1])
    mapped = np.interp(margins, knots, logits) + beyond / calibration["temperature"]
    return np.stack([-0.5 * mapped, 0.5 * mapped], axis=1)


# ---------------------------------------------------------------- temperature


def temperature(logits: Array, targets: Array) -> float:
    """The temperature of the lowest log loss; 1.0 where no other lowers it.

    Args:
        logits: (N, K) float64, finite.
        targets: (N,) int64 classes.
    """
    factor = _most_likely_factor(logits, targets)
    better = row_log_loss(targets, factor * logits).mean() < row_log_loss(targets, logits).mean()
    return 1.0 / factor if better else 1.0


def _most_likely_factor(logits: Array, targets: Array) -> float:
    """The factor on the logits at which the log loss, convex in it, is least: Newton's method in a bracket."""
    low, high, factor = _FLATTEST, _SHARPEST, 1.0
    true = logits[np.arange(len(targets)), targets]
    for _ in range(50):
        shares = softmax(factor * logits)
        expected = (shares * logits).sum(axis=1)
        slope = float((expected - true).mean())
        curvature = float((shares * (logits - expected[:, None]) ** 2).sum(axis=1).mean())
        low, high = (low, factor) if slope > 0 else (factor, high)
        following = factor - slope / curvature if curvature > 0 else 0.5 * (low + high)
        if not low < following < high:
            following = 0.5 * (low + high)
        if abs(following - factor) < 1e-9 * factor:
            break
        factor = following
    return factor


# ---------------------------------------------------------------- isotonic


def pool_adjacent(values: Array, weights: Array) -> tuple[Array, Array]:
    """The rising values nearest to the given in weighted squares: pool adjacent violators.

    Args:
        values: (N,) in the order in which they shall rise.
        weights: (N,) greater than 0.

    Returns:
        (M,) float64, the strictly rising value of each block, and (M,) int64, how many of the N it holds.

    Source:
        Ayer et al. 1955; one pass with a stack.
    """
    means: list[float] = []
    masses: list[float] = []
    sizes: list[int] = []
    for value, weight in zip(values.tolist(), weights.tolist(), strict=True):
        mean, mass, size = float(value), float(weight), 1
        while means and means[-1] >= mean:
            before = masses.pop()
            mean = (means.pop() * before + mean * mass) / (before + mass)
            mass += before
            size += sizes.pop()
        means.append(mean)
        masses.append(mass)
        sizes.append(size)
    return np.array(means), np.array(sizes, np.int64)


def isotonic_knots(margins: Array, is_second: Array) -> dict[str, list[float]]:
    """The isotonic map from margin to log odds, as a line through the middles of its blocks, strictly rising.

    Where a step function would tie the rows of a block, this keeps their order. The blocks at the ends, which may hold
    one class only, are drawn towards one half as by half a row of each class, so that no answer is certain.

    Args:
        margins: (N,) second logit minus first.
        is_second: (N,) 1 where the row is of the second class, else 0; both are there.

    Returns:
        margins and logits: the knots, both strictly rising.

    Source:
        Oron & Flournoy 2017, centred isotonic regression; Krichevsky & Trofimov 1981 for the ends.
    """
    levels, place = np.unique(margins, return_inverse=True)
    counts = np.bincount(place).astype(np.float64)
    seconds = np.bincount(place, weights=is_second)
    shares, sizes = pool_adjacent(seconds / counts, counts)
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    n_rows = np.add.reduceat(counts, starts)
    middles = np.add.reduceat(counts * levels, starts) / n_rows
    drawn = (shares * n_rows + 0.5) / (n_rows + 1.0)
    if len(shares) > 1:  # drawn in, but never across the neighbour
        drawn[1:-1] = shares[1:-1]
        drawn[0] = min(drawn[0], shares[0] + (shares[1] - shares[0]) / 3)
        drawn[-1] = max(drawn[-1], shares[-1] - (shares[-1] - shares[-2]) / 3)
    return {"margins": middles.tolist(), "logits": np.log(drawn / (1.0 - drawn)).tolist()}


def _isotonic_pays(logits: Array, targets: Array) -> bool:
    """Whether the isotonic map has the lower log loss on rows that it was not fitted on, beyond a standard error."""
    folds = np.random.default_rng(0).permutation(len(targets)) % N_FOLDS
    gains = np.empty(len(targets))
    for fold in range(N_FOLDS):
        rest, held = folds != fold, folds == fold
        scale = {"temperature": temperature(logits[rest], targets[rest])}
        bent = {**scale, "isotonic": isotonic_knots(logits[rest, 1] - logits[rest, 0], targets[rest])}
        without, with_map = (row_log_loss(targets[held], calibrated(each, logits[held])) for each in (scale, bent))
        gains[held] = without - with_map
    return pays(gains)


def pays(gains: Array) -> bool:
    """Whether the mean of (N,) gains lies more than its standard error above 0."""
    return bool(gains.mean() > gains.std(ddof=1) / np.sqrt(len(gains)))


# ---------------------------------------------------------------- how honest


def expected_calibration_error(shares: Array, targets: Array) -> float:
    """Mean distance between how sure the likeliest class is and how often it is right, over N_BINS bins of equal width.

    Args:
        shares: (N, K) probabilities.
        targets: (N,) int64 classes.

    Source:
        Guo et al. 2017, equation 3.
    """
    sure = shares.max(axis=1)
    right = (shares.argmax(axis=1) == targets).astype(np.float64)
    bins = np.minimum((sure * N_BINS).astype(np.int64), N_BINS - 1)
    distances = np.abs(np.bincount(bins, weights=right - sure, minlength=N_BINS))
    return float(distances.sum() / len(targets))


def brier_score(shares: Array, targets: Array) -> float:
    """Mean squared distance of the probabilities from the truth, summed over classes; half of that for two classes.

    Args:
        shares: (N, K) probabilities.
        targets: (N,) int64 classes.

    Source:
        Brier 1950.
    """
    truth = np.eye(shares.shape[1])[targets]
    squares = float(np.square(shares - truth).sum(axis=1).mean())
    return 0.5 * squares if shares.shape[1] == 2 else squares
