"""What is to be forecast from what, as a source tells it and as a shortlist sees it."""

from __future__ import annotations

from dataclasses import dataclass

FORECAST = "forecast"  # the task


@dataclass(frozen=True)
class ForecastTold:
    """What a source tells of its own forecast; what the user says wins over it.

    target, series, time: columns of its table. horizon: steps to forecast, 0 where it names none.
    usual: a horizon that is usual for its frequency. has_gaps: whether it tells that values are missing.
    """

    target: str
    series: str
    time: str
    horizon: int
    usual: int
    has_gaps: bool


@dataclass(frozen=True)
class ForecastFacts:
    """What is to be forecast from what.

    n_series: S. n_steps: training steps of a series that is shorter than three of four. horizon: H.
    seasons: after how many steps the series repeat themselves, the strongest first. n_targets: M.
    n_past, n_known: covariates that are known until now, and ahead. calendar: whether stamps are moments.
    """

    n_series: int
    n_steps: int
    horizon: int
    seasons: tuple[int, ...]
    n_targets: int
    n_past: int = 0
    n_known: int = 0
    calendar: bool = False
