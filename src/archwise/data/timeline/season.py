"""Seasons: after how many steps a series repeats itself, proposed from its autocorrelation."""

from __future__ import annotations

import numpy as np

from archwise.data.timeline.frequency import Frequency
from archwise.records import Array

MOST_SEASONS = 3
FEWEST_CYCLES = 3  # of a season that is seen, for it to be one
MOST_SERIES = 50  # that are looked at, evenly over all
MOST_STEPS = 20_000  # of each, its last
_LEAST = 0.1  # by how much the autocorrelation of a season rises from the valleys beside it
_NOISE, _NOISE_ANYWHERE = 3.5, 8.0  # over the root of the steps: how far chance lets it rise at one lag, and at any
_ALIKE = 0.8  # of the height of a peak, from which on a shorter one explains it
_ECHO = 0.08  # of a lag, within which another is beside it
_CALENDAR_S = (60.0, 3_600.0, 86_400.0, 604_800.0, 365.2425 / 12 * 86_400.0, 365.2425 * 86_400.0)
_ECHO = 0.08  # of a lag, within which it is the echo of another
_NEAR = 0.05  # of a calendar period, within which a peak is taken for it


def find_seasons(series: list[Array], frequency: Frequency) -> tuple[int, ...]:
    """Propose seasons, the strongest first; none where nothing repeats.

    A season is a peak of the mean autocorrelation of the series that stands out from the valleys beside it, as the
    bumps on slow waves do not. Peaks near a period of the calendar are taken for it.

    Args:
        series: (T,) of training values each, all known.
    """
    picked = series[:: max(1, len(series) // MOST_SERIES)]
    found = [each for each in (_autocorrelation(values[-MOST_STEPS:]) for values in picked) if len(each) > 3]
    if not found:
        return ()
    longest = int(np.median([len(each) for each in found]))
    enough = [each[:longest] for each in found if len(each) >= longest]
    mean = np.mean(enough, axis=0)
    chance = 1.0 / np.sqrt(longest * FEWEST_CYCLES * len(enough))
    peaks = [lag for lag in range(2, longest - 1) if mean[lag] >= max(mean[lag - 1], mean[lag + 1])]
    height = {lag: _prominence(mean, lag) for lag in peaks if mean[lag] > 0}
    periods = _of_calendar(height, frequency, least=max(_LEAST, _NOISE * chance))
    others = {
        lag: high
        for lag, high in height.items()
        if high > max(_LEAST, _NOISE_ANYWHERE * chance) and all(not _is_near(lag, period) for period in periods)
    }
    chosen: list[int] = []
    for lag in sorted({**others, **periods}, key=lambda lag: -{**others, **periods}[lag]):
        if len(chosen) < MOST_SEASONS and (lag in periods or not chosen or lag < min(chosen)):
            shortest = _shortest_alike(lag, {**others, **periods})
            if all(not _is_echo(shortest, other) for other in chosen):
                chosen.append(shortest)
    return tuple(chosen)


def _autocorrelation(values: Array) -> Array:
    """Of lags from 0 to a third of the length, after a line was taken out; empty for what does not vary."""
    n_lags = len(values) // FEWEST_CYCLES
    if n_lags < 2:
        return np.empty(0)
    steps = np.arange(len(values))
    left = values - np.polyval(np.polyfit(steps, values, 1), steps)
    size = 1 << int(2 * len(left) - 1).bit_length()
    power = np.abs(np.fft.rfft(left, size)) ** 2
    products = np.fft.irfft(power, size)[: n_lags + 1]
    if products[0] <= 1e-12 * max(1.0, float(np.square(values).sum())):
        return np.empty(0)
    found: Array = products / products[0]
    return found


def _prominence(values: Array, place: int) -> float:
    """How far one must go down from a peak to reach a higher one, to either side or to the end."""
    higher = np.flatnonzero(values > values[place])
    before, after = higher[higher < place], higher[higher > place]
    left = values[before[-1] if len(before) else 0 : place + 1].min()
    right = values[place : after[0] + 1 if len(after) else len(values)].min()
    return float(values[place] - max(left, right))


def _of_calendar(height: dict[int, float], frequency: Frequency, *, least: float) -> dict[int, float]:
    """The periods of the calendar near which a peak rises, with its height."""
    if not frequency.step_s:
        return {}
    found = {}
    for period in (round(length / frequency.step_s) for length in _CALENDAR_S):
        near = [high for lag, high in height.items() if _is_near(lag, period)]
        if period >= 2 and near and max(near) > least:
            found[period] = max(near)
    return found


def _is_near(lag: int, period: int) -> bool:
    """Whether a peak may be that of a period: slow waves shift peaks by a step or two."""
    return abs(lag - period) <= max(_NEAR * period, min(2.0, 2.0 * _NEAR * period))


def _shortest_alike(lag: int, height: dict[int, float]) -> int:
    """The shortest peak of which a lag is a multiple and which is nearly as high."""
    alike = [
        short for short in height if short < lag and _is_multiple(lag, short) and height[short] > _ALIKE * height[lag]
    ]
    return min(alike, default=lag)


def _is_multiple(long: int, short: int) -> bool:
    times = round(long / short)
    return times >= 2 and abs(long - times * short) <= max(1.0, _ECHO * long / 2)


def _is_echo(lag: int, other: int) -> bool:
    """Whether a lag is beside one that was chosen, or is a multiple of it that is no period of its own."""
    return abs(lag - other) <= max(1.0, _ECHO * other)
