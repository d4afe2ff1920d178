"""Padding at the end of sequences: how many steps a row has before it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from archwise.records import Array


def n_steps(rows: Array) -> Array:
    """The place behind the last step that is no padding, (B,) int64, at least 1: an empty row has one step.

    Args:
        rows: tokens (B, T) or forms (B, T, F), padded by 0, or series (B, T, C), padded by NaN in all channels.
    """
    is_padding: Array = np.asarray(np.isnan(rows) if rows.dtype.kind == "f" else rows == 0)
    is_step: Array = ~(is_padding if rows.ndim == 2 else is_padding.all(axis=2))
    n_behind = np.argmax(is_step[:, ::-1], axis=1) if is_step.shape[1] else np.zeros(len(rows), np.int64)
    ends: Array = np.where(is_step.any(axis=1), is_step.shape[1] - n_behind, 1)
    return ends


def join_steps(parts: Sequence[Array]) -> Array:
    """Outputs of some rows and of others as one array; of steps (B, T, K) each with NaN behind as many as others have.

    Args:
        parts: each (B, K), or each (B, T, K) of a T of its own.
    """
    if parts[0].ndim < 3:
        return np.concatenate(parts)
    longest = max(part.shape[1] for part in parts)
    return np.concatenate([to_length(part, longest) for part in parts])


def to_length(steps: Array, n_steps: int) -> Array:
    """Outputs (B, T, K) as (B, n_steps, K): cut, or with NaN behind."""
    kept = steps[:, :n_steps]
    return np.pad(kept, ((0, 0), (0, n_steps - kept.shape[1]), (0, 0)), constant_values=np.nan)
