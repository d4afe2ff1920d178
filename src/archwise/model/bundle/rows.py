"""Rows to hold a graph against `predict` by: real ones, or made up from what a model knows of its training rows."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from archwise.data.kinds import kind as pick_kind
from archwise.data.picture import decode, encode_array, hushed, read_cell
from archwise.data.prepare import Preparation, PreparedColumn, join_columns
from archwise.data.scale import SHRINK
from archwise.data.sketch import rows_of
from archwise.model.bundle.graph import GraphInput
from archwise.model.bundle.write import is_held
from archwise.model.folder import SKETCH
from archwise.model.labelled import read_typed
from archwise.model.predict import Model
from archwise.model.session import outputs
from archwise.records import Array, Batch, Json
from archwise.tasks import task

MOST_ROWS, MOST_PICTURES = 10_000, 200  # that are held against each other
AT_ONCE = 500  # rows of a call
N_MADE, N_MADE_PICTURES = 2_000, 8
_MOST_SIDE = 400  # pixels of a picture that is made up
_EPOCH, _MICROSECOND = dt.datetime(1970, 1, 1), dt.timedelta(microseconds=1)
_UNSEEN = "(a name that training did not see)"


@dataclass(frozen=True)
class Rows:
    """Rows as a graph takes them, and as the model behind it does.

    parts: what one call of the graph takes. batch: all rows as inputs of the model. expected: as archwise answers them.
    are_real: whether they are the user's, and not made up. places: of each among the rows of the source.
    """

    parts: tuple[Batch, ...]
    batch: Batch
    expected: dict[str, Array]
    are_real: bool
    places: Array

    @property
    def n_rows(self) -> int:
        """How many there are."""
        return len(next(iter(self.expected.values())))


def gather_rows(model: Model, inputs: Sequence[GraphInput], source: object) -> Rows:
    """The rows of a source that can be read, at most MOST_ROWS; or, where it is None, rows that are made up.

    Args:
        inputs: of the graph.

    Raises:
        SourceError, ColumnError: as for `predict`.
    """
    has_pictures = any(column.kind == "image" for column in model.preparation.columns)
    if source is not None:
        typed, places = read_typed(model, source, most_rows=MOST_PICTURES if has_pictures else MOST_ROWS)
        prepared = [_prepare(column, typed.get_column(column.name)) for column in model.preparation.columns]
        return _rows(model, inputs, typed, prepared, places)
    rng = np.random.default_rng(0)
    n_rows = N_MADE_PICTURES if has_pictures else N_MADE
    path = model.folder / SKETCH
    sketch = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    columns = [_make_column(column, sketch, n_rows, rng) for column in model.preparation.columns if is_held(column)]
    typed = pl.DataFrame(columns) if columns else pl.DataFrame()
    prepared = [
        _prepare(column, typed.get_column(column.name)) if is_held(column) else _make_inputs(column, n_rows, rng)
        for column in model.preparation.columns
    ]
    return _rows(model, inputs, typed, prepared, None)


def _rows(
    model: Model, inputs: Sequence[GraphInput], typed: pl.DataFrame, prepared: Sequence[Batch], places: Array | None
) -> Rows:
    batch = join_columns(prepared)
    facts = model.facts
    given = outputs(model.session, batch)
    expected = task(facts.task).answers(facts.target_state, facts.calibration, given)
    n_rows = len(given)
    has_pictures = any(each.dtype == "uint8" for each in inputs)
    starts = range(0, n_rows, 1 if has_pictures else AT_ONCE)  # two pictures are seldom of one size
    by_name = {column.name: part for column, part in zip(model.preparation.columns, prepared, strict=True)}
    parts = []
    for start in starts:
        rows = slice(start, start + (starts.step))
        part = {}
        for each in inputs:
            if each.prepared:
                array = by_name[each.column][each.prepared] if each.column else batch[each.prepared]
                part[each.name] = np.ascontiguousarray(array[rows])
            else:
                part[each.name] = _cells(each, typed.get_column(each.column)[rows], model.preparation)
        parts.append(part)
    return Rows(tuple(parts), batch, expected, places is not None, np.arange(n_rows) if places is None else places)


def _prepare(column: PreparedColumn, values: pl.Series) -> Batch:
    return pick_kind(column.kind).apply(column.state, values)


def _cells(given: GraphInput, values: pl.Series, preparation: Preparation) -> Array:
    """Typed values as an input of the graph takes them: (n, 1), or the pixels of one picture."""
    if given.dtype == "string":
        return values.fill_null("").to_numpy().astype(object)[:, None]
    if given.dtype == "uint8":
        return picture_cell(values[0], next(c for c in preparation.columns if c.name == given.column).state)
    if values.dtype.is_temporal():
        values = values.cast(pl.Datetime("us")).to_physical() / 1e6  # seconds
    numbers = values.cast(pl.Float64).fill_null(float("nan"))
    return numbers.to_numpy().astype(np.float64)[:, None]


def picture_cell(cell: str | bytes | None, state: Mapping[str, Json]) -> Array:
    """The pixels of a cell as the graph takes them, (1, H, W, channels) uint8; of a missing one grey all over."""
    if cell is None:
        return np.full((1, state["size"], state["size"], state["channels"]), 128, np.uint8)
    with hushed():
        picture = decode(read_cell(cell)).convert("RGB" if state["channels"] == 3 else "L")
    pixels = np.asarray(picture, np.uint8)
    return pixels.reshape(1, *pixels.shape[:2], state["channels"])


# ---------------------------------------------------------------- made up


def _make_column(
    column: PreparedColumn, sketch: Mapping[str, Json], n_rows: int, rng: np.random.Generator
) -> pl.Series:
    """A column with the values of a sketch, or with values about those that its state was fitted to."""
    if column.kind == "image":
        cells = (
            [encode_array(_make_picture(column.state, rng)) for _ in range(n_rows)] if column.state else [None] * n_rows
        )
        return pl.Series(column.name, cells, dtype=pl.Binary)
    if column.name in sketch:
        drawn = rows_of({column.name: sketch[column.name]}).get_column(column.name)
        values = drawn.gather(rng.choice(len(drawn), n_rows, replace=len(drawn) < n_rows))
    elif column.kind == "category":
        names = pl.Series([*column.state["levels"], _UNSEEN, None], dtype=pl.String)
        values = names.gather(rng.integers(0, len(names), n_rows))
    else:
        scale = {name.removeprefix("scale_"): held for name, held in column.state.items()}
        values = pl.Series(_make_numbers(scale, n_rows, rng)).fill_nan(None)
    if column.kind == "date" and not values.dtype.is_temporal():
        years = values + column.state["origin"]
        values = (years * 365.2425 * 86_400e6).cast(pl.Int64).cast(pl.Datetime("us"))
    if column.kind == "boolean":
        values = values > 0.5 if values.dtype != pl.Boolean else values
    return values.alias(column.name)


def _make_numbers(state: Mapping[str, Json], n_rows: int, rng: np.random.Generator) -> Array:
    """Numbers about those that a scale was fitted to, also beyond them; some missing, some that have a mark."""
    wide: Array = 3.0 * rng.normal(size=n_rows)
    values: Array
    if state["how"] == "standard":
        values = state["mean"] + wide * (state["std"] or 1.0)
    elif state["how"] == "robust":
        values = (state["centre"] + wide * (state["spread"] or 1.0)) / SHRINK
    elif state["how"] == "quantile" and len(state["knots"]):
        values = rng.choice(state["knots"], n_rows) / SHRINK + wide
    else:
        values = 100.0 * wide
    for mark in state.get("marks", ()):
        values[rng.random(n_rows) < 0.1] = mark
    values[rng.random(n_rows) < 0.05] = np.nan
    return values


def _make_picture(state: Mapping[str, Json], rng: np.random.Generator) -> Array:
    """Noise of a size of its own."""
    height, width = rng.integers(_MOST_SIDE // 4, _MOST_SIDE, 2).tolist()
    shape = (height, width, 3) if state["channels"] == 3 else (height, width)
    return rng.integers(0, 256, shape).astype(np.uint8)


def _make_inputs(column: PreparedColumn, n_rows: int, rng: np.random.Generator) -> Batch:
    """What the kind of a column might prepare of rows: whole numbers within their levels, or normal numbers."""
    made: Batch = {}
    for name, (width, levels) in pick_kind(column.kind).spec(column.state).items():
        row = width if isinstance(width, tuple) else (width,)
        if levels:
            made[name] = rng.integers(
                0, np.broadcast_to(levels, row[-1:]) if len(row) > 1 else levels[0], (n_rows, *row)
            )
        else:
            made[name] = rng.normal(size=(n_rows, *row)).astype(np.float32)
    return made
