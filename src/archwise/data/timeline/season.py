"""Seasons: after how many steps a series repeats itself, proposed from its autocorrelation."""

from __future__ import annotations

import numpy as np

from archwise.data.timeline.frequency import Frequency
from archwise.records import Array

MOST_SEASONS = 3
FEWEST_CYCLES = 3  # of a season that is seen, for it to be one
MOST_SERIES = 50  # that are looked at, evenly over all
MOST_STEPS = 20_000  # of each, its last
_LEAST = 0.1  # by how much the autocorrelation of a season rises from the valley before it
_NOISE = 6.0  # over the root of the steps: how far chance alone lets it rise, over many lags
_BEYOND = 0.1  # by how much a multiple of a season must be more alike to be one of its own
_CALENDAR_S = (60.0, 3_600.0, 86_400.0, 604_800.0, 365.2425 / 12 * 86_400.0, 365.2425 * 86_400.0)
_ECHO = 0.08  # of a lag, within which it is the echo of another
_NEAR = 0.06  # of a calendar period, within which a peak is taken for it


def find_seasons(series: list[Array], frequency: Frequency) -> tuple[int, ...]:
    """Propose seasons, the strongest first; none where nothing repeats.

    A season is a peak of the mean autocorrelation of the series that stands out from the valley before it, as slow
    waves do not. The periods of the calendar are tried first: 8,766 hours are a year, although its peak is broad.

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
    least = max(_LEAST, _NOISE / np.sqrt(longest * FEWEST_CYCLES * len(enough)))
    peaks = [lag for lag in range(2, longest - 1) if mean[lag] >= max(mean[lag - 1], mean[lag + 1])]
    height = {lag: float(mean[lag] - mean[lag // 2 : lag].min()) for lag in peaks if mean[lag] > 0}
    strong = sorted((lag for lag in height if height[lag] > least), key=lambda lag: -height[lag])
    chosen: list[int] = []
    for lag in _calendar_first(strong, frequency):
        if len(chosen) < MOST_SEASONS and _is_of_its_own(lag, chosen, mean):
            chosen.append(lag)
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
    found: Array = products / products[0] * len(left) / (len(left) - np.arange(n_lags + 1))
    return found


def _calendar_first(strong: list[int], frequency: Frequency) -> list[int]:
    """Peaks, the highest first, with those of the calendar, at their exact length, before the others."""
    if not frequency.step_s:
        return strong
    periods = [round(period / frequency.step_s) for period in _CALENDAR_S]
    told = []
    for period in (period for period in periods if period >= 2):
        if any(abs(lag - period) <= max(1, _NEAR * period) for lag in strong):
            told.append(period)
    others = [lag for lag in strong if all(abs(lag - period) > max(1, _NEAR * period) for period in told)]
    return [*told, *others]


def _is_of_its_own(lag: int, chosen: list[int], mean: Array) -> bool:
    """Whether a peak is more than the echo of one that was chosen: near a multiple or a part of it, or beside it."""
    for other in chosen:
        short, long = sorted((lag, other))
        times = round(long / short)
        is_echo = abs(long - times * short) <= max(1.0, _ECHO * long)
        if is_echo and (lag < other or mean[lag] < mean[other] + _BEYOND):
            if lag > other and times >= 2 and mean[lag] > mean[max(lag - other, 1)] + _BEYOND:
                continue  # of several echoes one stands out, as the week does among days
            return False
    return True
