"""The calendar of steps ahead: what varies from step to step, on the clock of the zone, and alike for alike moments."""

from __future__ import annotations

import numpy as np
import pytest

from archwise.data.timeline.calendar import calendar_at, calendar_parts
from archwise.data.timeline.frequency import Frequency

HOUR, DAY = 3_600_000_000, 86_400_000_000


@pytest.mark.parametrize(
    ("frequency", "parts"),
    [
        (Frequency("us", HOUR), ("hour", "weekday", "yearday")),
        (Frequency("us", DAY), ("weekday", "yearday")),
        (Frequency("weekday", 1), ("weekday", "yearday")),
        (Frequency("month", 1), ("yearday",)),
        (Frequency("month", 12), ()),
        (Frequency("row", 1), ()),
    ],
)
def test_only_parts_that_vary_from_step_to_step_are_told(frequency: Frequency, parts: tuple[str, ...]) -> None:
    assert calendar_parts(frequency) == parts


def test_the_same_hour_of_another_day_has_the_same_hour() -> None:
    found = calendar_at(Frequency("us", HOUR), np.array([5, 29, 24 * 7 + 5]), ("hour", "weekday"))
    np.testing.assert_array_equal(found[0, :2], found[1, :2])
    np.testing.assert_array_equal(found[0], found[2])
    assert not np.array_equal(found[0, 2:], found[1, 2:])


def test_the_hour_is_that_of_the_clock_in_summer_and_in_winter() -> None:
    winter, summer = 24 * 19_737 + 11, 24 * 19_919 + 10  # 2024-01-15 11:00 and 2024-07-15 10:00 in UTC, noon in Berlin
    found = calendar_at(Frequency("us", HOUR, zone="Europe/Berlin"), np.array([winter, summer]), ("hour",))
    np.testing.assert_array_equal(found[0], found[1])


@pytest.mark.parametrize("zone", ["", "America/Sao_Paulo"])
def test_every_step_has_numbers_also_where_a_clock_skips_midnight(zone: str) -> None:
    days = np.arange(17_000, 18_000)  # from 2016 on; the clock of Sao Paulo was put forward at midnight
    assert np.isfinite(calendar_at(Frequency("us", DAY, zone=zone), days, ("weekday", "yearday"))).all()
