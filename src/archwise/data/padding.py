"""Padding at the end of sequences: how many steps a row has before it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from archwise.records import Array

NO_TARGET = -1  # behind the end of the targets of steps


def n_steps(rows: Array) -> Array:
    """The place behind the last step that is no padding, (B,) int64, at least 1: an empty row has one step.

    Args:
        rows: tokens (B, T) or forms (B, T, F), padded by 0, or series (B, T, C), padded by NaN in all channels.
    """
    is_padding: Array = np.isnan(rows) if rows.dtype.kind == "f" else np.equal(rows, 0)
    is_step: Array = ~(is_padding if rows.ndim == 2 else np.all(is_padding, axis=2))
    n_behind = np.argmax(is_step[:, ::-1], axis=1) if is_step.shape[1] else np.zeros(len(rows), np.int64)
    ends: Array = np.where(is_step.any(axis=1), is_step.shape[1] - n_behind, 1)
    return ends


def join_steps(parts: Sequence[Array]) -> Array:
    """Outputs or targets of some rows and of others as one array; what is of every step gets as many as the longest.

    Args:
        parts: each (B, ...); outputs of steps (B, T, K) or their targets (B, T), whole numbers, each of a T of its own.
    """
    of_steps = parts[0].ndim == 3 or (parts[0].ndim == 2 and parts[0].dtype.kind == "i")
    if not of_steps:
        return np.concatenate(parts)
    longest = max(part.shape[1] for part in parts)
    return np.concatenate([to_length(part, longest) for part in parts])


def to_length(steps: Array, n_steps: int) -> Array:
    """Outputs (B, T, K) or targets (B, T) of n_steps steps: cut, or with padding behind, NaN or -1."""
    kept = steps[:, :n_steps]
    widths = [(0, 0), (0, n_steps - kept.shape[1]), (0, 0)][: steps.ndim]
    return np.pad(kept, widths, constant_values=np.nan if steps.dtype.kind == "f" else NO_TARGET)
