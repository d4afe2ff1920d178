"""Opens any source of data as a table."""

from __future__ import annotations

import difflib
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from archwise.data.picture_cells import begins_as_pictures, names_pictures, settle_pictures
from archwise.data.readers import readers
from archwise.errors import SourceError
from archwise.records import Array, Finding, ForecastTold, Parts, Reader, Stream, Table

MOST_ROWS = 500_000  # that are held at once; larger files are read in chunks
SAMPLE_ROWS = 200_000  # of them, from which is told what they are
_ARFF = ".arff"


def open_table(source: object, *, names: tuple[str, ...] = ()) -> Table:
    """Read a data set from whatever it is in: a file, a folder, a frame, a dict of columns or arrays.

    Args:
        source: a path, a list of paths of pictures, a Polars or pandas frame, a dict of columns, an array X or a pair
            (X, y). Of a source that holds parts the test part is read, else the one that decides, and it is said.
        names: column names for a source without any, else ().

    Raises:
        SourceError: the source is missing, empty, broken or of an unknown format.
    """
    parts = parts_in(source)
    if parts is not None and parts.train != source:  # a file beside which a part of it lies is read itself
        return _open_part(source, parts, names)
    table = settle_pictures(_reader_of(source).read(source, names), _file_of(source))
    if table.frame.width == 0 or table.frame.height == 0:
        raise SourceError(f"{table.source}: no rows; expected at least a column and a row of data")
    return table


def open_source(source: object, *, names: tuple[str, ...] = (), most_rows: int = MOST_ROWS) -> Table | Stream:
    """Read a data set, or only open it where it has more rows than are held at once.

    Args:
        source: as for `open_table`; of these Parquet, Arrow and delimited files can be read in chunks.
        names: column names for a source without any, else ().
        most_rows: that are held at once.

    Raises:
        SourceError: as for `open_table`.
    """
    reader = _reader_of(source)
    stream = reader.stream(source, names) if reader.stream is not None else None
    if stream is not None and stream.most_rows > most_rows and not _holds_pictures(stream):
        place, chunks = _file_of(source), stream.chunks
        return replace(stream, chunks=lambda rows: (settle_pictures(chunk, place) for chunk in chunks(rows)))
    return open_table(source, names=names)


def _holds_pictures(stream: Stream) -> bool:
    """Whether rows name pictures: such a table is held at once, for what is large are the pictures.

    Raises:
        SourceError: the pictures stand in the table itself.
    """
    first = next(stream.chunks(None), None)
    columns = [] if first is None else first.frame.get_columns()
    if any(begins_as_pictures(column) for column in columns):
        raise SourceError(
            f"{stream.source}: pictures in the cells of more than {MOST_ROWS:,} rows are more than is held at once; "
            "write them to files, and a table of their paths"
        )
    return any(names_pictures(column) for column in columns)


def parts_in(source: object) -> Parts | None:
    """The parts that a source holds itself, such as the folders train/ and val/; None where it holds none.

    Raises:
        SourceError: it cannot be read.
    """
    if isinstance(source, (str, Path)) and not Path(source).exists():
        return None  # which is said when it is opened
    find = _reader_of(source).parts
    return find(source) if find is not None else None


def forecast_told(source: object) -> ForecastTold | None:
    """What a source tells of its own forecast, such as its roles and its horizon; None where it tells of none.

    Raises:
        SourceError: it cannot be read.
    """
    if not isinstance(source, (str, Path)) or not Path(source).exists():
        return None
    tell = _reader_of(source).forecast
    return tell(source) if tell is not None else None


def _open_part(source: object, parts: Parts, names: tuple[str, ...]) -> Table:
    """The part of a source that a model has not learnt from, if there is one."""
    given = {"test": parts.test, "validation": parts.valid, "training": parts.train}
    name, part = next((name, part) for name, part in given.items() if part is not None)
    table = open_table(part, names=names)
    told = f"{source} holds parts of its own; its {name} part is read"
    return replace(table, findings=(Finding("parts", "note", told), *table.findings))


def _file_of(source: object) -> Path | None:
    """The file that a table is read from; None for what is in memory, and for folders, which know their paths."""
    return Path(source) if isinstance(source, (str, Path)) and Path(source).is_file() else None


def sample_stream(stream: Stream, *, seed: int, n_rows: int = SAMPLE_ROWS) -> Table:
    """Rows drawn evenly from a stream, as a table that says so.

    Raises:
        SourceError: the source is broken.
    """
    picked = draw_evenly(stream.most_rows, n_rows, seed=seed)
    chunks = list(stream.chunks(picked))
    n_all = sum(chunk.sampled_from for chunk in chunks)
    frame = pl.concat([chunk.frame for chunk in chunks]).rechunk()
    told = (
        f"{stream.source}: {n_all:,} rows are more than are held at once; kinds, figures and findings are those of "
        f"{frame.height:,} of them, drawn evenly by seed {seed}, with counts scaled up; rows that repeat another are "
        "not looked for"
    )
    findings = (Finding("sampled", "warning", told, n_rows=frame.height), *chunks[0].findings)
    rows = np.concatenate([chunk.rows for chunk in chunks if chunk.rows is not None])
    first = chunks[0]
    return Table(frame, stream.source, findings, rows=rows, sampled_from=n_all, target=first.target, task=first.task)


def draw_evenly(n_rows: int, n_wanted: int, *, seed: int) -> Array:
    """One row at random from each of n_wanted equal stretches, (n_wanted,) rising int64; every row if they are few."""
    if n_rows <= n_wanted:
        return np.arange(n_rows, dtype=np.int64)
    edges = np.arange(n_wanted + 1, dtype=np.int64) * n_rows // n_wanted
    drawn: Array = np.random.default_rng(seed).integers(edges[:-1], edges[1:])
    return drawn


def _reader_of(source: object) -> Reader:
    if isinstance(source, (str, Path)):
        _check_path(Path(source))
    asked = sorted(readers().values(), key=lambda reader: not reader.by_content)
    reader = next((reader for reader in asked if reader.accepts(source)), None)
    if reader is None and isinstance(source, (str, Path)) and Path(source).suffix.lower() == _ARFF:
        raise SourceError(
            f"{source}: ARFF files are not read; the archives hold the same series as .ts and as name_TRAIN.tsv, which "
            "are, and other tables can be written as CSV"
        )
    if reader is None:
        raise SourceError(f"{_tell(source)} cannot be read; these can: {_readable()}")
    return reader


def _check_path(path: Path) -> None:
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
    if isinstance(source, (list, tuple)):
        return f"a {type(source).__name__} of {len(source):,} (several are read together only where all are pictures)"
    return f"a {type(source).__name__}"


def _readable() -> str:
    return "; ".join(reader.summary for reader in readers().values())
