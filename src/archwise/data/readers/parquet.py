"""Reads Parquet files."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from archwise.data.header import refuse_names
from archwise.data.slices import stream_slices
from archwise.errors import SourceError
from archwise.records import Reader, Stream, Table

SUFFIXES = (".parquet", ".pq")


def accepts_parquet(source: object) -> bool:
    """Whether the source is a path of a Parquet file, by its suffix."""
    return isinstance(source, (str, Path)) and Path(source).suffix.lower() in SUFFIXES


def read_parquet(source: object, names: tuple[str, ...] = ()) -> Table:
    """Read a Parquet file with the types it has.

    Raises:
        SourceError: the file is broken, or names were given.
    """
    path = Path(str(source))
    refuse_names(names, str(path))
    try:
        return Table(pl.read_parquet(path), str(path))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SourceError(f"{path}: not a whole Parquet file ({error}); write the file again") from None


def stream_parquet(source: object, names: tuple[str, ...] = ()) -> Stream | None:
    """Read a Parquet file slice by slice; None where it is broken or names were given."""
    path = Path(str(source))
    return None if names else stream_slices(lambda: pl.scan_parquet(path, low_memory=True), str(path))


READER = Reader("parquet", "Parquet files (.parquet, .pq)", accepts_parquet, read_parquet, stream_parquet)
