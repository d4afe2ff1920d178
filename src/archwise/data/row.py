"""One row at a time: the cells of a mapping become the inputs of a network with no table in between.

Only how a cell is read has a twin here, the `one` of its kind; the sums are those of `apply`. What the twin is not sure
of goes the way of every table, so that a row is answered the same however it comes.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from archwise.data.kinds import kind as pick_kind
from archwise.data.prepare import BEFORE, Preparation, join_columns
from archwise.records import Batch, ReadCell, ReadCells

_PLAIN = frozenset({str, bytes, int, float, bool, type(None), dt.date, dt.datetime})


@dataclass(frozen=True)
class RowReader:
    """How the cells of a row are read: the names of columns that are read as one, mostly of one alone, and how.

    many: functions for the cells of rows, where a column is read alone and its kind has one.
    """

    columns: tuple[tuple[tuple[str, ...], Callable[[Sequence[object]], Batch | None]], ...]
    many: tuple[ReadCells | None, ...]


def make_row_reader(preparation: Preparation, columns: Sequence[tuple[str, str]]) -> RowReader | None:
    """Make the functions that read a row, once for a model.

    Args:
        preparation: as fitted.
        columns: (name, kind) of each column that is needed.

    Returns:
        None where a kind cannot read a single cell.
    """
    if [(column.name, column.kind) for column in preparation.columns] != list(columns):
        return None
    readers, many = [], []
    for column in preparation.columns:
        kind, names = pick_kind(column.kind), (*column.state.get(BEFORE, ()), column.name)
        if kind.one is None:
            return None
        join = kind.join_cells if len(names) > 1 else None
        readers.append((names, _reading(kind.one(column.state), join)))
        many.append(None if kind.many is None or len(names) > 1 else kind.many(column.state))
    return RowReader(tuple(readers), tuple(many))


def _reading(
    read: ReadCell, join: Callable[[Sequence[object]], object | None] | None
) -> Callable[[Sequence[object]], Batch | None]:
    """A function that reads the cells of columns that are read as one."""
    if join is None:
        return lambda cells: read(cells[0])

    def read_joined(cells: Sequence[object]) -> Batch | None:
        cell = join(cells)
        return None if cell is None else read(cell)

    return read_joined


def read_row(reader: RowReader, cells: Mapping[str, object]) -> Batch | None:
    """The inputs of a network, one row each, as `apply_preparation` gives them; None where a table must be made.

    Args:
        cells: as `plain_cells` gives them; there may be other columns too.
    """
    parts: list[Batch] = []
    for names, read in reader.columns:
        given = read([cells[name] for name in names]) if all(name in cells for name in names) else None
        if given is None:
            return None
        parts.append(given)
    return join_columns(parts)


def read_rows(reader: RowReader, rows: Sequence[Mapping[str, object]]) -> Batch | None:
    """The inputs of a network for rows that were given one by one, each row exactly as `read_row` gives it.

    Args:
        rows: N of them, each as `plain_cells` gives it; N is 1 or more.

    Returns:
        None where a row lacks a column, or holds a cell for which a table must be made.
    """
    parts: list[Batch] = []
    for (names, one), many in zip(reader.columns, reader.many, strict=True):
        if not all(name in row for row in rows for name in names):
            return None
        if many is not None:
            given = many([row[names[0]] for row in rows])
            if given is None:
                return None
            parts.append(given)
            continue
        each = [one([row[name] for name in names]) for row in rows]
        read = [batch for batch in each if batch is not None]
        if len(read) < len(each):
            return None
        parts.append({part: np.concatenate([batch[part] for batch in read]) for part in (read[0] if read else ())})
    return join_columns(parts)


def plain_cells(row: Mapping[Any, object]) -> dict[str, object] | None:
    """The cells of a row by name, as plain Python values.

    Args:
        row: column name -> a cell, or for every column a list of one cell.

    Returns:
        None where the row holds anything else, more than a row, or a name that a reader would change.
    """
    cells: dict[str, object] = {}
    is_listed = None
    for name, cell in row.items():
        if type(name) is not str or not name:
            return None
        listed = type(cell) is list
        if is_listed is None:
            is_listed = listed
        if listed is not is_listed:
            return None
        if type(cell) is list:
            if len(cell) != 1:
                return None
            cell = cell[0]
        if isinstance(cell, np.generic):
            cell = cell.item()
        if type(cell) not in _PLAIN:
            return None
        cells[name] = cell
    return cells
