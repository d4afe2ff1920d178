"""Series brought to one form: gaps closed, long ones read at coarser steps, stretched, scaled. Each row by itself.

Whatever is summed over a row is summed from its first step on, one after the other, so that a row gives the same bits
alone and beside longer ones.
"""

from __future__ import annotations

import numpy as np

from archwise.records import Array

MOST_STEPS = 1_000  # of a series; what is longer is read at coarser steps
MOST_STRETCHED = 500  # steps to which series are stretched
FEWEST_STRETCHED = 9
CLIP = 16.0  # deviations: farther values say no more than that they are far
_NEARLY_ALL = 0.95  # of the training series, by whose length is told how much of the others is kept
_MUCH_LONGER = 2  # times as long, above which a series is cut
STILL = 1e-12  # of the largest value: a spread below it is that of rounding


def usual_steps(lengths: Array) -> int:
    """Steps that are kept of series of (N,) lengths: all, but no more than twice what 19 of 20 have; 0 is no length."""
    known = lengths[lengths > 0]
    if len(known) == 0:
        return 1
    return int(min(known.max(), _MUCH_LONGER * np.quantile(known, _NEARLY_ALL, method="nearest")))


def coarseness(n_steps: int) -> int:
    """How many steps are read as one, their mean, where a series has so many steps."""
    return -(-n_steps // MOST_STEPS)


def channel_moments(block: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of each channel over all known values, (C,) each; 0 and 0 where there is none.

    Args:
        block: (n, C, L) float64, NaN where no value is known.
    """
    means, spreads = np.zeros(block.shape[1]), np.zeros(block.shape[1])
    for channel in range(block.shape[1]):
        known = block[:, channel][~np.isnan(block[:, channel])]
        if len(known):
            peak = max(float(np.abs(known).max()), np.finfo(float).tiny)
            parts = known / peak  # so that squares of huge values stay finite
            means[channel], spreads[channel] = parts.mean() * peak, parts.std() * peak
            if spreads[channel] <= STILL * peak:
                spreads[channel] = 0.0
    return means, spreads


def close_gaps(block: Array, lengths: Array) -> Array:
    """Fill missing values on the straight line between the known ones before and after, at the ends by the nearest.

    Args:
        block: (n, C, L), NaN where no value is known. lengths: (n,) steps of each series.

    Returns:
        (n, C, L), NaN behind the end of a series, and where a channel has no known value at all.
    """
    n_steps = block.shape[2]
    is_known = ~np.isnan(block)
    places = np.arange(n_steps)
    is_inside = places < lengths[:, None, None]
    if (is_known | ~is_inside).all():
        return block
    before = np.maximum.accumulate(np.where(is_known, places, -1), axis=2)
    after = np.minimum.accumulate(np.where(is_known, places, n_steps)[..., ::-1], axis=2)[..., ::-1]
    has_before, has_after = before >= 0, after < n_steps
    before = np.where(has_before, before, after)
    after = np.where(has_after, after, before)
    low, high = (np.clip(side, 0, max(0, n_steps - 1)) for side in (before, after))
    left, right = np.take_along_axis(block, low, axis=2), np.take_along_axis(block, high, axis=2)
    share = np.where(high > low, (places - low) / np.maximum(1, high - low), 0.0)
    filled = np.where(is_known, block, left * (1.0 - share) + right * share)
    return np.where(is_inside, filled, np.nan)


def coarsen(block: Array, lengths: Array, n_together: int) -> tuple[Array, Array]:
    """Read so many steps as one, their mean: (n, C, L) becomes (n, C, ceil(L / n_together)), and lengths likewise."""
    if n_together == 1:
        return block, lengths
    n_steps = -(-block.shape[2] // n_together)
    padded = np.full((*block.shape[:2], n_steps * n_together), np.nan)
    padded[:, :, : block.shape[2]] = block / n_together  # so that the sum of huge values stays finite
    groups = padded.reshape(*block.shape[:2], n_steps, n_together)
    is_step = np.arange(n_steps * n_together).reshape(n_steps, n_together) < lengths[:, None, None]
    counts = np.maximum(1, is_step.sum(axis=2))[:, None]  # (n, 1, steps)
    sums = np.where(is_step[:, None], groups, 0.0).cumsum(axis=3)[..., -1]
    return sums * (n_together / counts), -(-lengths // n_together)


def stretch(block: Array, lengths: Array, n_steps: int) -> Array:
    """Series of any length read at so many places, evenly from the first step to the last, on straight lines between.

    Returns:
        (n, C, n_steps); NaN where a series has no step.
    """
    last = np.maximum(lengths - 1, 0)[:, None].astype(np.float64)  # (n, 1)
    at = last * (np.arange(n_steps) / max(1, n_steps - 1))
    low = np.minimum(np.floor(at), last).astype(np.int64)
    high = np.minimum(low + 1, last.astype(np.int64))
    if block.shape[2] == 0:
        return np.full((*block.shape[:2], n_steps), np.nan)
    left, right = (np.take_along_axis(block, side[:, None], axis=2) for side in (low, high))
    share = (at - low)[:, None]
    return np.where(share == 0.0, left, left * (1.0 - share) + right * share)


def scale_channels(block: Array, means: Array, spreads: Array) -> Array:
    """Each channel less its mean, by its spread, (n, C, L); 0 where a channel has no spread."""
    mean, spread = means[:, None], spreads[:, None]
    with np.errstate(over="ignore"):  # what is too large for float64 is clipped
        scaled = (block - mean) / np.where(spread == 0.0, 1.0, spread)
    return np.where((spread == 0.0) & ~np.isnan(block), 0.0, scaled)


def scale_rows(block: Array, lengths: Array) -> Array:
    """Each channel of each series less its own mean, by its own spread, (n, C, L)."""
    if block.shape[2] == 0:
        return block
    is_inside = np.arange(block.shape[2]) < lengths[:, None, None]
    known = np.where(is_inside & ~np.isnan(block), block, 0.0)
    peaks = np.maximum(np.abs(known).max(axis=2, keepdims=True), np.finfo(float).tiny)
    parts, counts = known / peaks, np.maximum(1, lengths)[:, None, None]
    means = parts.cumsum(axis=2)[..., -1:] / counts
    apart = np.where(is_inside, parts - means, 0.0)
    spreads = np.sqrt((apart**2).cumsum(axis=2)[..., -1:] / counts)
    scaled = np.where(spreads <= STILL, 0.0, apart / np.where(spreads <= STILL, 1.0, spreads))
    return np.where(np.isnan(block), np.nan, scaled)


def finite_clipped(block: Array) -> Array:
    """Values within CLIP deviations, float32; NaN stays."""
    return np.clip(block, -CLIP, CLIP).astype(np.float32)
