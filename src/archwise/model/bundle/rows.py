"""Rows to hold a graph against `predict` by: real ones, or made up from what a model knows of its training rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from archwise.data.kinds import kind as pick_kind
from archwise.data.padding import n_steps
from archwise.data.picture import decode, encode_array, hushed, read_cell
from archwise.data.prepare import Preparation, PreparedColumn, apply_column, join_columns
from archwise.data.scale import SHRINK
from archwise.data.series_cells import CHANNELS, dense_blocks, n_values
from archwise.data.sketch import rows_of
from archwise.model.bundle.graph import GraphInput
from archwise.model.bundle.write import is_held
from archwise.model.folder import SKETCH, read_json
from archwise.model.labelled import read_typed
from archwise.model.predict import Model
from archwise.model.session import outputs
from archwise.records import Array, Batch, Json
from archwise.tasks import task

MOST_ROWS, MOST_PICTURES = 10_000, 200  # that are held against each other
AT_ONCE = 500  # rows of a call
N_MADE, N_MADE_OF_STEPS, N_MADE_PICTURES = 2_000, 200, 8
_MOST_SIDE = 400  # pixels of a picture that is made up
_EPOCH, _MICROSECOND = dt.datetime(1970, 1, 1), dt.timedelta(microseconds=1)
_UNSEEN = "(a name that training did not see)"


@dataclass(frozen=True)
class Rows:
    """Rows as a graph takes them, and as the model behind it does.

    parts: what one call of the graph takes. batch: all rows as inputs of the model. expected: as archwise answers them.
    are_real: whether they are the user's, and not made up. places: of each among the rows of the source.
    unit: in which answers are near or far, of all rows or of each: 1 of probabilities, else the spread of the target.
    """

    parts: tuple[Batch, ...]
    batch: Batch
    expected: dict[str, Array]
    are_real: bool
    places: Array
    unit: float | Array = 1.0

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
        return _rows(model, inputs, typed, [apply_column(each, typed) for each in model.preparation.columns], places)
    rng = np.random.default_rng(0)
    has_steps = any(spec.is_padded for spec in model.facts.signature.inputs)
    n_rows = N_MADE_PICTURES if has_pictures else N_MADE_OF_STEPS if has_steps else N_MADE
    sketch = read_json(model.folder, SKETCH) or {}
    columns = [_make_column(column, sketch, n_rows, rng) for column in model.preparation.columns if is_held(column)]
    typed = pl.DataFrame(columns) if columns else pl.DataFrame()
    prepared = [
        apply_column(column, typed) if is_held(column) else _make_inputs(column, n_rows, rng)
        for column in model.preparation.columns
    ]
    return _rows(model, inputs, typed, prepared, None)


def _rows(
    model: Model, inputs: Sequence[GraphInput], typed: pl.DataFrame, prepared: Sequence[Batch], places: Array | None
) -> Rows:
    batch = join_columns(prepared)
    given = outputs(model.session, batch)
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
                part[each.name] = _without_padding(each, by_name[each.column], rows)
            else:
                part[each.name] = _cells(each, typed.get_column(each.column)[rows], model.preparation)
        parts.append(part)
    places, are_real = (np.arange(n_rows), False) if places is None else (places, True)
    unit = float(model.facts.target_state["scale"]) if model.facts.task == "regress" else 1.0
    return Rows(tuple(parts), batch, _expected(model, given), are_real, places, unit)


def _expected(model: Model, given: Array) -> dict[str, Array]:
    """What archwise answers, with the label sets where there are any."""
    facts, asked = model.facts, task(model.facts.task)
    expected = asked.answers(facts.target_state, facts.calibration, given)
    if asked.sets is not None and "set_floor" in facts.calibration:
        expected["set"] = asked.sets(facts.target_state, facts.calibration, given)
    return expected


def _without_padding(given: GraphInput, prepared: Batch, rows: slice) -> Array:
    """What a column gives of some rows; of sequences no more steps than the longest of these has."""
    array = prepared[given.prepared][rows]
    if given.row[0] is None:
        array = array[:, : max(int(n_steps(prepared[name][rows]).max()) for name in prepared)]
    return np.ascontiguousarray(array)


def _cells(given: GraphInput, values: pl.Series, preparation: Preparation) -> Array:
    """Typed values as an input of the graph takes them: (n, 1), series (n, T, C), or the pixels of one picture."""
    if given.dtype == "string":
        return values.fill_null("").to_numpy().astype(object)[:, None]
    if given.dtype == "uint8":
        return picture_cell(values[0], next(c for c in preparation.columns if c.name == given.column).state)
    if len(given.row) == 2:
        return series_cells(values, int(given.row[1] or 1))
    if values.dtype.is_temporal():
        values = values.cast(pl.Datetime("us")).to_physical() / 1e6  # seconds
    numbers = values.cast(pl.Float64).fill_null(float("nan"))
    return numbers.to_numpy().astype(np.float64)[:, None]


def series_cells(values: pl.Series, n_channels: int) -> Array:
    """Series as the graph takes them, (n, T, C) float64, NaN where nothing is known and behind the end."""
    longest = max(1, int(n_values(values).max()))
    cells = np.full((len(values), longest, n_channels), np.nan)
    for start, block in dense_blocks(values, n_channels):
        cells[start : start + len(block), : block.shape[2]] = np.moveaxis(block, 1, 2)
    return cells


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
    if column.kind == "series":
        held = [_make_series(column.state, rng) if column.state and place else None for place in range(n_rows)]
        return pl.Series(column.name, held, dtype=CHANNELS)
    if column.name in sketch:
        drawn = rows_of({column.name: sketch[column.name]}).get_column(column.name)
        values = drawn.gather(rng.choice(len(drawn), n_rows, replace=len(drawn) < n_rows))
    elif column.kind == "category":
        names = pl.Series([*column.state["levels"], _UNSEEN, None], dtype=pl.String)
        values = names.gather(rng.integers(0, len(names), n_rows))
    else:
        scale = {name.removeprefix("scale_"): held for name, held in column.state.items()}
        values = pl.Series(_make_numbers(scale, n_rows, rng)).fill_nan(None)
    if column.kind == "date":  # a sketch holds moments to the millisecond
        years = None if values.dtype.is_temporal() else values + column.state["origin"]
        values = (values if years is None else (years * 365.2425 * 86_400e6).cast(pl.Int64)).cast(pl.Datetime("us"))
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


def _make_series(state: Mapping[str, Json], rng: np.random.Generator) -> list[list[float]]:
    """A walk about the mean of each channel, of any length, also longer than what is read; with gaps."""
    longest = max(2, int(1.3 * int(state["steps"]) * int(state["together"])))
    walk = rng.normal(size=(int(state["channels"]), int(rng.integers(1, longest)))).cumsum(axis=1)
    values = np.asarray(state["mean"])[:, None] + np.asarray(state["spread"])[:, None] * walk
    values[rng.random(values.shape) < 0.1] = np.nan
    made: list[list[float]] = values.tolist()
    return made


def _make_inputs(column: PreparedColumn, n_rows: int, rng: np.random.Generator) -> Batch:
    """What the kind of a column might prepare of rows: whole numbers within their levels, or normal numbers.

    Sequences are of all lengths, and the first has no step.
    """
    made: Batch = {}
    ends = rng.random(n_rows)
    ends[0] = 0.0
    for name, (width, levels) in pick_kind(column.kind).spec(column.state).items():
        row = width if isinstance(width, tuple) else (width,)
        if not levels:
            made[name] = rng.normal(size=(n_rows, *row)).astype(np.float32)
            continue
        made[name] = rng.integers(0, np.broadcast_to(levels, row[-1:]) if len(row) > 1 else levels[0], (n_rows, *row))
        if isinstance(width, tuple):
            is_step = np.arange(row[0]) < (ends * (row[0] + 1)).astype(np.int64)[:, None]
            made[name] = np.where(is_step if len(row) == 1 else is_step[..., None], np.maximum(made[name], 1), 0)
    return made
