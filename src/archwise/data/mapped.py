"""Arrays that are mapped from disk: read in parts, so that only a part of them stands in memory at a time."""

from __future__ import annotations

import mmap
from collections.abc import Iterable
from itertools import pairwise

import numpy as np

from archwise.records import Array

_ROWS_AT_ONCE = 1_000_000


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
