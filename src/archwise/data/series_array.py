"""Arrays of whole series become a column of series; and how they are told from pictures."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from archwise.data.picture_array import label_column
from archwise.records import Array, Finding, Table

SERIES = "series"
_NARROWEST = 3  # pixels: no picture is narrower
_MOST_LEVEL = 255
_SMALLEST = 5  # pixels a side, from which a square is taken for a picture whatever its numbers are


def holds_series(values: Array) -> bool:
    """Whether an array of three axes holds series (N, T, C) rather than pictures (N, H, W).

    Series are of floats, and tell themselves apart by values that no picture has, below 0, above 255 or missing, or by
    a last axis of one or two; with one of three or four, where no values lie from 0 to 1 only.
    """
    if values.ndim != 3 or values.dtype.kind != "f" or 0 in values.shape:
        return False
    _, height, width = values.shape
    if width < _NARROWEST:
        return True
    low, high = float(values.min()), float(values.max())
    if width in (3, 4) and not (low >= 0 and high <= 1):
        return True
    is_square = height == width >= _SMALLEST
    return not is_square and not (low >= 0 and high <= _MOST_LEVEL)


def series_column(values: Array, source: str, *, name: str = SERIES) -> tuple[pl.Series, Finding]:
    """Series (N, T, C) as a column of lists of channels, and a note that says so."""
    n_rows, steps, channels = values.shape
    by_channel = np.ascontiguousarray(np.moveaxis(values, 2, 1), np.float64)
    told = (
        f"{source}: the shape {values.shape} is read as {n_rows:,} series of {steps:,} steps in {channels:,} channels; "
        "pictures are of bytes, or of floats from 0 to 1"
    )
    return pl.Series(name, by_channel), Finding("series", "note", told, name, n_rows)


def series_table(values: Array, labels: Any | None, *, source: str, target: str) -> Table:
    """Make a table of series and their labels; arguments and errors as for `picture_table`."""
    cells, finding = series_column(values, source)
    columns = [cells]
    if labels is not None:
        columns.append(label_column(target, labels, n_rows=len(values), source=source, what="series"))
    return Table(pl.DataFrame(columns), source, (finding,), target=target if labels is not None else "")
