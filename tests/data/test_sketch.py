"""A sketch of the training rows, and rows made of it again."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwise.data.drift import find_shifts
from archwise.data.sketch import MOST_LEVELS, measure, rows_of, sketch_rows

COLUMNS = (("x", "number"), ("c", "category"), ("t", "date"), ("b", "boolean"), ("w", "text"))


def make_rows(n: int, *, seed: int, shift: float = 0.0, also: str = "") -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    begin = datetime(2026, 1, 1)
    names = rng.choice(["red", "green", "blue", *([also] if also else [])], n)
    return pl.DataFrame(
        {
            "x": pl.Series(rng.normal(shift, 1.0, n)).set(pl.Series(rng.random(n) < 0.1), None),
            "c": names,
            "t": [begin + timedelta(hours=int(hour)) for hour in rng.integers(0, 1_000, n)],
            "b": rng.random(n) < 0.3,
            "w": [" ".join(["word"] * int(count)) for count in rng.integers(1, 30, n)],
        }
    )


def test_rows_of_a_sketch_are_like_those_it_was_made_of() -> None:
    rows = make_rows(3_000, seed=0)
    again = rows_of(sketch_rows(rows, COLUMNS))
    assert find_shifts(again, measure(rows, COLUMNS)) == []
    assert again["x"].null_count() / again.height == pytest.approx(0.1, abs=0.02)
    assert again["x"].std() == pytest.approx(1.0, abs=0.05)


def test_like_rows_show_no_shift_and_others_do_by_name() -> None:
    known = rows_of(sketch_rows(make_rows(3_000, seed=0), COLUMNS))
    assert find_shifts(known, measure(make_rows(1_000, seed=1), COLUMNS)) == []
    shifted = find_shifts(known, measure(make_rows(1_000, seed=2, shift=2.0, also="mauve"), COLUMNS))
    assert [shift.name for shift in shifted] == ["x", "c"]
    later = make_rows(1_000, seed=3).with_columns(pl.col("t") + timedelta(days=60))
    assert [shift.name for shift in find_shifts(known, measure(later, COLUMNS))] == ["t"]


def test_like_rows_are_said_to_differ_no_more_often_than_once_in_hundreds() -> None:
    known = rows_of(sketch_rows(make_rows(3_000, seed=0), COLUMNS))
    found = [find_shifts(known, measure(make_rows(150, seed=10 + seed), COLUMNS)) for seed in range(200)]
    assert sum(bool(shifts) for shifts in found) <= 1


def test_a_sketch_holds_no_more_than_the_most_frequent_levels() -> None:
    rows = pl.DataFrame({"c": [f"level {number // 2}" for number in range(400)]})
    facts = sketch_rows(rows, (("c", "category"),))["c"]
    assert len(facts["levels"]) == MOST_LEVELS
    assert sum(facts["levels"].values()) + facts["others"] == pytest.approx(1.0)


def test_series_and_pictures_are_left_out() -> None:
    rows = pl.DataFrame({"s": [[1.0, 2.0], [3.0]], "x": [1.0, 2.0]})
    assert list(sketch_rows(rows, (("s", "series"), ("x", "number")))) == ["x"]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.one_of(st.none(), st.floats(-1e12, 1e12)), min_size=1, max_size=60))
def test_any_numbers_have_a_sketch_within_their_range(cells: list[float | None]) -> None:
    rows = pl.DataFrame({"x": pl.Series(cells, dtype=pl.Float64)})
    again = rows_of(sketch_rows(rows, (("x", "number"),)))["x"].drop_nulls()
    known = rows["x"].drop_nulls()
    if len(known):
        assert known.min() <= again.min()
        assert again.max() <= known.max()
    else:
        assert len(again) == 0
