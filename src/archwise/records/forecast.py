"""What is to be forecast from what, as a shortlist sees it."""

from __future__ import annotations

from dataclasses import dataclass


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
