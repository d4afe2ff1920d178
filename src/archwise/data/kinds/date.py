"""Dates and times: how far along in years, and where in the year, the week and the day."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping

import numpy as np
import polars as pl

from archwise.data.missing import blank_missing, stripped
from archwise.data.scale import apply_scale, fit_scale, scale_width
from archwise.records import Array, Batch, Guess, Json, Kind, Need, ReadCell, Scalar, Widths

NAME = "date"
_SURE_SHARE = 0.95
YEAR_US = 365.2425 * 86_400e6
_PERIODS = {"month": 12, "weekday": 7, "hour": 24}
_STAMP = pl.Datetime("us")
_LOOKS_DATED = r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}"
_MONTH_FIRST = r"^\d{1,2}/\d{1,2}/\d{4}"
_ZONED = ("%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%d %H:%M%#z")
_TIMED = tuple(
    f"{day} {time}"
    for day in ("%Y-%m-%d", "%Y/%m/%d", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y")
    for time in ("%H:%M:%S%.f", "%H:%M")
)
_DAYS = ("%Y-%m-%d", "%Y/%m/%d", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y")
_ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[ T](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])?")
_EPOCH, _MICROSECOND = dt.datetime(1970, 1, 1), dt.timedelta(microseconds=1)


def sniff_date(values: pl.Series) -> Guess:
    """How surely the cells are dates: by their type, or by the share of texts that read as dates."""
    if values.dtype in (pl.Date, pl.Datetime):
        return Guess(NAME, 1.0, f"its cells are of the type {values.dtype}")
    if values.dtype != pl.String:
        return Guess(NAME, 0.0, "no dates")
    known = values.drop_nulls()
    if known.is_empty() or not known.head(100).str.contains(_LOOKS_DATED).any():
        return Guess(NAME, 0.0, "no dates")
    typed, _ = parse_date(known)
    share = 1.0 - typed.null_count() / len(known)
    told = f"{100 * share:.3g} % of {len(known):,} cells read as dates"
    if share < _SURE_SHARE and known.str.contains(_MONTH_FIRST).all():
        told += " with the day first; if the month stands first, write year-month-day"
    return Guess(NAME, 0.96 if share >= _SURE_SHARE else 0.3 * share, told)


def parse_date(values: pl.Series) -> tuple[pl.Series, Array]:
    """Read cells as moments in UTC, without a zone.

    ISO 8601 (2024-03-01, 2024-03-01T12:30:00.5+02:00, with Z, with / for -) and the day first
    (1/3/2024, 1.3.2024, 1-3-2024, with a time after it) are read; a moment without a zone is taken as UTC.
    """
    values = blank_missing(values)
    if values.dtype == pl.String:
        typed = _parse_text(values)
    elif values.dtype == pl.Date:
        typed = values.cast(_STAMP)
    elif isinstance(values.dtype, pl.Datetime):
        in_utc = values.dt.convert_time_zone("UTC") if values.dtype.time_zone else values
        typed = in_utc.dt.replace_time_zone(None).cast(_STAMP)
    else:
        typed = pl.Series(values.name, [None] * len(values), dtype=_STAMP)
    return typed, (typed.is_null() & values.is_not_null()).to_numpy()


def summarise_date(typed: pl.Series) -> dict[str, Scalar]:
    """The first and the last moment."""
    first, last = typed.min(), typed.max()
    return {} if first is None else {"first": str(first), "last": str(last)}


def fit_date(typed: pl.Series, need: Need) -> dict[str, Json]:
    """Fit the scale of the years since the first training moment, and see which parts of the calendar vary.

    Returns:
        origin: years. scale_*: their scale. parts: those of month, weekday and hour that vary.
    """
    years = _years(typed)
    known = years[~np.isnan(years)]
    origin = float(known.min()) if len(known) else 0.0
    parts = [part for part in _PERIODS if len(np.unique(_part(typed.drop_nulls(), part))) > 1]
    scale = fit_scale(years - origin, need)
    return {"origin": origin, "parts": parts, **{f"scale_{name}": value for name, value in scale.items()}}


def spec_date(state: Mapping[str, Json]) -> Widths:
    """The elapsed years, the flag of missing values, and sine and cosine of each part, all in `numbers`."""
    return {"numbers": (scale_width(scale_of(state)) + 2 * len(state["parts"]), ())}


def apply_date(state: Mapping[str, Json], typed: pl.Series) -> Batch:
    """The scaled years, then sine and cosine of each part, (N, width) float32; missing as in the years."""
    return _apply_parts(state, _years(typed), {part: _part(typed, part) for part in state["parts"]})


def _apply_parts(state: Mapping[str, Json], years: Array, parts: Mapping[str, Array]) -> Batch:
    """`apply_date` of years (N,) float64, NaN for missing, and the parts of the calendar, each (N,) int64."""
    columns = [apply_scale(scale_of(state), years - state["origin"])]
    absent = np.float32(np.nan if state["scale_how"] == "raw" else 0.0)
    for part in state["parts"]:
        circle = CIRCLES[part][parts[part]]  # (N, 2)
        columns.append(np.where(np.isnan(years)[:, None], absent, circle))
    return {"numbers": np.concatenate(columns, axis=1)}


def one_date(state: Mapping[str, Json]) -> ReadCell:
    """A function that reads one plain cell, a date or a text of year, month and day, as a column of one."""

    def read(cell: object) -> Batch | None:
        moment = _read_moment(cell)
        if moment is None:
            return None
        if isinstance(moment, float):
            return _apply_parts(state, np.array([moment]), dict.fromkeys(_PERIODS, _FIRST))
        years = _in_years(np.array([(moment - _EPOCH) // _MICROSECOND], np.float64))
        numbers = {"month": moment.month - 1, "weekday": moment.weekday(), "hour": moment.hour}
        return _apply_parts(state, years, {part: np.array([numbers[part]]) for part in state["parts"]})

    return read


def _read_moment(cell: object) -> dt.datetime | float | None:
    """One plain cell as `parse_date` reads it, NaN for missing; None where only that can tell."""
    if type(cell) is str:
        text = stripped(cell)
        if text == "":
            return float("nan")
        if text is None or not _ISO.fullmatch(text):
            return None
        try:
            return dt.datetime.fromisoformat(text)
        except ValueError:
            return None
    if type(cell) is dt.date:
        return dt.datetime(cell.year, cell.month, cell.day)
    if type(cell) is dt.datetime and cell.tzinfo is None:
        return cell
    return float("nan") if cell is None or cell != cell else None


def _parse_text(values: pl.Series) -> pl.Series:
    text = values.set(~values.str.contains(r"\d{4}"), None)  # a year of two digits could be any
    text = text.str.replace(r"^(\d{4}[-/]\d{1,2}[-/]\d{1,2})T", "$1 ").str.replace(r"\s*Z$", "+00:00")
    typed = text.str.to_date(_DAYS[0], strict=False).cast(_STAMP)
    for form in (*_DAYS[1:], *_TIMED, *_ZONED):
        is_left = typed.is_null() & text.is_not_null()
        if not is_left.any():
            break
        left = text.filter(is_left)
        if form in _DAYS:
            read = left.str.to_date(form, strict=False).cast(_STAMP)
        else:
            read = left.str.to_datetime(form, strict=False, time_unit="us")
            read = read.dt.convert_time_zone("UTC").dt.replace_time_zone(None) if form in _ZONED else read
        if read.null_count() < len(read):
            typed = typed.scatter(is_left.arg_true(), read)
    return typed


def _years(typed: pl.Series) -> Array:
    """Years since 1970 as (N,) float64, NaN for missing."""
    return _in_years(typed.cast(pl.Int64).cast(pl.Float64).fill_null(float("nan")).to_numpy())


def _in_years(stamps: Array) -> Array:
    """Microseconds as years, (N,) float64."""
    years: Array = stamps * (1.0 / YEAR_US)
    return years


def _part(typed: pl.Series, part: str) -> Array:
    """The part of the calendar as (N,) int64 from 0, also 0 for missing."""
    if part == "month":
        found = typed.dt.month().cast(pl.Int64) - 1
    elif part == "weekday":
        found = typed.dt.weekday().cast(pl.Int64) - 1
    else:
        found = typed.dt.hour().cast(pl.Int64)
    return found.fill_null(0).to_numpy()


def _circle(period: int) -> Array:
    """Sine and cosine of every position of a period, (period, 2) float32: a table, so rows equal batches."""
    angles = 2.0 * np.pi * np.arange(period) / period
    return np.stack([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)


CIRCLES = {part: _circle(period) for part, period in _PERIODS.items()}
_FIRST = np.zeros(1, np.int64)


def scale_of(state: Mapping[str, Json]) -> dict[str, Json]:
    """The state of the scale of the years."""
    return {name.removeprefix("scale_"): value for name, value in state.items() if name.startswith("scale_")}


KIND = Kind(
    name=NAME,
    summary="a date or a moment",
    sniff=sniff_date,
    parse=parse_date,
    summarise=summarise_date,
    fit=fit_date,
    spec=spec_date,
    apply=apply_date,
    one=one_date,
)
