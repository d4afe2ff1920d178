"""By what rows are cut: by each column; pictures by how they look; forecasts by their series, time and past."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from archwise.data.kinds import read_as
from archwise.data.picture import sides
from archwise.data.timeline.frequency import stamps_at
from archwise.data.timeline.prepare import WINDOW, frequency_of, roles_of, state_of
from archwise.errors import DataError
from archwise.records import FORECAST, Array
from archwise.report.cut import Part, cut, levels, ranges
from archwise.report.rows import Rows, inputs, inputs_of_typed
from archwise.report.time_left import Allowed

MOST_COLUMNS = 60
MOST_BYTES = 150_000_000  # of pixels or of windows that are looked at
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
          "December")  # fmt: skip
AT_ONCE = 128  # pictures
GREY_BELOW = 4.0  # of 255, by which the channels of a grey picture differ in the mean: of a scan or of its compression
_LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


def cuts_of(rows: Rows, allowed: Allowed) -> Iterator[list[Part]]:
    """The parts of the rows, column by column.

    Args:
        allowed: until when pictures are looked at.
    """
    if rows.task.name == FORECAST:
        yield from _of_origins(rows)
        return
    kinds = dict(rows.model.facts.columns)
    for column in rows.judged.typed.get_columns()[:MOST_COLUMNS]:
        kind = read_as(kinds.get(column.name, ""))
        parts = list(cut(column, kind))
        if kind == "image":
            parts += [*_of_looks(rows, column.name, allowed), *_of_sides(rows, column)]
        if parts:
            yield parts


# ---------------------------------------------------------------- pictures


def _of_looks(rows: Rows, name: str, allowed: Allowed) -> Iterator[Part]:
    """Pictures by how bright, how rich in contrast and how coloured they are, as the model reads them."""
    need = rows.model.facts.need.image
    if need is None:
        return
    n_looked = min(rows.n_rows, max(AT_ONCE, MOST_BYTES // (need.size**2 * need.channels)))
    looks = np.full((rows.n_rows, 3), np.nan)
    for start in range(0, n_looked, AT_ONCE):
        if allowed.left() <= 0:
            break
        batch = inputs_of_typed(rows, rows.judged.typed[start : min(n_looked, start + AT_ONCE)])
        if "image" not in batch:
            return
        looks[start : start + AT_ONCE] = looks_of(np.asarray(batch["image"]))
    for place, told in enumerate(("brightness", "contrast")):
        yield from ranges(f"{name}, {told}", pl.Series(100.0 * looks[:, place] / 255.0), "{} %")
    colour = looks[:, 2]
    if need.channels == 3 and (colour < GREY_BELOW).any() and (colour >= GREY_BELOW).any():
        yield Part(f"{name}, colour", "grey", colour < GREY_BELOW)
        yield Part(f"{name}, colour", "coloured", colour >= GREY_BELOW)


def looks_of(pixels: Array) -> Array:
    """Of pictures (N, H, W, C) uint8 the mean and the deviation of their light, and how far their channels differ."""
    values = pixels.astype(np.float32)
    light = values @ _LUMA.astype(np.float32) if values.shape[3] == 3 else values[..., 0]
    apart = (values.max(axis=3) - values.min(axis=3)).mean(axis=(1, 2))
    found: Array = np.stack([light.mean(axis=(1, 2)), light.std(axis=(1, 2)), apart], axis=1)
    return found


def _of_sides(rows: Rows, column: pl.Series) -> Iterator[Part]:
    """Pictures by their shorter side and by their shape, where their files can still be looked into."""
    told = rows.judged.told
    cells = column if rows.judged.store is None else None if told is None else told["file"]
    if cells is None:
        return
    found = np.array([_sides(cell) for cell in cells.to_list()], np.float64).reshape(-1, 2)
    yield from ranges(f"{column.name}, shorter side", pl.Series(found.min(axis=1)), "{} pixels")
    wide, tall = found[:, 0] > 1.05 * found[:, 1], found[:, 1] > 1.05 * found[:, 0]
    shapes = np.select([np.isnan(found[:, 0]), wide, tall], ["", "wide", "tall"], "square")
    shape = pl.Series(f"{column.name}, shape", shapes)
    yield from levels(shape.set(shape == "", None))


def _sides(cell: str | bytes | None) -> tuple[float, float]:
    """Width and height of a picture; NaN of one that is missing, or lies no longer where it lay."""
    try:
        if cell is not None and (isinstance(cell, bytes) or Path(cell).is_file()):
            return sides(cell if isinstance(cell, bytes) else Path(cell).read_bytes())
    except (DataError, OSError):
        pass
    return float("nan"), float("nan")


# ---------------------------------------------------------------- forecasts


def _of_origins(rows: Rows) -> Iterator[list[Part]]:
    """Of a forecast: its series, the hour, day or month in which it begins, and how restless the past before it is."""
    timeline, origins = rows.judged.timeline, rows.judged.origins
    assert timeline is not None  # of a forecast
    assert origins is not None
    if timeline.n_series > 1:
        names = pl.Series("series", [str(name) for name in timeline.names])[timeline.owner[origins]]
        yield list(levels(names))
    frequency = frequency_of(state_of(rows.model.preparation))
    yield list(_of_pasts(rows))
    stamps = stamps_at(frequency, timeline.numbers[origins], name="stamp")
    if not stamps.dtype.is_temporal():
        return
    asked = {
        "hour of the first step": (stamps.dt.hour, tuple(f"{hour}:00" for hour in range(24))),
        "day of the week": (stamps.dt.weekday, ("", *DAYS)),
        "month": (stamps.dt.month, ("", *MONTHS)),
    }
    for of, (read, words) in asked.items():
        try:
            values = read().to_numpy()
        except pl.exceptions.PolarsError:  # a date has no hour
            continue
        if len(np.unique(values)) > 1:
            yield [Part(of, words[value], values == value) for value in np.unique(values)]


def _of_pasts(rows: Rows) -> Iterator[Part]:
    """Origins by the deviation of each target in the steps before them, in units of that of its whole series."""
    windows = inputs(rows)[WINDOW]
    n_looked = min(rows.n_rows, max(1, MOST_BYTES // max(1, 4 * int(np.prod(windows.shape[1:])))))
    spreads = np.asarray(windows[:n_looked]).std(axis=1, dtype=np.float64)
    for place, target in enumerate(roles_of(state_of(rows.model.preparation)).targets):
        told = np.full(rows.n_rows, np.nan)
        told[:n_looked] = spreads[:, place]
        yield from ranges(f"{target} before it, spread", pl.Series(told), "{}")
