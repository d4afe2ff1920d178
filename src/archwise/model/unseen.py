"""What new rows have that the training rows had not: levels without a code, columns without names, rows in a cell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from archwise.data.header import number_names
from archwise.data.kinds import kind as pick_kind
from archwise.data.kinds.category import FEWEST_ROWS, RARE_CODE
from archwise.data.picture_array import IMAGE
from archwise.data.prepare import Preparation
from archwise.data.series_column import SERIES
from archwise.errors import ColumnError, shorten
from archwise.records import Array, Batch, Finding, Table


def find_unseen(
    preparation: Preparation, cell_of: Callable[[str, int], object], batch: Batch, *, rows: Array | None = None
) -> tuple[Finding, ...]:
    """Count the cells whose level has no code of its own, column by column.

    Args:
        preparation: of the model.
        cell_of: (column, position) -> the cell as its kind reads it.
        batch: the rows as `apply_preparation` gives them.
        rows: (N,) numbers of the rows in their source, from 0, where they are a part of it.
    """
    if "codes" not in batch or not (batch["codes"] == RARE_CODE).any():
        return ()
    coded = [column for column in preparation.columns if "codes" in pick_kind(column.kind).spec(column.state)]
    findings = []
    for column, codes in zip(coded, batch["codes"].T, strict=True):
        is_unseen = codes == RARE_CODE
        if not is_unseen.any():
            continue
        n_unseen, first = int(is_unseen.sum()), int(np.argmax(is_unseen))
        row = first if rows is None else int(rows[first])
        cell = shorten(cell_of(column.name, first))
        message = (
            f"column '{column.name}': {n_unseen:,} cells hold a level that training saw in fewer than {FEWEST_ROWS} "
            f"rows or never, such as '{cell}' in row {row + 1}; they are answered as unknown"
        )
        findings.append(Finding("unseen", "warning", message, column.name, n_unseen))
    return tuple(findings)


def name_pictures(table: Table, columns: Sequence[tuple[str, str]], *, target: str) -> Table:
    """Give the pictures of a source of files or arrays, and their labels, the names that they had at training.

    Args:
        table: as it was read.
        columns: (name, kind) of each column that the model reads.
        target: of the model.
    """
    frame, wanted = table.frame, picture_column(columns)
    names = {}
    found = table.files or (IMAGE if IMAGE in frame.columns and frame[IMAGE].dtype == pl.Binary else "")
    if found and wanted and wanted not in frame.columns:
        names[found] = wanted
    if table.target in frame.columns and target not in frame.columns:
        names[table.target] = target
    return replace(table, frame=frame.rename(names), files=names.get(table.files, table.files))


def picture_column(columns: Sequence[tuple[str, str]]) -> str:
    """The column of pictures among (name, kind), or "" where there is none."""
    return next((name for name, kind in columns if pick_kind(kind).store is not None), "")


def series_as_rows(row: Mapping[object, object], preparation: Preparation) -> Mapping[object, object]:
    """A single row with a series in a cell as columns of one cell, so that its steps are not taken for rows.

    Args:
        row: column name -> a cell, or a list of cells. preparation: of the model.
    """
    for column in preparation.columns:
        if column.kind != SERIES or column.name not in row:
            continue
        depth, has_channels = _depth(row[column.name]), int(column.state.get("channels", 1)) > 1
        if depth == 1 or (depth == 2 and has_channels):
            return {name: [cell] for name, cell in row.items()}
    return row


def _depth(cell: object) -> int:
    """How deep lists lie in each other, by the first item of each: 1 of numbers, 0 of a number or of texts."""
    if isinstance(cell, np.ndarray):
        return cell.ndim
    if not isinstance(cell, list | tuple):
        return 0
    first = next((item for item in cell if item is not None), None)
    return 0 if isinstance(first, str) or first is None else 1 + _depth(first)


def name_columns(table: Table, layout: Sequence[str], *, target: str, source: object) -> Table:
    """Give the columns of a source without names those of the training table, in its order.

    Args:
        table: as it was read.
        layout: the columns of the training table, the target among them.
        target: the column that new rows may lack.
        source: what the table was read from; an array, or a pair (X, y), has no names.

    Raises:
        ColumnError: there are more or fewer columns than at training.
    """
    frame = table.frame
    if not _is_nameless(table, source) or tuple(frame.columns) == tuple(layout):
        return table
    inputs = [name for name in layout if name != target]
    possible = [[*inputs, target]] if isinstance(source, tuple) else [list(layout), inputs]
    names = next((names for names in possible if len(names) == frame.width), None)
    if names is None:
        raise ColumnError(
            f"{table.source} has {frame.width} columns without names, and the model was trained on {len(inputs)} "
            f"({', '.join(inputs[:5])}, …) and the target '{target}'; give it those columns, or a header line"
        )
    if frame.columns == names:
        return table
    told = f"{table.source} has no column names; its columns are read in the order of training, from '{names[0]}' on"
    kept = tuple(finding for finding in table.findings if finding.code != "header")
    renamed = frame.rename(dict(zip(frame.columns, names, strict=True)))
    return replace(table, frame=renamed, findings=(*kept, Finding("header", "note", told)))


def _is_nameless(table: Table, source: object) -> bool:
    if isinstance(source, np.ndarray | tuple):
        return True
    is_numbered = tuple(table.frame.columns) == number_names(table.frame.width)
    return is_numbered and any(finding.code == "header" for finding in table.findings)
