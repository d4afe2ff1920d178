"""Tables become series on a grid; gaps, repeats and missing cells are treated as asked."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwise.data.timeline.grid import FILL, Roles, Timeline, carry_on, check_cells, lay_on_grid, ranges
from archwise.errors import ColumnError, DataError, TargetError

DAYS = ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"]


def lay(columns: dict[str, list[object]], roles: Roles) -> Timeline:
    return lay_on_grid(pl.DataFrame(columns, strict=False), roles, source="a table")


def test_rows_that_are_not_in_order_are_sorted_and_it_is_said() -> None:
    found = lay({"t": [DAYS[2], DAYS[0], DAYS[1]], "y": [3, 1, 2]}, Roles(("y",), time="t"))
    assert found.values[:, 0].tolist() == [1, 2, 3]
    assert [finding.code for finding in found.findings] == ["order"]


def test_several_series_are_put_one_after_the_other() -> None:
    columns = {
        "t": [DAYS[0], DAYS[0], DAYS[1], DAYS[1], DAYS[2]],
        "id": ["b", "a", "b", "a", "a"],
        "y": [1, 2, 3, 4, 5],
    }
    found = lay(columns, Roles(("y",), time="t", series="id"))
    assert found.names == ("b", "a")
    assert found.begins.tolist() == [0, 2, 5]
    assert found.values[:, 0].tolist() == [1, 3, 2, 4, 5]


def test_a_gap_is_an_error_that_names_it_unless_it_is_to_be_filled() -> None:
    columns: dict[str, list[object]] = {"t": [DAYS[0], DAYS[1], DAYS[3]], "y": [1, 2, 4]}
    with pytest.raises(DataError, match=r"1 of 4 steps of 1 day have no row, the first at 2024-01-03.*--gaps fill"):
        lay(columns, Roles(("y",), time="t"))
    found = lay(columns, Roles(("y",), time="t", gaps=FILL))
    np.testing.assert_array_equal(found.values[:, 0], [1, 2, np.nan, 4])
    assert carry_on(found, found.values)[:, 0].tolist() == [1, 2, 2, 4]


def test_a_repeated_stamp_is_an_error_that_names_both_rows_unless_means_are_asked_for() -> None:
    columns: dict[str, list[object]] = {"t": [DAYS[0], DAYS[1], DAYS[1], DAYS[2]], "y": [1, 2, 4, 5]}
    with pytest.raises(DataError, match=r"1 rows repeat the stamp of another, such as 2024-01-02 .* in rows 2 and 3"):
        lay(columns, Roles(("y",), time="t"))
    assert lay(columns, Roles(("y",), time="t", gaps=FILL)).values[:, 0].tolist() == [1, 3, 5]


def test_a_missing_cell_is_treated_as_a_gap_is() -> None:
    columns: dict[str, list[object]] = {"t": DAYS[:3], "y": [1, None, 3]}
    found = lay(columns, Roles(("y",), time="t"))
    with pytest.raises(DataError, match=r"column 'y': 1 of 3 steps have no value, the first at 2024-01-02"):
        check_cells(found, Roles(("y",), time="t"), "a table")
    told = check_cells(found, Roles(("y",), time="t", gaps=FILL), "a table")
    assert "carries the last value on" in told[0].message


def test_a_cell_that_is_no_number_is_named() -> None:
    with pytest.raises(TargetError, match=r"column 'y', row 2: 'much' is not a number"):
        lay({"t": DAYS[:3], "y": ["1", "much", "3"]}, Roles(("y",), time="t"))


def test_stamps_that_are_hardly_a_series_are_refused() -> None:
    days = ["2024-01-01", "2024-01-02", "9999-01-01"]
    with pytest.raises(DataError, match=r"3 rows span .* steps of 1 day"):
        lay({"t": days, "y": [1, 2, 3]}, Roles(("y",), time="t", gaps=FILL))


def test_each_row_may_be_a_series_whose_length_is_that_of_its_known_cells() -> None:
    columns: dict[str, list[object]] = {"id": ["a", "b"], "1": [1.0, 4.0], "2": [2.0, 5.0], "3": [None, 6.0]}
    found = lay(columns, Roles(("value",), series="id", by_row=True))
    assert found.begins.tolist() == [0, 2, 5]
    assert found.values[:, 0].tolist() == [1, 2, 4, 5, 6]
    with pytest.raises(ColumnError, match="does not name every row by a name of its own"):
        lay({"id": ["a", "a"], "1": [1, 2]}, Roles(("value",), series="id", by_row=True))


def test_rows_without_times_follow_each_other() -> None:
    found = lay({"y": [5, 6, 7]}, Roles(("y",)))
    assert found.values[:, 0].tolist() == [5, 6, 7]
    assert found.stamps("step").to_list() == [1, 2, 3]


@settings(max_examples=80, deadline=None)
@given(
    cells=st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=2, max_size=30),
    cut=st.integers(1, 29),
    other=st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=30, max_size=30),
)
def test_what_is_carried_on_never_comes_from_the_future(
    cells: list[float | None], cut: int, other: list[float | None]
) -> None:
    values = np.array([np.nan if cell is None else cell for cell in cells])[:, None]
    changed = values.copy()
    changed[cut:, 0] = [np.nan if cell is None else cell for cell in other[: max(0, len(cells) - cut)]]
    timeline = lay({"y": list(range(len(cells)))}, Roles(("y",)))
    np.testing.assert_array_equal(carry_on(timeline, values)[:cut], carry_on(timeline, changed)[:cut])


@settings(max_examples=60, deadline=None)
@given(
    order=st.permutations(list(range(12))),
    kept=st.sets(st.integers(0, 11), min_size=3),
    repeats=st.lists(st.integers(0, 11), max_size=4),
)
def test_any_order_gaps_and_repeats_give_the_same_grid(order: list[int], kept: set[int], repeats: list[int]) -> None:
    rows = [place for place in order if place in kept] + [place for place in repeats if place in kept]
    distances, counts = np.unique(np.diff(sorted(kept)), return_counts=True)
    if distances[np.argmax(counts)] > 1:
        return  # then another distance is the grid
    hours = [f"2024-03-01 {place:02d}:00" for place in rows]  # of days, those of a week without its end are a grid too
    found = lay({"t": hours, "y": list(rows)}, Roles(("y",), time="t", gaps=FILL))
    expected = [float(place) if place in kept else np.nan for place in range(min(kept), max(kept) + 1)]
    np.testing.assert_array_equal(found.values[:, 0], expected)


def test_ranges_stand_one_after_the_other() -> None:
    assert ranges(np.array([2, 7, 4]), np.array([4, 7, 6])).tolist() == [2, 3, 4, 5]
