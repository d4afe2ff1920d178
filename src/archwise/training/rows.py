"""Rows as a training run reads them: the arrays of a batch as tensors, in memory or mapped from disk."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import torch

from archwise.records import Array, Batch, InputSpec

ROWS_TO_BEGIN = 4096  # at most, that a body may see before the first step


def as_tensor(array: Array, device: torch.device) -> torch.Tensor:
    """An array as a tensor on a device; of a mapped one no page is read before it is needed."""
    if isinstance(array, np.memmap):  # larger than memory it may be: mapped, and never written to
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The given NumPy array is not writable")
            return torch.from_numpy(array).to(device)
    return torch.from_numpy(np.require(array, requirements=["C", "W"])).to(device)  # copied only where it must be


def input_tensors(inputs: Sequence[InputSpec], batch: Batch, device: torch.device) -> list[torch.Tensor]:
    """The arrays of a batch, in the order of the inputs."""
    return [as_tensor(batch[spec.name], device) for spec in inputs]


def first_rows(inputs: Sequence[InputSpec], batch: Batch, n_rows: int, *, seed: int) -> list[torch.Tensor]:
    """Some of the rows, drawn by the seed, on the CPU, in the order of the inputs."""
    rows = np.sort(np.random.default_rng(seed).choice(n_rows, min(n_rows, ROWS_TO_BEGIN), replace=False))
    return [torch.from_numpy(batch[spec.name][rows].astype(spec.dtype)) for spec in inputs]
