"""Rows as a training run reads them: the arrays of a batch as tensors, in memory or mapped from disk."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import torch

from archwise.data.mapped import Picked
from archwise.data.padding import n_steps
from archwise.data.timeline.windows import TargetWindows, Windows
from archwise.records import STEPS, Array, Batch, InputSpec

ROWS_A_LOOK = 4096  # of the validation part at a time, so that memory stays modest
CELLS_A_LOOK = 16_000_000  # of these rows
PIXELS_A_LOOK = 1_000_000  # of pictures among them: the maps inside a network are many times what it reads
ROWS_TO_BEGIN = 4096  # at most, that a body may see before the first step


class PickedTensor:
    """Rows of a tensor that lies in a file; of a tensor's ways, those by which a run takes rows.

    Args:
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


class WindowTensor:
    """Windows of a tensor; of a tensor's ways, those by which a run takes rows.

    Args:
        source: (T, C). starts: (N,) int64. n_steps: L. device: where taken rows go.
    """

    def __init__(self, source: torch.Tensor, starts: torch.Tensor, n_steps: int, device: torch.device) -> None:
        self._source, self._starts, self._device = source.to(device), starts.to(device), device
        self._steps = torch.arange(n_steps, device=device)
        self.dtype = source.dtype

    def index_select(self, axis: int, places: torch.Tensor) -> torch.Tensor:
        """The windows at some places, (B, L, C)."""
        del axis  # the first
        return self._at(self._starts[places.to(self._device)])

    def __getitem__(self, places: slice) -> torch.Tensor:
        """The windows of a stretch, (B, L, C)."""
        return self._at(self._starts[places])

    def _at(self, starts: torch.Tensor) -> torch.Tensor:
        steps = (starts[:, None] + self._steps).flatten()
        return self._source.index_select(0, steps).reshape(len(starts), len(self._steps), -1)


class TargetTensor:
    """Encoded targets of origins; of a tensor's ways, that by which a run takes rows.

    Args:
        targets: as they lie. device: where taken rows go.
    """

    def __init__(self, targets: TargetWindows, device: torch.device) -> None:
        steps = as_tensor(targets.source, torch.device("cpu"))
        self._steps = WindowTensor(steps, torch.from_numpy(targets.starts), targets.n_steps, device)
        self._of_series = torch.from_numpy(targets.of_series).to(device)
        self._owner = torch.from_numpy(targets.owner).to(device)

    def index_select(self, axis: int, places: torch.Tensor) -> torch.Tensor:
        """The targets at some places, (B, M H + K)."""
        steps = self._steps.index_select(axis, places).transpose(1, 2).flatten(1)
        of_series = self._of_series.index_select(0, self._owner[places.to(self._owner.device)])
        return torch.cat([steps, of_series], dim=1)


Given: TypeAlias = torch.Tensor | PickedTensor | WindowTensor  # rows of an input


def as_tensor(array: Array, device: torch.device) -> torch.Tensor:
    """An array as a tensor on a device; of a mapped one no page is read before it is needed."""
    if isinstance(array, np.memmap):  # larger than memory it may be: mapped, and never written to
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The given NumPy array is not writable")
            return torch.from_numpy(array).to(device)
    return torch.from_numpy(np.require(array, requirements=["C", "W"])).to(device)  # copied only where it must be


def target_tensor(targets: Array, device: torch.device) -> torch.Tensor | TargetTensor:
    """Encoded targets on a device, or what takes them from windows."""
    return TargetTensor(targets, device) if isinstance(targets, TargetWindows) else as_tensor(targets, device)


def input_tensors(inputs: Sequence[InputSpec], batch: Batch, device: torch.device) -> list[Given]:
    """The arrays of a batch, in the order of the inputs."""
    return [_rows_of(batch[spec.name], device) for spec in inputs]


def _rows_of(array: Array, device: torch.device) -> Given:
    if isinstance(array, Windows):
        source = as_tensor(array.source, torch.device("cpu"))
        return WindowTensor(source, torch.from_numpy(array.starts), array.n_steps, device)
    if isinstance(array, Picked):
        return PickedTensor(as_tensor(array.source, torch.device("cpu")), torch.from_numpy(array.rows), device)
    return as_tensor(array, device)


def row_lengths(inputs: Sequence[InputSpec], batch: Batch) -> torch.Tensor | None:
    """How many steps each row has before its padding, (N,) int64, at least 1; None where no row is a sequence.

    The steps that a trunk gave lie beside the sequence itself, from which it is told with far less to read.
    """
    padded = [spec for spec in inputs if spec.is_padded and spec.name != STEPS]
    if not padded:
        return None
    n_rows = len(batch[padded[0].name])
    parts = [
        np.max([n_steps(batch[spec.name][start : start + ROWS_A_LOOK]) for spec in padded], axis=0)
        for start in range(0, n_rows, ROWS_A_LOOK)
    ]
    return torch.from_numpy(np.concatenate(parts))


def cut_padding(inputs: Sequence[InputSpec], tensors: Sequence[torch.Tensor], n_steps: int) -> list[torch.Tensor]:
    """Rows without the columns behind their longest sequence, of n_steps."""
    return [tensor[:, :n_steps] if spec.is_padded else tensor for spec, tensor in zip(inputs, tensors, strict=True)]


def rows_at_once(inputs: Sequence[InputSpec]) -> int:
    """How many rows go through a network at a time where nothing is learnt."""
    return max(1, min(ROWS_A_LOOK, *((PIXELS_A_LOOK if spec.shape else CELLS_A_LOOK) // spec.width for spec in inputs)))


def first_rows(inputs: Sequence[InputSpec], batch: Batch, n_rows: int, *, seed: int) -> list[torch.Tensor]:
    """Some of the rows, drawn by the seed, on the CPU, in the order of the inputs."""
    n_first = min(n_rows, ROWS_TO_BEGIN, max(1, CELLS_A_LOOK // max(spec.width for spec in inputs)))
    rows = np.sort(np.random.default_rng(seed).choice(n_rows, n_first, replace=False))
    return [torch.from_numpy(batch[spec.name][rows].astype(spec.dtype)) for spec in inputs]
