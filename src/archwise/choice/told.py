"""How rows are named to the user: by their number in the source, the file of their picture, and their group."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from archwise.data.kinds import kind as pick_kind
from archwise.records import Table

FILE_NAME = "told.arrow"


def tell_rows(table: Table, columns: Sequence[tuple[str, str]], *, keep: pl.Series, group: str = "") -> pl.DataFrame:
    """Name the rows of a table that are kept.

    Args:
        columns: (name, kind) of those that models read.
        keep: (N,) bool.
        group: the column of groups, or "".

    Returns:
        row: Int64 from 1, the number among all data rows of the source; file: String, the first of the cells that are
        dear to read where these are files, else null; group: String, null where a row has none.
    """
    n_all = table.frame.height + len(table.set_aside)
    numbers = np.setdiff1d(np.arange(n_all), table.set_aside) if table.rows is None else table.rows
    none = pl.Series([None] * table.frame.height, dtype=pl.String)
    dear = [table.frame.get_column(name) for name, kind in columns if pick_kind(kind).store is not None]
    files = next((cells for cells in dear if cells.dtype == pl.String), none)
    groups = table.frame.get_column(group).cast(pl.String) if group else none
    told = [pl.Series("row", numbers + 1, dtype=pl.Int64), files.alias("file"), groups.alias("group")]
    return pl.DataFrame(told).filter(keep)


def write_told(folder: Path, told: pl.DataFrame) -> None:
    """Keep the names of all rows, in the order in which the split numbers them."""
    told.write_ipc(folder / FILE_NAME)


def read_told(folder: Path, part: str) -> pl.DataFrame | None:
    """The names of the rows of "train", "valid" or "test"; None where there were too many rows to keep them."""
    if not (folder / FILE_NAME).is_file():
        return None
    with np.load(folder / "split.npz", allow_pickle=False) as parts:
        told = pl.read_ipc(folder / FILE_NAME)
        return told.select(pl.all().gather(parts[part]))
