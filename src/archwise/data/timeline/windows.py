"""Windows of steps that lie in one array: the past and the future of each origin, taken when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from archwise.data.mapped import Taken
from archwise.records import Array


@dataclass(frozen=True)
class Windows(Taken):
    """Windows of an array, taken when they are asked for; otherwise it is read as an array is.

    file: of the array, or None where it lies in memory. source: (T, C) the array. starts: (N,) int64 where each window
    begins. n_steps: L of each.
    """

    file: Path | None
    source: Array
    starts: Array
    n_steps: int

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, L, C)."""
        return (len(self.starts), self.n_steps, *self.source.shape[1:])

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, rows: Any) -> Array:
        """Copy windows into memory."""
        starts = np.asarray(self.starts[rows])
        taken = self.source[starts[..., None] + np.arange(self.n_steps)]
        return np.ascontiguousarray(taken)


@dataclass(frozen=True)
class TargetWindows(Taken):
    """The encoded targets of origins, taken when they are asked for; otherwise they are read as an array is.

    First the H steps of each target, those of the first before those of the next, then what is known of the series.

    file: of the array, or None where it lies in memory. source: (T, M) scaled targets. starts: (N,) int64 origins.
    n_steps: H. of_series: (S, K) float32. owner: (N,) int64, which series each origin is of.
    """

    file: Path | None
    source: Array
    starts: Array
    n_steps: int
    of_series: Array
    owner: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, M H + K)."""
        return (len(self.starts), self.source.shape[1] * self.n_steps + self.of_series.shape[1])

    @property
    def ndim(self) -> int:
        """2."""
        return len(self.shape)

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, rows: Any) -> Array:
        """Copy the targets of origins into memory."""
        starts = np.asarray(self.starts[rows])
        steps = self.source[starts[..., None] + np.arange(self.n_steps)]  # (..., H, M)
        flat = np.swapaxes(steps, -1, -2).reshape(*starts.shape, -1)
        return np.concatenate([flat, self.of_series[self.owner[rows]]], axis=-1)


def window(file: Path, starts: Array, n_steps: int) -> Windows:
    """Windows of the array in a .npy file."""
    return Windows(file, np.load(file, mmap_mode="r", allow_pickle=False), starts, n_steps)


def concatenate(parts: list[Array]) -> Array:
    """Arrays one after the other; windows of one array stay windows."""
    first = parts[0]
    if isinstance(first, Windows) and all(isinstance(part, Windows) and part.file == first.file for part in parts):
        return replace(first, starts=np.concatenate([part.starts for part in parts]))
    return np.concatenate(parts)
