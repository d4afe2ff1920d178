"""The landing of a plan that does not fit: its end comes at the limit, and a plan that fits is left alone."""

from __future__ import annotations

import math

import pytest

from archwise.training.landing import Landing

TOTAL = 900


def no_clock() -> float:
    raise AssertionError("the clock was read although steps are counted")


def places(landing: Landing, step: int, last: int) -> list[float]:
    """Where a run stands in its plan after every step."""
    skipped, seen = 0.0, []
    while step < last and step + skipped < TOTAL - 1e-6:
        step += 1
        skipped += landing.skipped(step, TOTAL - step - skipped)
        seen.append(step + skipped)
    return seen


@pytest.mark.parametrize(("step", "last"), [(0, 1), (100, 400), (100, 101), (0, 899)])
def test_in_steps_the_plan_ends_at_the_last_step_at_an_even_pace(step: int, last: int) -> None:
    seen = places(Landing(last, math.inf, clock=no_clock), step, last)
    assert len(seen) == last - step
    assert seen[-1] == pytest.approx(TOTAL)
    paces = [after - before for before, after in zip([float(step), *seen], seen, strict=False)]
    assert max(paces) == pytest.approx(min(paces))


@pytest.mark.parametrize("last", [TOTAL, 2_000])
def test_a_plan_that_fits_is_left_alone(last: int) -> None:
    assert places(Landing(last, math.inf, clock=no_clock), 300, last) == [float(step) for step in range(301, TOTAL + 1)]


class Clock:
    """Seconds that pass with every step."""

    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("factors", [(1.0, 1.0), (1.0, 3.0), (3.0, 1.0)])
def test_in_seconds_the_plan_ends_just_before_the_deadline_though_the_pace_changes(
    factors: tuple[float, float],
) -> None:
    clock = Clock()
    landing = Landing(TOTAL, 50.0 + 60.0, clock=clock)
    skipped, step = 0.0, 100
    while step + skipped < TOTAL - 1e-6:
        clock.now += 0.2 * factors[clock.now > 80.0]
        step += 1
        skipped += landing.skipped(step, TOTAL - step - skipped)
    assert 105.0 < clock.now <= 110.0


def test_the_last_look_is_left_its_time() -> None:
    clock = Clock()
    landing = Landing(TOTAL, 50.0 + 60.0, clock=clock)
    skipped, step = 0.0, 100
    while step + skipped < TOTAL - 1e-6:
        clock.now += 0.2
        step += 1
        skipped += landing.skipped(step, TOTAL - step - skipped)
        if step % 50 == 0:
            clock.now += 3.0
            landing.has_looked()
    assert 102.0 < clock.now + 3.0 <= 110.0
