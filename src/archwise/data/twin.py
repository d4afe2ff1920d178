"""Twins: columns that say what another column says, and rows of the same inputs with different targets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from archwise.records import ColumnProfile, Finding

_FEWEST_ROWS_A_VALUE = 2  # on average, for an agreement to be no chance
_FEWEST_CLASHING = 0.01  # of the rows, for it to matter
_MOST_EQUAL = 0.05  # of the rows, with the same inputs: more are a table of few combinations


def set_copies_aside(columns: Sequence[ColumnProfile], typed: pl.DataFrame) -> tuple[ColumnProfile, ...]:
    """Set aside each column that is a copy of an earlier one of its kind: equal, or the same levels under other names.

    What the user asked for with --kind stays.

    Args:
        columns: as looked at. typed: (N, D) those in use, with the types of their kinds.
    """
    kept: list[ColumnProfile] = []
    judged = []
    for column in columns:
        original = None
        if column.use and column.because != "as asked":
            original = next((other for other in kept if _is_copy(column, other, typed)), None)
        if original is not None:
            how = "equal to" if typed[column.name].equals(typed[original.name]) else "one to one with"
            judged.append(replace(column, use=False, because=f"it is {how} '{original.name}'"))
            continue
        judged.append(column)
        if column.use:
            kept.append(column)
    return tuple(judged)


def find_copy(column: ColumnProfile) -> tuple[Finding, ...]:
    """A finding where a column was set aside as a copy of another."""
    if column.use or not column.because.startswith(("it is equal to", "it is one to one with")):
        return ()
    message = (
        f"column '{column.name}' is set aside: {column.because} in every row, so it adds nothing; to read it all the "
        f"same, --kind {column.name}={column.kind}"
    )
    return (Finding("copy", "note", message, column.name),)


def find_conflicts(typed: pl.DataFrame, target: pl.Series) -> tuple[Finding, ...]:
    """A finding where rows have the same inputs and different targets, with what that costs at the least.

    Silent where few inputs differ: in a table of few combinations that is no error.

    Args:
        typed: (N, D) the columns a model may read. target: (N,) Float64 or String, null where unknown.
    """
    known = target.is_not_null()
    keyed = pl.DataFrame({"key": typed.hash_rows(seed=0), "target": target}).filter(known)
    counts = keyed.group_by("key", "target").len("n")
    groups = counts.group_by("key").agg(pl.col("n").sum(), most=pl.col("n").max(), distinct=pl.len())
    clashing = groups.filter(pl.col("distinct") > 1)
    n_rows, n_known, n_lost = (int(count) for count in (clashing["n"].sum(), keyed.height, _rest(clashing)))
    largest = int(groups.select(pl.col("n").max()).item() or 0)
    if n_rows < _FEWEST_CLASHING * n_known or largest > max(2, _MOST_EQUAL * n_known) or 2 * groups.height < n_known:
        return ()
    told = f"{n_rows:,} of {n_known:,} rows have the same inputs as another and a different '{target.name}'"
    if target.dtype == pl.String:
        told += f"; no model can answer more than {100 * (1 - n_lost / n_known):.4g} % of these rows right"
    return (Finding("conflict", "note", told, str(target.name), n_rows),)


def _rest(clashing: pl.DataFrame) -> int:
    """Rows beside those of the commonest target of their inputs."""
    return int(clashing.select(pl.col("n").sum() - pl.col("most").sum()).item())


def _is_copy(column: ColumnProfile, other: ColumnProfile, typed: pl.DataFrame) -> bool:
    if (column.kind, column.n_missing, column.n_distinct) != (other.kind, other.n_missing, other.n_distinct):
        return False
    left, right = typed[column.name], typed[other.name]
    if left.equals(right):
        return True
    if column.kind != "category" or left.n_unique() * _FEWEST_ROWS_A_VALUE > len(left):
        return False
    n_pairs = pl.DataFrame([left.alias("left"), right.alias("right")]).n_unique()
    return bool(n_pairs == left.n_unique() == right.n_unique())
