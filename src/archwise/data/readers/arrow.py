"""Reads Arrow files: the IPC format, which Feather 2 also is."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from archwise.data.header import refuse_names
from archwise.data.slices import stream_slices
from archwise.errors import SourceError
from archwise.records import Reader, Stream, Table

SUFFIXES = (".arrow", ".feather", ".ipc")
_MAGIC = b"ARROW1"


def accepts_arrow(source: object) -> bool:
    """Whether the source is a path of an Arrow file, by its suffix."""
    return isinstance(source, (str, Path)) and Path(source).suffix.lower() in SUFFIXES


def read_arrow(source: object, names: tuple[str, ...] = ()) -> Table:
    """Read an Arrow file, of the file or the stream format, with the types it has.

    Raises:
        SourceError: the file is broken, or names were given.
    """
    path = Path(str(source))
    refuse_names(names, str(path))
    try:
        with path.open("rb") as opened:
            is_file_format = opened.read(len(_MAGIC)) == _MAGIC
        read = pl.read_ipc if is_file_format else pl.read_ipc_stream
        return Table(read(path.read_bytes()), str(path))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise SourceError(f"{path}: not a whole Arrow file ({error}); write the file again") from None


def stream_arrow(source: object, names: tuple[str, ...] = ()) -> Stream | None:
    """Read an Arrow file slice by slice; None where it is of the stream format, broken, or names were given."""
    path = Path(str(source))
    return None if names else stream_slices(lambda: pl.scan_ipc(path), str(path))


READER = Reader(
    "arrow", "Arrow IPC and Feather files (.arrow, .feather, .ipc)", accepts_arrow, read_arrow, stream_arrow
)
