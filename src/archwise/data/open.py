"""Opens any source of data as a table."""

from __future__ import annotations

import difflib
from pathlib import Path

from archwise.data.readers import readers
from archwise.errors import SourceError
from archwise.records import Table


def open_table(source: object, *, names: tuple[str, ...] = ()) -> Table:
    """Read a data set from whatever it is in: a file, a frame, a dict of columns or arrays.

    Args:
        source: a path, a Polars or pandas frame, a dict of columns, an array X or a pair (X, y).
        names: column names for a source without any, else ().

    Raises:
        SourceError: the source is missing, empty, broken or of an unknown format.
    """
    if isinstance(source, (str, Path)):
        _check_path(Path(source))
    reader = next((reader for reader in readers().values() if reader.accepts(source)), None)
    if reader is None:
        raise SourceError(f"{_tell(source)} cannot be read; these can: {_readable()}")
    table = reader.read(source, names)
    if table.frame.width == 0 or table.frame.height == 0:
        raise SourceError(f"{table.source}: no rows; expected at least a column and a row of data")
    return table


def _check_path(path: Path) -> None:
    if path.is_dir():
        raise SourceError(f"{path} is a folder; name the file in it. These can be read: {_readable()}")
    if not path.exists():
        raise SourceError(f"{path}: there is no such file.{_nearest_file(path)}")


def _nearest_file(path: Path) -> str:
    folder = path.parent
    if not folder.is_dir():
        return f" There is no folder {folder} either."
    names = [entry.name for entry in folder.iterdir() if entry.is_file()]
    close = difflib.get_close_matches(path.name, names, n=1, cutoff=0.6)
    return f" Did you mean {folder / close[0]}?" if close else ""


def _tell(source: object) -> str:
    if isinstance(source, (str, Path)):
        return f"{source}: a file of the suffix '{Path(source).suffix}'"
    return f"a {type(source).__name__}"


def _readable() -> str:
    return "; ".join(reader.summary for reader in readers().values())
