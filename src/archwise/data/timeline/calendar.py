"""What the calendar knows of every step ahead: the hour, the day of the week, the day of the year."""

from __future__ import annotations

import numpy as np
import polars as pl

from archwise.data.timeline.frequency import Frequency, clock_at
from archwise.records import Array

_DAY_S = 86_400.0
N_PLACES = 1_024  # of a circle, so that equal moments give equal numbers


def calendar_parts(frequency: Frequency) -> tuple[str, ...]:
    """The parts of the calendar that vary from step to step: of hour, weekday and yearday."""
    if frequency.unit == "row":
        return ()
    parts = {"hour": _DAY_S, "weekday": 7 * _DAY_S, "yearday": 365 * _DAY_S}
    return tuple(name for name, period in parts.items() if frequency.step_s * 2 <= period)


def calendar_at(frequency: Frequency, numbers: Array, parts: tuple[str, ...]) -> Array:
    """Sine and cosine of each part at places of the grid, (N, 2 K) float32."""
    clock = clock_at(frequency, numbers)
    if clock is None or not parts:
        return np.empty((len(numbers), 0), np.float32)
    return np.concatenate([circle(_share(clock, part)) for part in parts], axis=1)


def _share(clock: pl.Series, part: str) -> Array:
    """(N,) from 0 to 1, how far into the day, the week or the year."""
    into_day = (clock.cast(pl.Int64) % 86_400_000_000).to_numpy() / 86_400e6
    if part == "hour":
        return into_day
    if part == "weekday":
        return ((clock.dt.weekday().cast(pl.Float64).to_numpy() - 1) + into_day) / 7.0
    return (clock.dt.ordinal_day().cast(pl.Float64).to_numpy() - 1 + into_day) / 366.0


def circle(share: Array) -> Array:
    """Sine and cosine of a share of the circle, from 0 to 1, (N, 2) float32; of as many places as there are."""
    angles = 2.0 * np.pi * np.floor(share * N_PLACES) / N_PLACES
    return np.stack([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)
