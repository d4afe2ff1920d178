"""Stamps made from the moment at which a series begins and a word such as "monthly" or "10_minutes"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from archwise.data.timeline.frequency import Frequency, stamps_at
from archwise.records import Array

_SECOND, _MINUTE, _HOUR, _DAY = 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000  # us
_WEEK, _YEAR_US = 7 * _DAY, 365.2425 * _DAY
_OF_UNIT = {
    "second": ("us", _SECOND),
    "minute": ("us", _MINUTE),
    "hour": ("us", _HOUR),
    "day": ("us", _DAY),
    "week": ("us", _WEEK),
    "month": ("month", 1),
    "quarter": ("month", 3),
    "year": ("month", 12),
}
_WORDS = {
    "secondly": "1_second",
    "minutely": "1_minute",
    "half_hourly": "30_minutes",
    "hourly": "1_hour",
    "daily": "1_day",
    "weekly": "1_week",
    "monthly": "1_month",
    "quarterly": "1_quarter",
    "yearly": "1_year",
}
_COUNTED = re.compile(rf"([1-9][0-9]{{0,8}})_({'|'.join(_OF_UNIT)})s?")
_LONGEST_YEARS = 100
_USUAL_US = {_WEEK: 8, _DAY: 30, 0: 48}  # horizons of steps of so many us or more
_USUAL_MONTHS = {12: 6, 3: 8, 1: 12}  # of steps of so many months or more


@dataclass(frozen=True)
class Pace:
    """What lies between two values: n microseconds ("us"), or n months. told: in words."""

    unit: Literal["us", "month"]
    n: int
    told: str

    @property
    def usual_horizon(self) -> int:
        """A number of steps that is usual to forecast, as examples name it."""
        usual = _USUAL_US if self.unit == "us" else _USUAL_MONTHS
        return next(horizon for size, horizon in usual.items() if self.n >= size)


def pace_of(word: str) -> Pace | None:
    """The pace that a word such as yearly, quarterly, weekly, daily, hourly, half_hourly or 10_minutes names.

    Returns:
        None for any other word, and for steps of more than 100 years.
    """
    counted = _WORDS.get(word.lower(), word.lower())
    match = _COUNTED.fullmatch(counted)
    if match is None:
        return None
    unit, size = _OF_UNIT[match[2]]
    n = int(match[1]) * size
    if n > (_LONGEST_YEARS * _YEAR_US if unit == "us" else 12 * _LONGEST_YEARS):
        return None
    told = f"{match[1]} {match[2]}{'s' if match[1] != '1' else ''}"
    return Pace(unit, n, told)  # type: ignore[arg-type]  # both units are those of Pace


def stamps_from(pace: Pace, starts: pl.Series, n_values: Array) -> tuple[pl.Series, int]:
    """The stamps of all values, series after series, all on the grid of the first.

    Args:
        starts: (S,) Datetime("us"), none missing. n_values: (S,) int64, values of each series.

    Returns:
        (N,) Datetime("us"), and how many series had to be moved to the step before, to stand on that grid.
    """
    begins = starts.cast(pl.Int64).to_numpy()
    within = np.arange(int(n_values.sum())) - np.repeat(np.cumsum(n_values) - n_values, n_values)
    if pace.unit == "us":
        phase = int(begins[0]) % pace.n if len(begins) else 0
        grid = Frequency("us", pace.n, phase)
        first = (begins - phase) // pace.n
        settled = first * pace.n + phase
        numbers = np.repeat(first, n_values) + within
    else:
        months = begins.astype("datetime64[us]").astype("datetime64[M]")
        into = begins - months.astype("datetime64[us]").astype(np.int64)
        of_epoch = months.astype(np.int64)
        left = (of_epoch - of_epoch[:1]) % pace.n
        grid = Frequency("month", 1, int(into.min(initial=int(into.max(initial=0)))))
        settled = stamps_at(grid, of_epoch - left, name="").cast(pl.Int64).to_numpy()
        numbers = np.repeat(of_epoch - left, n_values) + within * pace.n
    return stamps_at(grid, numbers, name="time"), int((settled != begins).sum())


def end_years(pace: Pace, starts: pl.Series, n_values: Array) -> Array:
    """About when each series ends, (S,) float64 years; NaN where its start is missing."""
    begins = starts.cast(pl.Int64).cast(pl.Float64).fill_null(float("nan")).to_numpy()
    step = pace.n / _YEAR_US if pace.unit == "us" else pace.n / 12
    ends: Array = 1970.0 + begins / _YEAR_US + (n_values - 1) * step
    return ends
