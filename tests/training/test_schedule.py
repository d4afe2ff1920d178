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


def test_coslog4_is_four_waves_each_twice_as_long_as_the_one_before() -> None:
    coslog4 = SCHEDULES["coslog4"]
    assert [coslog4(step, 150) for step in (0, 10, 30, 70, 150)] == pytest.approx([0.0] * 5, abs=1e-12)
    peaks = [step for step in range(1, 1500) if coslog4(step - 1, 1500) < coslog4(step, 1500) > coslog4(step + 1, 1500)]
    assert peaks == [41, 183, 466, 1031]  # 100 * (2 ** (wave + 0.5) - 1)


def test_flat_cosine_is_flat_for_half_of_the_way() -> None:
    flat_cosine = SCHEDULES["flat_cosine"]
    assert [flat_cosine(step, 8) for step in range(9)] == pytest.approx(
        [1.0] * 5 + [(1 + cos(pi * share)) / 2 for share in (0.25, 0.5, 0.75, 1.0)]
    )


@pytest.mark.parametrize("name", sorted(SCHEDULES))
def test_no_schedule_leaves_zero_to_one_even_beyond_its_end(name: str) -> None:
    assert all(0.0 <= SCHEDULES[name](step, 7) <= 1.0 for step in range(20))
