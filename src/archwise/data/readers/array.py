"""Reads NumPy arrays: the inputs X, which may be pictures or series, or a pair (X, y)."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from archwise.data.column import column_of
from archwise.data.header import make_unique, refuse_names
from archwise.data.picture_array import picture_table
from archwise.data.series_array import holds_series, series_table
from archwise.errors import SourceError
from archwise.records import Reader, Table

TARGET = "y"
_PICTURE_AXES = (3, 4)


def accepts_array(source: object) -> bool:
    """Whether the source is an array, or a pair of arrays or lists (X, y)."""
    if isinstance(source, np.ndarray):
        return True
    return isinstance(source, tuple) and len(source) == 2 and isinstance(source[0], np.ndarray)


def read_array(source: object, names: tuple[str, ...] = ()) -> Table:
    """Read an array X (N, D) into columns x_1 to x_D, and the y (N,) of a pair into a column y.

    Args:
        source: X or (X, y). An X of pictures, (N, H, W) or (N, H, W, C), becomes a column `image`; one of series,
            (N, T, C) floats that are no pictures, a column `series`.
        names: one for each column of X, in place of x_1 to x_D.

    Raises:
        SourceError: X has neither two axes nor those of pictures, y not one, their rows differ, or a column has no
            name.
    """
    inputs, target = source if isinstance(source, tuple) else (source, None)
    values = np.asarray(inputs)
    if holds_series(values):
        refuse_names(names, "the array")
        return series_table(values, target, source="the array", target=TARGET)
    if values.ndim in _PICTURE_AXES:
        refuse_names(names, "the array")
        return picture_table(values, target, source="the array", target=TARGET)
    if values.ndim != 2:
        raise SourceError(
            f"the array has the shape {values.shape}; expected two axes, rows and columns, or pictures (N, H, W) or "
            "(N, H, W, C), or series (N, T, C)"
        )
    if names and len(names) != values.shape[1]:
        raise SourceError(f"{len(names)} names were given for an array of {values.shape[1]} columns; name each")
    wanted = names or tuple(f"x_{position}" for position in range(1, values.shape[1] + 1))
    unique, findings = make_unique(wanted, "the array")
    columns = [column_of(name, values[:, position]) for position, name in enumerate(unique)]
    if target is not None:
        columns.append(_target_column(target, len(values), unique))
    return Table(pl.DataFrame(columns), "the array", findings)


def _target_column(target: Any, n_rows: int, names: tuple[str, ...]) -> pl.Series:
    values = np.asarray(target)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.shape != (n_rows,):
        raise SourceError(f"X has {n_rows:,} rows, but y has the shape {values.shape}; expected ({n_rows},)")
    if TARGET in names:
        raise SourceError(f"a column of X is called '{TARGET}', as the target is; give it another name")
    return column_of(TARGET, values)


READER = Reader(
    "array",
    "NumPy arrays: X, or a pair (X, y); X may be pictures (N, H, W[, C]) or series (N, T, C)",
    accepts_array,
    read_array,
)
