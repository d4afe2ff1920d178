"""The rows of a run as tensors: in memory, or left in a file until they are asked for."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import torch

from archwise.data.mapped import Picked
from archwise.records import Array, Batch


class PickedTensor:
    """Rows of a tensor that lies in a file; of a tensor's ways, those by which a run takes rows.

    source: (M, ...). rows: (N,) int64. device: where taken rows go.
    """

    def __init__(self, source: torch.Tensor, rows: torch.Tensor, device: torch.device) -> None:
        self._source, self._rows, self._device = source, rows, device
        self.dtype = source.dtype

    def index_select(self, axis: int, places: torch.Tensor) -> torch.Tensor:
        """The rows at some places, (B, ...)."""
        return self._source.index_select(axis, self._rows[places.cpu()]).to(self._device)

    def __getitem__(self, places: slice) -> torch.Tensor:
        """The rows of a stretch, (B, ...)."""
        return self._source.index_select(0, self._rows[places]).to(self._device)


def tensor_of(array: Array, device: torch.device) -> torch.Tensor | PickedTensor:
    """Put an array on a device, copied only where it must be; rows that lie in a file stay there."""
    if isinstance(array, Picked):
        source = tensor_of(array.source, torch.device("cpu"))
        assert isinstance(source, torch.Tensor)
        return PickedTensor(source, torch.from_numpy(array.rows), device)
    if isinstance(array, np.memmap):  # larger than memory it may be: mapped, and never written to
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The given NumPy array is not writable")
            return torch.from_numpy(array).to(device)
    return torch.from_numpy(np.require(array, requirements=["C", "W"])).to(device)  # copied only where it must be


def tensors_of(batch: Batch, names: Sequence[str], device: torch.device) -> list[torch.Tensor | PickedTensor]:
    """Put arrays of a batch on a device, in the order of the names."""
    return [tensor_of(batch[name], device) for name in names]
