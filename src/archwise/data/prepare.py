"""Typed columns become arrays: fitted once on training rows, applied alike in training and in serving."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

from archwise.data.growing import narrow_dtype
from archwise.data.kinds import kind as pick_kind
from archwise.data.padding import join_channels
from archwise.errors import ColumnError, nearest, shorten
from archwise.records import Array, Batch, Finding, InputSpec, Json, Need, Store

N_SHOWN = 5  # cells that a finding names
BEFORE = "before"  # in the state of a column: the names of those that are read before it, as one with it
_OF_TRAINING = ("vectors",)  # parts of a state that serving has no need of
_DTYPES: Mapping[str, Literal["float32", "int64", "uint8"]] = {  # the inputs there are, as a network takes them
    "numbers": "float32",
    "codes": "int64",
    "image": "uint8",
    "tokens": "int64",
    "forms": "int64",
    "terms": "int64",
    "term_weights": "float32",
    "series": "float32",
    "window": "float32",
    "future": "float32",
    "calendar": "float32",
}


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


def parse_columns(
    frame: pl.DataFrame,
    columns: Sequence[tuple[str, str]],
    *,
    rows: Array | None = None,
    store: Store | None = None,
) -> Parsed:
    """Read the cells of columns as the values of their kinds.

    Args:
        frame: may hold other columns too, in any order.
        columns: (name, kind) of each column that is needed.
        rows: (N,) numbers of the rows in their source, from 0, where the frame is a part of it.
        store: into which cells that are dear to read are read, once for all needs.

    Returns:
        The columns in the order of `columns`, the bad rows, and what is bad in them. With a store, a column of cells
        that are dear to read holds their names in it.

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
    parsed = Parsed(pl.DataFrame(typed), bad, tuple(findings))
    return parsed if store is None else _read_into(store, parsed, columns, rows)


def fit_preparation(typed: pl.DataFrame, columns: Sequence[tuple[str, str]], *, need: Need) -> Preparation:
    """Fit every column to the training rows.

    Columns of a kind that joins its columns are read as one: the last of them has the state, the others an empty one.

    Args:
        typed: training rows only, as `parse_columns` gives them.
        columns: (name, kind).
        need: of the architecture.
    """
    prepared = []
    for place, (name, kind) in enumerate(columns):
        state: dict[str, Json] = {}
        if not (pick_kind(kind).join and kind in (other for _, other in columns[place + 1 :])):
            before = [other for other, same in columns[:place] if same == kind and pick_kind(kind).join]
            state = pick_kind(kind).fit(_values(typed, name, kind, before), need)
            state |= {BEFORE: before} if state and before else {}
        prepared.append(PreparedColumn(name, kind, state))
    return Preparation(tuple(prepared), need)


def _values(typed: pl.DataFrame, name: str, kind: str, before: Sequence[str]) -> pl.Series:
    """The cells of a column, with those of the columns before it that are read as one with it."""
    join = pick_kind(kind).join
    if not before or join is None:
        return typed.get_column(name)
    return join([typed.get_column(each) for each in (*before, name)])


def apply_preparation(preparation: Preparation, typed: pl.DataFrame, *, store: Path | None = None) -> Batch:
    """Turn rows into the inputs of a network.

    Args:
        preparation: as fitted.
        typed: rows as `parse_columns` gives them; with a store, as it does with one.
        store: the folder into which the cells were read before, if they were.

    Returns:
        numbers: (N, D) float32; codes: (N, D) int64; image: (N, H, W, C) uint8; tokens: (N, T) int64, 0 behind the end;
        forms: (N, T, F) int64, what each token looks like, 0 behind the end;
        terms: (N, K) int64 with term_weights: (N, K) float32; series: (N, T, C) float32, NaN behind the end. Each only
        where a column gives it.
    """
    return join_columns([apply_column(column, typed, store=store) for column in preparation.columns])


def apply_column(column: PreparedColumn, typed: pl.DataFrame, *, store: Path | None = None) -> Batch:
    """What one column gives of rows, with those that are read as one with it; arguments as for `apply_preparation`."""
    kind, values = pick_kind(column.kind), _values(typed, column.name, column.kind, column.state.get(BEFORE, ()))
    if store is None or kind.take is None:
        return kind.apply(column.state, values)
    return kind.take(column.state, values, store)


def load_batch(preparation: Preparation, parsed: Parsed, *, rows: Array | None = None) -> tuple[Batch, Parsed]:
    """Turn rows that are to be answered into the inputs of a network.

    Args:
        rows: as for `parse_columns`.

    Returns:
        what `apply_preparation` gives; and the rows with those marked as bad whose cells could not be read as late as
        here, each with its reason.
    """
    parts, bad, findings = [], parsed.bad.copy(), list(parsed.findings)
    for column in preparation.columns:
        before = column.state.get(BEFORE, ())
        kind, values = pick_kind(column.kind), _values(parsed.frame, column.name, column.kind, before)
        if kind.load is None:
            parts.append(kind.apply(column.state, values))
            continue
        batch, why = kind.load(column.state, values)
        parts.append(batch)
        findings += _tell_unreadable(values, why, rows)
        bad |= why.is_not_null().to_numpy()
    return join_columns(parts), replace(parsed, bad=bad, findings=tuple(findings))


def cells_told(frame: pl.DataFrame, columns: Sequence[tuple[str, str]], *, keep: pl.Series) -> pl.DataFrame:
    """Of the columns that are dear to read, how each cell is named to the user: its text, or the number of its row.

    Args:
        keep: (N,) bool, the rows that are wanted.
    """
    numbers = pl.Series([f"row {row + 1}" for row in np.flatnonzero(keep.to_numpy())], dtype=pl.String)
    dear = [frame.get_column(name) for name, kind in columns if pick_kind(kind).store is not None]
    return pl.DataFrame(
        [cells.filter(keep) if cells.dtype == pl.String else numbers.alias(cells.name) for cells in dear]
    )


def with_names(frame: pl.DataFrame, typed: pl.DataFrame, columns: Sequence[tuple[str, str]]) -> pl.DataFrame:
    """A frame as it was read with, for the cells that are dear to read, their names in the store.

    So two cells of one content are equal, wherever they lie.
    """
    named = [typed.get_column(name) for name, kind in columns if pick_kind(kind).store is not None]
    return frame.with_columns(named) if named else frame


def _read_into(store: Store, parsed: Parsed, columns: Sequence[tuple[str, str]], rows: Array | None) -> Parsed:
    """Read the cells that are dear to read, but not those of bad rows; their names take their places."""
    frame, bad, findings = parsed.frame, parsed.bad.copy(), list(parsed.findings)
    for name, kind_name in columns:
        read = pick_kind(kind_name).store
        if read is None:
            continue
        cells = frame.get_column(name)
        stored = read(cells.set(pl.Series(bad), None), store)
        frame = frame.with_columns(stored.names.alias(name))
        findings += [*stored.findings, *_tell_unreadable(cells, stored.why, rows)]
        bad |= stored.why.is_not_null().to_numpy()
    return Parsed(frame, bad, tuple(findings))


def _tell_unreadable(cells: pl.Series, whys: pl.Series, rows: Array | None) -> list[Finding]:
    """A finding for each reason for which cells cannot be read, with the first few of them."""
    findings = []
    found = whys.to_frame("why").with_row_index("row").drop_nulls()
    for (why,), part in found.group_by("why", maintain_order=True):
        places = part["row"].to_list()
        numbers = [place if rows is None else int(rows[place]) for place in places[:N_SHOWN]]
        shown = [f"row {number + 1}" for number in numbers]
        if cells.dtype == pl.String:
            shown = [str(cells[place]) for place in places[:N_SHOWN]]
        more = f" and {len(places) - N_SHOWN:,} more" if len(places) > N_SHOWN else ""
        told = f"column '{cells.name}': set aside {len(places):,} of its cells, {why}: {', '.join(shown)}{more}"
        findings.append(Finding("unreadable", "warning", told, str(cells.name), len(places), str(why)))
    return findings


def join_columns(columns: Sequence[Batch]) -> Batch:
    """The arrays of all columns side by side, in their order, as `apply_preparation` gives them."""
    parts: dict[str, list[Array]] = {name: [] for name in _DTYPES}
    for column in columns:
        for name, values in column.items():
            parts[name].append(values)
    return {name: _side_by_side(values, _DTYPES[name]) for name, values in parts.items() if values}


def _side_by_side(values: Sequence[Array], dtype: Any) -> Array:
    """(N, width) of all; series (N, T, C) have the channels of all; other shapes come from one column, as it is."""
    if len(values[0].shape) > 2:
        return values[0] if len(values) == 1 else join_channels(values)
    return np.ascontiguousarray(np.concatenate(values, axis=1), dtype=dtype)


def narrowed(
    batch: Batch, preparation: Preparation, *, names: tuple[str, ...] = ("codes", "tokens", "forms", "terms")
) -> Batch:
    """The batch with some of what has levels in as few bytes as these need."""
    levels = {spec.name: spec.levels if spec.name in names else () for spec in inputs_of(preparation)}
    return {
        name: array.astype(narrow_dtype(max(levels[name]))) if levels[name] else array for name, array in batch.items()
    }


def inputs_of(preparation: Preparation) -> tuple[InputSpec, ...]:
    """The inputs that `apply_preparation` gives, with the levels of each column or the shape of a row."""
    widths = dict.fromkeys(_DTYPES, 0)
    levels: dict[str, tuple[int, ...]] = dict.fromkeys(_DTYPES, ())
    shapes: dict[str, tuple[int, ...]] = dict.fromkeys(_DTYPES, ())
    for column in preparation.columns:
        for name, (width, column_levels) in pick_kind(column.kind).spec(column.state).items():
            if isinstance(width, tuple):
                if shapes[name]:  # series: the channels of all columns, as long as the longest
                    steps, channels = shapes[name]
                    width = max(steps, width[0]), channels + width[1]
                    widths[name] = 0
                shapes[name], width = width, prod(width)
            widths[name] += width
            levels[name] += column_levels
    return tuple(
        InputSpec(name, dtype, widths[name], levels[name], shapes[name])
        for name, dtype in _DTYPES.items()
        if widths[name] > 0
    )


def for_serving(preparation: Preparation) -> Preparation:
    """The preparation without what only the start of training needs."""
    columns = [
        replace(column, state={name: held for name, held in column.state.items() if name not in _OF_TRAINING})
        for column in preparation.columns
    ]
    return replace(preparation, columns=tuple(columns))


def word_vectors(preparation: Preparation) -> Array | None:
    """The vectors that words begin from, (V, D) with NaN where a word has none; None where none were asked for."""
    return next((column.state["vectors"] for column in preparation.columns if "vectors" in column.state), None)


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
    return {"need": asdict(preparation.need), "columns": columns, "arrays": sorted(arrays)}, arrays


def load_preparation(data: Json, arrays: dict[str, Array]) -> Preparation:
    """The preparation that `dump_preparation` wrote, bit for bit.

    Raises:
        ValueError: the arrays are of another preparation.
    """
    if sorted(arrays) != sorted(data.get("arrays", arrays)):  # which older ones do not name
        raise ValueError("the arrays are of another preparation")
    columns = []
    for position, column in enumerate(data["columns"]):
        prefix = f"c{position}_"
        held = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
        columns.append(PreparedColumn(column["name"], column["kind"], {**column["state"], **held}))
    return Preparation(tuple(columns), Need.from_json(data["need"]))


def _tell_bad(values: pl.Series, is_bad: Array, kind: str, rows: Array | None) -> Finding:
    n_bad = int(is_bad.sum())
    first = int(np.argmax(is_bad))
    row = first if rows is None else int(rows[first])
    instead = "category" if kind != "category" else "text"
    cell = shorten(values[first])
    found = f"column '{values.name}', row {row + 1}: '{cell}' is not a {kind} ({n_bad:,} such cells); mend the value"
    at_fit = f", or read the column as a {instead} with --kind {values.name}={instead}"
    return Finding("bad-cells", "warning", found + at_fit, column=values.name, n_rows=n_bad, at_fit=at_fit)
