"""A target of several labels a row, columns of yes and no or lists, becomes one column of cells like `;red;round;`.

A list of tags beside a list of as many words is no set of labels: both become cells with a blank between their words.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import polars as pl

from archwise.data.kinds.category import parse_category
from archwise.data.tag_cells import TAG, as_sentences, join_lists
from archwise.errors import ColumnError, TargetError, nearest
from archwise.records import Stream, Table

MULTILABEL = "multilabel"
SEPARATOR = ";"
_YES = ("1", "1.0", "true", "yes", "y", "t")
_NO = ("0", "0.0", "false", "no", "n", "f")


def join_target(opened: Table | Stream, target: str, *, task: str = "") -> Table | Stream:
    """Give a source whose target is several columns, or a column of lists, that target as one column of cells.

    Args:
        target: as the user named it: a column, or columns separated by commas.
        task: where it is known: of "tag" lists are words and tags, however many of either there are; else labels.

    Returns:
        the source as it was where its target is one plain column; else with a column of the name of `target`, in
        which `;red;round;` is a row of two labels and `;` one of none, and without the columns that it came from; or
        with the words and the tags of sentences as text.

    Raises:
        ColumnError: one of the columns is not there, or does not hold yes and no.
    """
    if isinstance(opened, Table):
        return join_in_table(opened, target, task=task)
    return replace(
        opened, chunks=lambda rows: (join_in_table(table, target, task=task) for table in opened.chunks(rows))
    )


def join_in_table(table: Table, target: str, *, task: str = "") -> Table:
    """The same for a table."""
    tagged = as_sentences(table) if task == TAG else None if task else join_lists(table, target)
    if tagged is not None:
        return tagged
    frame = table.frame
    if target in frame.columns:
        column = frame.get_column(target)
        if not isinstance(column.dtype, pl.List):
            return table
        joined = column.cast(pl.List(pl.String)).list.drop_nulls().list.join(SEPARATOR)
        cells = pl.select(pl.when(joined == "").then(pl.lit(SEPARATOR)).otherwise(_framed(joined))).to_series()
        return replace(table, frame=frame.with_columns(cells.alias(target)))
    names = [name.strip() for name in target.split(",") if name.strip()]
    if len(names) < 2:
        return table  # that the column is missing is said where the target is looked for
    cells = pl.Series([SEPARATOR] * frame.height, dtype=pl.String)
    for name in names:
        if name not in frame.columns:
            raise ColumnError(f"there is no column '{name}' to predict.{nearest(name, frame.columns)}")
        cells += _cells_of(frame.get_column(name))
    return replace(table, frame=frame.drop(names).with_columns(cells.alias(target)))


def _framed(joined: pl.Series) -> pl.Series:
    return SEPARATOR + joined + SEPARATOR


def _cells_of(column: pl.Series) -> pl.Series:
    """(N,) the label and its separator where the row has it, nothing where not, null where that is unknown."""
    levels, _ = parse_category(column)
    told = levels.str.to_lowercase()
    strange = told.is_not_null() & ~told.is_in([*_YES, *_NO])
    if strange.any():
        row = int(strange.arg_max() or 0)
        raise ColumnError(
            f"column '{column.name}', row {row + 1}: '{levels[row]}' is neither yes nor no; of several columns to "
            "predict each must hold 1 and 0, true and false, or yes and no"
        )
    return pl.select(
        pl.when(told.is_null())
        .then(None)
        .when(told.is_in(_YES))
        .then(pl.lit(f"{column.name}{SEPARATOR}"))
        .otherwise(pl.lit(""))
    ).to_series()


def is_joined(values: pl.Series) -> bool:
    """Whether every known cell is one that `join_target` writes."""
    known = values.drop_nulls()
    if known.dtype != pl.String or not len(known):
        return False
    return bool((known.str.starts_with(SEPARATOR) & known.str.ends_with(SEPARATOR)).all())


def count_labels(values: pl.Series) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Every label of (N,) cells, sorted, and how many rows have it.

    Raises:
        TargetError: there is none.
    """
    counts = Counter(label for cell in values.drop_nulls().to_list() for label in set(split_cell(cell)))
    if not counts:
        raise TargetError(f"target '{values.name}': no row has a label; name another column, or fill it in")
    labels = tuple(sorted(counts))
    return labels, tuple(counts[label] for label in labels)


def split_cell(cell: str) -> list[str]:
    """The labels of a cell."""
    return [label for part in cell.split(SEPARATOR) if (label := part.strip())]
