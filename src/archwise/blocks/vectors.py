"""Vectors of words in the width that an embedding has."""

from __future__ import annotations

import numpy as np

from archwise.records import Array


def fit_width(vectors: Array, width: int) -> Array:
    """Vectors of another width: their principal directions where that is less, noughts behind them where it is more.

    Args:
        vectors: (V, D), NaN in rows without one.

    Returns:
        (V, width) float32, NaN in the same rows.
    """
    has_one = ~np.isnan(vectors[:, 0])
    held = vectors[has_one].astype(np.float64)
    if held.shape[1] > width:
        held = held - held.mean(axis=0)
        _, directions = np.linalg.eigh(held.T @ held)
        held = held @ directions[:, ::-1][:, :width]
    fitted = np.full((len(vectors), width), np.nan, np.float32)
    fitted[has_one] = np.pad(held, ((0, 0), (0, width - held.shape[1])))
    return fitted
