"""A table on disk, read slice by slice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import polars as pl

from archwise.records import Array, Stream, Table

ROWS_A_SLICE = 100_000  # two slices are held


def stream_slices(scan: Callable[[], pl.LazyFrame], source: str) -> Stream | None:
    """Read a file that Polars can read in part, slice by slice.

    Args:
        scan: opens the file without reading it.
        source: how to name it to the user.

    Returns:
        the stream, or None where the file cannot be read; reading it at once then says why.
    """
    try:
        n_rows = int(scan().select(pl.len()).collect().item())
    except (OSError, pl.exceptions.PolarsError):
        return None
    return Stream(source, n_rows, partial(_slices, scan, source, n_rows))


def _slices(scan: Callable[[], pl.LazyFrame], source: str, n_rows: int, picked: Array | None) -> Iterator[Table]:
    for start in range(0, n_rows, ROWS_A_SLICE):
        frame = scan().slice(start, ROWS_A_SLICE).collect()
        numbers = np.arange(start, start + frame.height, dtype=np.int64)
        if picked is None:
            yield Table(frame, source, rows=numbers)
            continue
        wanted = picked[np.searchsorted(picked, start) : np.searchsorted(picked, start + frame.height)] - start
        yield Table(frame[wanted], source, rows=numbers[wanted], sampled_from=frame.height)
