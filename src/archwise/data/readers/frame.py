"""Reads frames that are in memory: Polars, pandas and dicts of columns."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from archwise.data.header import make_unique, refuse_names
from archwise.data.picture_array import picture_column
from archwise.data.series_array import holds_series, series_column
from archwise.errors import SourceError
from archwise.records import Reader, Table


def accepts_frame(source: object) -> bool:
    """Whether the source is a Polars frame, a pandas DataFrame or a dict of columns."""
    return isinstance(source, (pl.DataFrame, pl.LazyFrame, Mapping)) or _is_pandas(source)


def read_frame(source: object, names: tuple[str, ...] = ()) -> Table:
    """Read a frame with the types it has; what Polars has no type for becomes text.

    A dict from names to single cells, none of them a list, is one row.

    Raises:
        SourceError: the columns of a dict are not of one length, or names were given.
    """
    refuse_names(names, "the frame")
    if isinstance(source, pl.DataFrame):
        return Table(source.select(_without_objects(column) for column in source.get_columns()), "the frame")
    if isinstance(source, pl.LazyFrame):
        return read_frame(source.collect())
    if isinstance(source, Mapping):
        cells = list(source.values())
        columns = cells if any(_is_column(cell) for cell in cells) else [[cell] for cell in cells]
        return _read_columns(list(source), columns, "the dict")
    frame: Any = source  # a pandas DataFrame; pandas has no types that are checked here
    columns = [frame.iloc[:, position].to_numpy() for position in range(frame.shape[1])]
    return _read_columns(list(frame.columns), columns, "the frame")


def _is_pandas(source: object) -> bool:
    pandas = sys.modules.get("pandas")  # a pandas frame can only come from where pandas is loaded
    return pandas is not None and isinstance(source, pandas.DataFrame)


def _read_columns(names: Sequence[object], columns: Sequence[Any], source: str) -> Table:
    unique, findings = make_unique([str(name) for name in names], source)
    series = [_read_column(name, values, source) for name, values in zip(unique, columns, strict=True)]
    lengths = {len(column): column.name for column in series}
    if len(lengths) > 1:
        told = ", ".join(f"'{name}' has {n_rows:,}" for n_rows, name in lengths.items())
        raise SourceError(f"{source}: the columns are not of one length: {told}; give each as many rows")
    return Table(pl.DataFrame(series), source, findings)


def _read_column(name: str, values: Any, source: str) -> pl.Series:
    if isinstance(values, pl.Series):
        return values.alias(name)
    if isinstance(values, np.ndarray) and values.ndim == 1 and values.dtype.kind in "biufmM":
        return pl.Series(name, np.ascontiguousarray(values), nan_to_null=True)
    if isinstance(values, np.ndarray) and holds_series(values):
        return series_column(values, source, name=name)[0]
    if isinstance(values, np.ndarray) and values.ndim in (3, 4):
        return picture_column(values, source, name=name)[0]
    if not _is_column(values):
        raise SourceError(
            f"{source}: column '{name}' is a {type(values).__name__}; expected a list or an array of cells"
        )
    cells = [None if _is_missing(cell) else cell for cell in values]
    if all(isinstance(cell, (str, type(None))) for cell in cells):
        return pl.Series(name, cells, dtype=pl.String)
    plain = [_plain(cell) for cell in cells]
    return _without_objects(pl.Series(name, plain, strict=False))


def _plain(cell: object) -> object:
    """A cell of NumPy or a series of pandas as Python has it; what holds several values as a list."""
    if isinstance(cell, np.generic):
        return cell.item()
    if isinstance(cell, np.ndarray) or (_is_column(cell) and hasattr(cell, "to_numpy")):
        return np.asarray(cell).tolist()
    return cell


def _is_column(values: object) -> bool:
    return hasattr(values, "__len__") and not isinstance(values, (str, bytes))


def _without_objects(column: pl.Series) -> pl.Series:
    """The column, as text where its cells are Python objects that Polars has no type for."""
    if column.dtype != pl.Object:
        return column
    return pl.Series(column.name, [None if cell is None else str(cell) for cell in column], dtype=pl.String)


def _is_missing(cell: object) -> bool:
    """Whether a cell of a list is None, NaN, or the NaT or NA of pandas."""
    return cell is None or type(cell).__name__ in ("NaTType", "NAType") or (isinstance(cell, float) and cell != cell)


READER = Reader("frame", "Polars and pandas data frames, and dicts of columns", accepts_frame, read_frame)
