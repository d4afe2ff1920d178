"""Padding at the end of sequences: how many steps a row has before it, and how it grows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from archwise.records import Array


def n_steps(rows: Array) -> Array:
    """The place behind the last step that is no padding, (B,) int64, at least 1: an empty row has one step.

    Args:
        rows: tokens (B, T), padded by 0, or series (B, T, C), padded by NaN in all channels.
    """
    is_step: Array = np.asarray(rows != 0) if rows.ndim == 2 else ~np.asarray(np.isnan(rows).all(axis=2))
    n_behind = np.argmax(is_step[:, ::-1], axis=1) if is_step.shape[1] else np.zeros(len(rows), np.int64)
    ends: Array = np.where(is_step.any(axis=1), is_step.shape[1] - n_behind, 1)
    return ends


def join_channels(parts: Sequence[Array]) -> Array:
    """Series of several columns as one: their channels side by side, padded to the longest.

    Args:
        parts: (N, T, C) float32 each.

    Returns:
        (N, longest T, sum of C) float32.
    """
    n_rows, longest = len(parts[0]), max(part.shape[1] for part in parts)
    joined = np.full((n_rows, longest, sum(part.shape[2] for part in parts)), np.nan, np.float32)
    start = 0
    for part in parts:
        joined[:, : part.shape[1], start : start + part.shape[2]] = part
        start += part.shape[2]
    return joined
