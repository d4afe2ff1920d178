"""Cells that hold pictures as tables have them: paths from where the table lies, and records of bytes and a path."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl

from archwise.data.picture import STARTS, SUFFIXES
from archwise.records import Table

_ENDS = r"(?i)\.(" + "|".join(end[1:] for end in SUFFIXES) + ")$"
_ABSOLUTE = r"^(/|\\|[A-Za-z]:)"
_N_WEIGHED = 200  # cells from which is told whether a column names pictures
_SURE_SHARE = 0.9


def settle_pictures(table: Table, place: Path | None) -> Table:
    """Make paths of pictures lead to them, and take the bytes out of records of bytes and a path.

    Args:
        table: as it was read. Where its source is files rather than a table of them, its paths lead to them already.
        place: the file it was read from, from whose folder paths lead on, or from a folder of pictures in that; None
            for a table in memory, whose paths lead on from where the program runs.
    """
    changed = []
    for column in table.frame.get_columns():
        settled = _bytes_of(column)
        if place is not None and not table.files and names_pictures(settled):
            settled = _lead(settled, place)
        if settled is not column:
            changed.append(settled)
    if not changed:
        return table
    return replace(table, frame=table.frame.with_columns(changed))


def _bytes_of(column: pl.Series) -> pl.Series:
    """The bytes of records {bytes, path} as Hugging Face writes pictures, or their paths where they have no bytes."""
    if not isinstance(column.dtype, pl.Struct):
        return column
    names = {field.name for field in column.dtype.fields}
    if not {"bytes", "path"} <= names:
        return column
    held = column.struct.field("bytes").alias(column.name)
    return held if held.null_count() < len(held) else column.struct.field("path").alias(column.name)


def begins_as_pictures(column: pl.Series) -> bool:
    """Whether a column, or the bytes of its records, holds pictures."""
    cells = _bytes_of(column)
    return cells.dtype == pl.Binary and any(cell.startswith(STARTS) for cell in cells.drop_nulls().head(_N_WEIGHED))


def names_pictures(column: pl.Series) -> bool:
    """Whether the cells of a column name files with the suffix of a picture."""
    if column.dtype != pl.String:
        return False
    cells = column.drop_nulls().head(_N_WEIGHED).str.strip_chars()
    return len(cells) > 0 and int(cells.str.contains(_ENDS).sum()) > _SURE_SHARE * len(cells)


def _lead(column: pl.Series, table: Path) -> pl.Series:
    """Paths that lead to the pictures from where the program runs."""
    cells = column.str.strip_chars().str.replace_all("\\", "/", literal=True).str.strip_prefix("./")
    is_relative = ~cells.str.contains(_ABSOLUTE)
    first = cells.filter(is_relative.fill_null(False)).head(_N_WEIGHED).to_list()
    if not first:
        return column
    folder = next((place for place in _places(table) if any((place / cell).is_file() for cell in first)), table.parent)
    told = pl.select(pl.when(is_relative).then(pl.lit(f"{folder.as_posix()}/") + cells).otherwise(column)).to_series()
    return told.alias(column.name)


def _places(table: Path) -> Iterator[Path]:
    """Where the pictures of a table may lie, the likeliest first."""
    yield table.parent
    yield table.parent / table.stem
    yield from sorted(path for path in table.parent.iterdir() if path.is_dir() and not path.name.startswith("."))
