"""Seasons are proposed from what recurs, and from nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from archwise.data.timeline.frequency import Frequency
from archwise.data.timeline.season import find_seasons

HOURS = Frequency("us", 3_600_000_000)
ROWS = Frequency("row", 1)


def waves(n: int, *periods: int, noise: float = 0.3, seed: int = 0) -> np.ndarray:
    steps = np.arange(n)
    rng = np.random.default_rng(seed)
    return sum(np.sin(2 * np.pi * steps / period) for period in periods) + rng.normal(0, noise, n)


@pytest.mark.parametrize("period", [4, 7, 12, 24, 52, 365])
def test_one_season_is_found(period: int) -> None:
    found = find_seasons([waves(max(400, 8 * period), period)], ROWS)[0]
    assert abs(found - period) <= period / 50


def test_a_day_and_a_week_are_both_found() -> None:
    day = waves(4_000, 24, noise=0.1)
    weekend = np.where(np.arange(4_000) // 24 % 7 >= 5, -3.0, 0.0)
    assert set(find_seasons([day + weekend], HOURS)[:2]) == {24, 168}


def test_the_multiples_of_a_season_are_no_seasons() -> None:
    assert find_seasons([waves(2_000, 24, noise=0.01)], HOURS) == (24,)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("n", [60, 500, 3_000])
def test_noise_and_random_walks_have_no_season(n: int, seed: int) -> None:
    noise = np.random.default_rng(seed).normal(size=n)
    assert find_seasons([noise], ROWS) == ()


def test_a_trend_is_no_season() -> None:
    assert find_seasons([np.arange(500.0) ** 1.5], ROWS) == ()


def test_what_does_not_vary_or_is_too_short_has_none() -> None:
    assert find_seasons([np.full(100, 3.0)], ROWS) == ()
    assert find_seasons([np.arange(3.0)], ROWS) == ()
    assert find_seasons([], ROWS) == ()
