"""Whether a series grows as amounts do: its ups and downs with its level. Then its logarithm is what is forecast."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from archwise.records import Array

_FEWEST_BLOCKS, _MOST_BLOCKS = 5, 30
_LEAST_GROWTH = 2.0  # of the level from the lowest to the highest block
_LEAST_POWER = 0.6  # of the level that the spread goes with: 0 for a plain number, 1 for shares of an amount
FLOOR = 1e-3  # of the least training value: what a later value of nought or less counts as


def is_amount(pieces: Sequence[Array], season: int) -> bool:
    """Whether series are amounts, told from the spread of whole seasons against their mean.

    All values must lie above nought, the level must double, and the spread must go with it; of several series the
    median decides.

    Args:
        pieces: (T,) of training values each, all known.
        season: steps after which they repeat themselves, 1 for none.

    Source:
        Taylor 1961, the power law of spread and level; Box & Cox 1964.
    """
    if not len(pieces) or any(not len(piece) or piece.min() <= 0 for piece in pieces):
        return False
    powers = [_power(piece, season) for piece in pieces]
    return float(np.median(powers)) >= _LEAST_POWER


def _power(values: Array, season: int) -> float:
    """The power of the mean of a block with which its spread goes; nought where the level hardly moves."""
    size = max(season, 4, len(values) // _MOST_BLOCKS // max(season, 1) * season)
    n_blocks = len(values) // size
    if n_blocks < _FEWEST_BLOCKS:
        return 0.0
    blocks = values[len(values) - n_blocks * size :].reshape(n_blocks, size)
    means, steps = blocks.mean(axis=1), np.arange(size) - (size - 1) / 2
    slopes = (blocks - means[:, None]) @ steps / np.square(steps).sum()
    spreads = (blocks - means[:, None] - slopes[:, None] * steps).std(axis=1)  # of what is no trend
    if means.max() < _LEAST_GROWTH * means.min() or spreads.min() <= 0:
        return 0.0
    return float(np.polyfit(np.log(means), np.log(spreads), 1)[0])
