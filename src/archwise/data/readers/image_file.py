"""Reads pictures that are named one by one: a path, or a list of paths."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from archwise.data.header import refuse_names
from archwise.data.picture import SUFFIXES
from archwise.data.picture_array import IMAGE
from archwise.records import Reader, Table


def accepts_image_file(source: object) -> bool:
    """Whether the source is the path of a picture, by its suffix, or a list of paths of which the first is one."""
    if isinstance(source, (list, tuple)):
        return bool(source) and all(isinstance(path, (str, Path)) for path in source) and accepts_image_file(source[0])
    return isinstance(source, (str, Path)) and Path(source).suffix.lower() in SUFFIXES


def read_image_file(source: object, names: tuple[str, ...] = ()) -> Table:
    """Read pictures in the order given, one row each; whether they can be opened is seen when they are decoded.

    Raises:
        SourceError: names were given.
    """
    paths = [str(path) for path in source] if isinstance(source, (list, tuple)) else [str(source)]
    told = paths[0] if len(paths) == 1 else f"{len(paths):,} files"
    refuse_names(names, told)
    return Table(pl.DataFrame({IMAGE: paths}, schema={IMAGE: pl.String}), told, files=IMAGE)


READER = Reader("image file", "pictures: one path, or a list of paths", accepts_image_file, read_image_file)
