"""Forecasts that are weighted sums of the past: one matrix, whatever rule it came from, and its ONNX graph.

The last value, the value a season before, a drift and exponential smoothing with fixed parameters are all linear in the
window, so unrolled each is one matrix of L rows and H columns.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from archwise.architectures.graph import write_graph
from archwise.records import Array, Batch, Signature, Solved

ROWS_AT_ONCE = 512


def solved_by(signature: Signature, weights: Array, *, n_parameters: int) -> Solved:
    """A reference that answers by weights.

    Args:
        signature: input `window` (L, C), of which the first M channels are the targets.
        weights: (M, L, H), or (1, L, H) for all targets alike, float64, on scaled values.
        n_parameters: of the rule that they come from.
    """
    from onnx import TensorProto, helper

    constants = {
        "weights": weights,
        "begin": np.array([0], np.int64),
        "end": np.array([signature.n_targets], np.int64),
        "channels": np.array([2], np.int64),
        "steps": np.array([2], np.int64),
        "flat": np.array([-1, signature.n_outputs], np.int64),
    }
    nodes = [
        helper.make_node("Slice", ["window", "begin", "end", "channels"], ["targets"]),  # (B, L, M)
        helper.make_node("Cast", ["targets"], ["doubles"], to=TensorProto.DOUBLE),
        helper.make_node("Transpose", ["doubles"], ["by_target"], perm=[0, 2, 1]),  # (B, M, L)
        helper.make_node("Unsqueeze", ["by_target", "steps"], ["as_rows"]),  # (B, M, 1, L)
        helper.make_node("MatMul", ["as_rows", "weights"], ["ahead"]),  # (B, M, 1, H)
        helper.make_node("Reshape", ["ahead", "flat"], ["joined"]),
        helper.make_node("Cast", ["joined"], ["outputs"], to=TensorProto.FLOAT),
    ]

    def outputs(batch: Batch) -> Array:
        return np.concatenate([ahead_of(windows, weights) for windows in windows_of(batch, signature.n_targets)])

    return Solved(write_graph(signature, nodes, constants=constants), outputs, n_parameters)


def ahead_of(windows: Array, weights: Array) -> Array:
    """What weights answer for windows (N, M, L): (N, M H) float64."""
    ahead = windows[:, :, None, :] @ weights  # (N, M, 1, H)
    return ahead.reshape(len(windows), -1)


def windows_of(batch: Batch, n_targets: int, *, rows: Array | None = None) -> Iterator[Array]:
    """The targets of windows, (N, M, L) float64 each, some rows at a time.

    Args:
        rows: which rows, None for all.
    """
    rows = np.arange(len(batch["window"])) if rows is None else rows
    for start in range(0, len(rows), ROWS_AT_ONCE):
        some = batch["window"][rows[start : start + ROWS_AT_ONCE]]
        yield np.asarray(some)[:, :, :n_targets].transpose(0, 2, 1).astype(np.float64)


def at_level(weights: Array) -> Array:
    """Weights (..., L, H) of what lies above the last step, as weights of the steps themselves."""
    found = weights.copy()
    found[..., -1, :] += 1.0 - weights.sum(axis=-2)
    return found


def past_weights(n_past: int, places: Array) -> Array:
    """Weights (1, L, H) that answer each step ahead by one step of the past.

    Args:
        places: (H,) which, -1 for the last.
    """
    weights = np.zeros((1, n_past, len(places)))
    weights[0, places, np.arange(len(places))] = 1.0
    return weights
