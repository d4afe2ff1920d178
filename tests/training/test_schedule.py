"""The schedules against their formulas."""

from __future__ import annotations

from math import cos, pi

import pytest

from archwise.training.schedule import SCHEDULES


def test_constant_stays_at_the_peak() -> None:
    assert [SCHEDULES["constant"](step, 10) for step in (0, 5, 10)] == [1.0, 1.0, 1.0]


def test_cosine_is_half_a_wave() -> None:
    assert [SCHEDULES["cosine"](step, 8) for step in range(9)] == pytest.approx(
        [(1 + cos(pi * step / 8)) / 2 for step in range(9)]
    )


def test_one_cycle_starts_peaks_and_ends_where_published() -> None:
    one_cycle = SCHEDULES["one_cycle"]
    assert one_cycle(0, 100) == pytest.approx(1 / 25)
    assert one_cycle(15, 100) == pytest.approx((1 + 1 / 25) / 2)
    assert one_cycle(30, 100) == pytest.approx(1.0)
    assert one_cycle(100, 100) == pytest.approx(1 / 250_000)
    assert max(range(101), key=lambda step: one_cycle(step, 100)) == 30


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_no_schedule_leaves_zero_to_one_even_beyond_its_end(name: str) -> None:
    assert all(0.0 <= SCHEDULES[name](step, 7) <= 1.0 for step in range(20))
