"""Arrays that lie on disk: read in parts, so that only a part of them stands in memory at a time."""

from __future__ import annotations

import mmap
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from archwise.records import Array

_ROWS_AT_ONCE = 1_000_000


class Taken(ABC):
    """Rows that are taken from an array when they are asked for; otherwise they are read as an array is."""

    source: Array

    @abstractmethod
    def __getitem__(self, rows: Any) -> Array:
        """Copy rows into memory."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """That of the array."""
        return self.source.dtype

    @property
    def base(self) -> object:
        """What the array is mapped by."""
        return self.source.base

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """Copy all rows into memory."""
        if copy is False:
            raise ValueError("rows that are taken from an array come as a copy")
        return self[:].astype(dtype or self.dtype, copy=False)


@dataclass(frozen=True)
class Picked(Taken):
    """Rows of an array in a file, taken when they are asked for; otherwise it is read as an array is.

    file: of the array. source: (M, ...) the array, mapped. rows: (N,) int64, which of its rows these are.
    """

    file: Path
    source: Array
    rows: Array

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, ...)."""
        return (len(self.rows), *self.source.shape[1:])

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: Any) -> Array:
        """Copy rows into memory."""
        return np.ascontiguousarray(self.source[self.rows[rows]])


def pick(file: Path, rows: Array) -> Picked:
    """Rows of the array in a .npy file."""
    return Picked(file, np.load(file, mmap_mode="r", allow_pickle=False), rows)


def release(arrays: Iterable[Array]) -> None:
    """Give back the memory in which pages of mapped arrays stand; they are read again when they are needed."""
    for array in arrays:
        base = array.base
        if isinstance(base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            base.madvise(mmap.MADV_DONTNEED)


def gather(array: Array, rows: Array) -> Array:
    """The rows of an array, as a copy in memory.

    Args:
        array: (N, ...), mapped or not.
        rows: rising row numbers.
    """
    edges = np.searchsorted(rows, np.arange(0, len(array) + _ROWS_AT_ONCE, _ROWS_AT_ONCE))
    parts = []
    for start, stop in pairwise(edges):
        parts.append(array[rows[start:stop]])
        release([array])
    return np.concatenate(parts)
