"""Typed columns become arrays: fitted once on training rows, applied alike in training and in serving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from archwise.data.kinds import kind as pick_kind
from archwise.errors import ColumnError, DataError, nearest
from archwise.records import Array, Batch, Finding, InputSpec, Json, Need

MOST_BAD = 0.05  # share of the rows that may hold unreadable cells
_DTYPES = {
    "numbers": np.float32,
    "codes": np.int64,
}  # the inputs there are, in the order a network takes them


@dataclass(frozen=True)
class Parsed:
    """Columns with the types of their kinds.

    bad: (N,) bool, rows with a cell that its kind cannot read (there it is null).
    findings: one for each column with such cells.
    """

    frame: pl.DataFrame
    bad: Array
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class PreparedColumn:
    """One column as fitted: its name, its kind, and the state that its kind fitted on training rows."""

    name: str
    kind: str
    state: dict[str, Json]


@dataclass(frozen=True)
class Preparation:
    """All columns as fitted, in the order of the inputs, and the need they were fitted for."""

    columns: tuple[PreparedColumn, ...]
    need: Need


def parse_columns(frame: pl.DataFrame, columns: Sequence[tuple[str, str]], *, rows: Array | None = None) -> Parsed:
    """Read the cells of columns as the values of their kinds.

    Args:
        frame: may hold other columns too, in any order.
        columns: (name, kind) of each column that is needed.
        rows: (N,) numbers of the rows in their source, from 0, where the frame is a part of it.

    Returns:
        The columns in the order of `columns`, the bad rows, and what is bad in them.

    Raises:
        ColumnError: columns are missing; all of them are named.
    """
    missing = [name for name, _ in columns if name not in frame.columns]
    if missing:
        told = ", ".join(f"'{name}'" for name in missing)
        hints = "".join(nearest(name, frame.columns) for name in missing[:1])
        raise ColumnError(
            f"columns are missing: {told}; the data must hold every column the model was trained on.{hints}"
        )
    bad = np.zeros(frame.height, dtype=bool)
    typed, findings = [], []
    for name, kind in columns:
        values = frame.get_column(name)
        column, is_bad = pick_kind(kind).parse(values)
        typed.append(column.alias(name))
        if is_bad.any():
            findings.append(_tell_bad(values, is_bad, kind, rows))
            bad |= is_bad
    return Parsed(pl.DataFrame(typed), bad, tuple(findings))


def refuse_too_many_bad(bad: Array, findings: Sequence[Finding], *, share: float = MOST_BAD) -> None:
    """Go on with a few bad rows, but not with many.

    Args:
        bad: (N,) bool.
        findings: what is bad.
        share: of the rows, from 0 to 1, that may be bad.

    Raises:
        DataError: more rows are bad.
    """
    n_bad = int(bad.sum())
    if n_bad > share * len(bad):
        first = findings[0].message if findings else "cells cannot be read"
        raise DataError(f"{first} ({n_bad:,} of {len(bad):,} rows are bad, more than {100 * share:g} %)")


def fit_preparation(typed: pl.DataFrame, columns: Sequence[tuple[str, str]], *, need: Need) -> Preparation:
    """Fit every column to the training rows.

    Args:
        typed: training rows only, as `parse_columns` gives them.
        columns: (name, kind).
        need: of the architecture.
    """
    prepared = [PreparedColumn(name, kind, pick_kind(kind).fit(typed.get_column(name), need)) for name, kind in columns]
    return Preparation(tuple(prepared), need)


def apply_preparation(preparation: Preparation, typed: pl.DataFrame) -> Batch:
    """Turn rows into the inputs of a network.

    Args:
        preparation: as fitted.
        typed: rows as `parse_columns` gives them.

    Returns:
        numbers: (N, D) float32 and codes: (N, D) int64, each only where a column gives it.
    """
    return join_columns(
        [pick_kind(column.kind).apply(column.state, typed.get_column(column.name)) for column in preparation.columns]
    )


def join_columns(columns: Sequence[Batch]) -> Batch:
    """The arrays of all columns side by side, in their order, as `apply_preparation` gives them."""
    parts: dict[str, list[Array]] = {name: [] for name in _DTYPES}
    for column in columns:
        for name, values in column.items():
            parts[name].append(values)
    return {
        name: np.ascontiguousarray(np.concatenate(values, axis=1), dtype=_DTYPES[name])
        for name, values in parts.items()
        if values
    }


def inputs_of(preparation: Preparation) -> tuple[InputSpec, ...]:
    """The inputs that `apply_preparation` gives: numbers first, then codes with the levels of each column."""
    widths = dict.fromkeys(_DTYPES, 0)
    levels: dict[str, tuple[int, ...]] = dict.fromkeys(_DTYPES, ())
    for column in preparation.columns:
        for name, (width, column_levels) in pick_kind(column.kind).spec(column.state).items():
            widths[name] += width
            levels[name] += column_levels
    specs = (
        InputSpec("numbers", "float32", widths["numbers"]),
        InputSpec("codes", "int64", widths["codes"], levels["codes"]),
    )
    return tuple(spec for spec in specs if spec.width > 0)


def dump_preparation(preparation: Preparation) -> tuple[Json, dict[str, Array]]:
    """A JSON object and named arrays from which `load_preparation` makes the same preparation."""
    arrays: dict[str, Array] = {}
    columns = []
    for position, column in enumerate(preparation.columns):
        state = {}
        for name, value in column.state.items():
            if isinstance(value, np.ndarray):
                arrays[f"c{position}_{name}"] = value
            else:
                state[name] = value
        columns.append({"name": column.name, "kind": column.kind, "state": state})
    return {"need": {"numbers": preparation.need.numbers}, "columns": columns}, arrays


def load_preparation(data: Json, arrays: dict[str, Array]) -> Preparation:
    """The preparation that `dump_preparation` wrote, bit for bit."""
    columns = []
    for position, column in enumerate(data["columns"]):
        prefix = f"c{position}_"
        held = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
        columns.append(PreparedColumn(column["name"], column["kind"], {**column["state"], **held}))
    return Preparation(tuple(columns), Need(data["need"]["numbers"]))


def _tell_bad(values: pl.Series, is_bad: Array, kind: str, rows: Array | None) -> Finding:
    n_bad = int(is_bad.sum())
    first = int(np.argmax(is_bad))
    row = first if rows is None else int(rows[first])
    instead = "category" if kind != "category" else "text"
    message = (
        f"column '{values.name}', row {row + 1}: '{values[first]}' is not a {kind}; mend the value, "
        f"or read the column as a {instead} with --kind {values.name}={instead} ({n_bad:,} such cells)"
    )
    return Finding("bad-cells", "warning", message, column=values.name, n_rows=n_bad)
