"""Runs the form of a model that reads a row in parts: steps and what was kept in, outputs and what is kept out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from archwise.data.padding import n_steps
from archwise.errors import ModelError
from archwise.model.session import open_runtime
from archwise.records import Array, Batch

KEPT, NEXT = "kept_", "next_"  # names of the inputs and outputs that carry what is kept, with a number behind
_DTYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64}


@dataclass(frozen=True)
class StepSession:
    """An open model that goes on from what it kept.

    inputs: (name, dtype, shape of a row) of all that is read beside it, steps None. widths: of what is kept.
    """

    runtime: Any
    inputs: tuple[tuple[str, Any, tuple[int | None, ...]], ...]
    widths: tuple[int, ...]

    @property
    def padded(self) -> tuple[str, ...]:
        """The inputs that are sequences."""
        return tuple(name for name, _, row in self.inputs if row[0] is None)

    @property
    def begin(self) -> tuple[Array, ...]:
        """What is kept before the first step: nought, (1, width) each."""
        return tuple(np.zeros((1, width), np.float32) for width in self.widths)

    @property
    def no_step(self) -> Batch:
        """The inputs of a row without steps: one step of nought."""
        return {name: np.zeros((1, 1, *row[1:]), dtype) for name, dtype, row in self.inputs if name in self.padded}


@lru_cache(maxsize=8)
def open_steps(content: bytes) -> StepSession:
    """Open the form of a model that reads a row in parts, once for all of its streams.

    Raises:
        ModelError: it is not an ONNX model that this ONNX Runtime reads, or not one of ours.
    """
    runtime = open_runtime(content)
    nodes = runtime.get_inputs()
    kept = [node for node in nodes if node.name.startswith(KEPT)]
    expected = ["outputs", *(f"{NEXT}{place}" for place in range(len(kept)))]
    if [node.name for node in runtime.get_outputs()] != expected or not kept:
        raise ModelError("stream.onnx is not a model that archwise wrote: it does not give what it keeps; fit again")
    inputs = tuple(
        (node.name, _DTYPES[node.type], tuple(axis if isinstance(axis, int) else None for axis in node.shape[1:]))
        for node in nodes
        if not node.name.startswith(KEPT)
    )
    return StepSession(runtime, inputs, tuple(int(node.shape[1]) for node in kept))


def run_steps(session: StepSession, batch: Batch, kept: Sequence[Array]) -> tuple[Array, tuple[Array, ...]]:
    """Read more steps of one row.

    Args:
        batch: the inputs of the row, (1, ...); of sequences the steps that follow, at least one.
        kept: as the call before gave it, or `session.begin`.

    Returns:
        outputs (1, K) for all steps until now, and what is kept of them.
    """
    given = {name: np.ascontiguousarray(batch[name], dtype) for name, dtype, _ in session.inputs}
    given |= {f"{KEPT}{place}": each for place, each in enumerate(kept)}
    outputs, *found = session.runtime.run(None, given)
    return outputs, tuple(found)


def outputs_in_parts(session: StepSession, batch: Batch, *, seed: int) -> Array:
    """The outputs of rows that are each read in parts which are cut at random, (N, K).

    Args:
        batch: (N, ...), with padding at the end of sequences.
    """
    chance = np.random.default_rng(seed)
    padded = session.padded
    lengths = np.max([n_steps(batch[name]) for name in padded], axis=0)
    found = []
    for row, length in enumerate(lengths):
        whole = {name: array[row : row + 1] for name, array in batch.items()}
        cuts = np.unique(chance.integers(1, length + 1, 3))
        kept, outputs = session.begin, np.empty((1, 0), np.float32)
        for start, stop in zip([0, *cuts], [*cuts, length], strict=True):
            if start < stop:
                part = {name: array[:, start:stop] if name in padded else array for name, array in whole.items()}
                outputs, kept = run_steps(session, part, kept)
        found.append(outputs)
    return np.concatenate(found)
