"""A column of a table from an array of cells."""

from __future__ import annotations

import numpy as np
import polars as pl

from archwise.records import Array


def column_of(name: str, values: Array) -> pl.Series:
    """The cells of (N,) values of any type; NaN and None are missing, what Polars has no type for becomes text."""
    if values.dtype.kind in "biufmM":
        return pl.Series(name, np.ascontiguousarray(values), nan_to_null=True)
    cells = [None if cell is None or cell != cell else cell for cell in values.tolist()]
    if all(isinstance(cell, (str, type(None))) for cell in cells):
        return pl.Series(name, cells, dtype=pl.String)
    column = pl.Series(name, cells, strict=False)
    return column if column.dtype != pl.Object else pl.Series(name, [None if c is None else str(c) for c in cells])
