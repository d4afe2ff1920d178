"""How far apart stamps stand, and the place of each on that grid."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwise.data.timeline.frequency import (
    Frequency,
    find_frequency,
    number_from,
    numbers_of,
    read_stamps,
    stamps_at,
)
from archwise.errors import ColumnError, DataError, UsageError
from archwise.records import Array


def grid_of(cells: list[object], *, zone: str = "", dtype: pl.DataType | type[pl.DataType] | None = None) -> Frequency:
    stamps = read_stamps(pl.Series("time", cells, dtype=dtype), zone=zone)
    return find_frequency(stamps, np.zeros(len(cells), np.int64), zone=zone)


def numbers(cells: list[object], *, zone: str = "") -> Array:
    column = pl.Series("time", cells)
    owner = np.zeros(len(cells), np.int64)
    stamps = read_stamps(column, zone=zone, series=owner)
    return numbers_of(find_frequency(stamps, owner, zone=zone), stamps, name="time")


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (["2024-01-01 00:00", "2024-01-01 01:00", "2024-01-01 02:00"], "1 hour"),
        (["2024-01-01T00:00:00Z", "2024-01-01T00:15:00Z", "2024-01-01T00:30:00Z"], "15 minutes"),
        (["2024-01-01", "2024-01-02", "2024-01-03"], "1 day"),
        (["2024-01-01", "2024-01-08", "2024-01-15"], "1 week"),
        (["2024-01", "2024-02", "2024-03"], "1 month"),
        (["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30"], "1 month"),
        (["2024-01-30", "2024-02-29", "2024-03-30"], "1 month"),
        (["2023Q1", "2023Q2", "2023Q4"], "3 months"),
        (["2020-01-01", "2021-01-01", "2022-01-01"], "12 months"),
        (["2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09"], "1 weekday"),
        ([1, 2, 3], "1 row"),
        ([1990, 1995, 2000], "5 rows"),
    ],
)
def test_the_grid_is_told_from_the_distances(cells: list[object], told: str) -> None:
    assert grid_of(cells).told == told


def test_the_commonest_distance_is_the_grid_where_steps_are_missing() -> None:
    days = [dt.date(2024, 1, day) for day in (1, 2, 3, 5, 6, 9)]
    assert numbers(list(days)).tolist() == [number + numbers(list(days))[0] for number in (0, 1, 2, 4, 5, 8)]


@settings(max_examples=60, deadline=None)
@given(
    unit=st.sampled_from(["us", "month", "weekday", "row"]),
    n=st.integers(1, 7),
    first=st.integers(-500, 500),
    size=st.integers(3, 40),
)
def test_stamps_of_places_are_at_these_places(unit: str, n: int, first: int, size: int) -> None:
    frequency = {
        "us": Frequency("us", n * 3_600_000_000, 1_800_000_000),
        "month": Frequency("month", n, 0),
        "weekday": Frequency("weekday", 1, 0),
        "row": Frequency("row", n, 0),
    }[unit]
    places = np.arange(first, first + size)
    stamps = read_stamps(stamps_at(frequency, places, name="time"))
    assert numbers_of(frequency, stamps, name="time").tolist() == places.tolist()


def test_an_hour_that_comes_twice_is_two_hours_and_one_that_is_skipped_leaves_no_gap() -> None:
    clock = ["2024-10-27 01:00", "2024-10-27 02:00", "2024-10-27 02:00", "2024-10-27 03:00"]  # put back at 3
    assert np.diff(numbers(list(clock), zone="Europe/Berlin")).tolist() == [1, 1, 1]
    clock = ["2024-03-31 00:00", "2024-03-31 01:00", "2024-03-31 03:00", "2024-03-31 04:00"]  # put forward at 2
    assert np.diff(numbers(list(clock), zone="Europe/Berlin")).tolist() == [1, 1, 1]


def test_days_of_a_clock_that_changes_are_days() -> None:
    days = ["2024-03-30", "2024-03-31", "2024-04-01", "2024-04-02"]
    assert np.diff(numbers(list(days), zone="Europe/Berlin")).tolist() == [1, 1, 1]


def test_offsets_in_the_stamps_are_heeded() -> None:
    cells = ["2024-03-31T01:00:00+01:00", "2024-03-31T03:00:00+02:00", "2024-03-31T04:00:00+02:00"]
    assert np.diff(numbers(list(cells))).tolist() == [1, 1]


def test_an_hour_that_the_clock_skips_is_named() -> None:
    with pytest.raises(ColumnError, match=r"row 2: '2024-03-31 02:30' is skipped by the clock of Europe/Berlin"):
        read_stamps(pl.Series("time", ["2024-03-31 01:30", "2024-03-31 02:30"]), zone="Europe/Berlin")


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["2024-01-01", None, "2024-01-03"], r"row 2: the cell is missing"),
        (["2024-01-01", "soon", "2024-01-03"], r"row 2: 'soon' is no time"),
        ([1.0, 2.5, 3.0], r"row 2: 2.5 is no whole number"),
    ],
)
def test_a_cell_that_is_no_time_is_named(cells: list[object], message: str) -> None:
    with pytest.raises(ColumnError, match=message):
        read_stamps(pl.Series("time", cells))


def test_a_stamp_between_two_of_the_grid_is_named() -> None:
    with pytest.raises(ColumnError, match=r"row 4: 2024-01-01 02:30:00 is not on the grid of 1 hour"):
        numbers(["2024-01-01 00:00", "2024-01-01 01:00", "2024-01-01 02:00", "2024-01-01 02:30", "2024-01-01 04:00",
                 "2024-01-01 05:00"])  # fmt: skip


def test_one_moment_is_no_series() -> None:
    with pytest.raises(DataError, match="no series has two stamps that differ"):
        grid_of(["2024-01-01", "2024-01-01"])


def test_a_zone_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="no time zone 'Europe/Atlantis'"):
        read_stamps(pl.Series("time", ["2024-01-01"]), zone="Europe/Atlantis")


def test_a_named_stamp_is_the_first_place_that_is_not_before_it() -> None:
    hours = grid_of(["2024-01-01 00:00", "2024-01-01 01:00", "2024-01-01 02:00"])
    assert number_from(hours, "2024-01-01 01:30") - number_from(hours, "2024-01-01") == 2
    months = grid_of(["2024-01", "2024-02", "2024-03"])
    assert number_from(months, "2024-03-02") - number_from(months, "2024-01") == 3
    with pytest.raises(UsageError, match="'7' cannot be held against"):
        number_from(hours, "7")
    with pytest.raises(UsageError, match="'later' is no moment"):
        number_from(hours, "later")
