"""Rows that change along their order."""

from __future__ import annotations

import datetime as dt

import numpy as np
import polars as pl
import pytest

from archwise.data.drift import tell_difference
from archwise.data.look import LookRequest, look_at
from archwise.records import Finding, Table

N = 1_000


def make_frame(n: int = N, *, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    return pl.DataFrame(
        {
            "x": rng.normal(size=n),
            "city": rng.choice(["Ghent", "Delft", "Oslo"], n),
            "is": rng.random(n) < 0.5,
            "y": rng.normal(size=n),
        }
    )


def drift(frame: pl.DataFrame, *, time: str = "") -> list[Finding]:
    profile = look_at(Table(frame, "a.csv"), LookRequest("y", time=time))
    return [finding for finding in profile.findings if finding.code == "drift"]


def late(then: pl.Expr, otherwise: pl.Expr) -> pl.Expr:
    return pl.when(pl.int_range(pl.len()) >= 0.8 * pl.len()).then(then).otherwise(otherwise)


@pytest.mark.parametrize("seed", range(20))
def test_rows_in_random_order_are_not_told(seed: int) -> None:
    assert not drift(make_frame(300, seed=seed))


@pytest.mark.parametrize(
    ("column", "changed", "told"),
    [
        ("x", late(pl.col("x") + 3.0, pl.col("x")), "'x' (by 0."),
        ("x", late(pl.lit(None), pl.col("x")), "'x' (by 1.00 of 1: median"),
        ("city", late(pl.lit("Rome"), pl.col("city")), "'Rome' in 0 %, then 100 %"),
        ("is", late(pl.lit(True), pl.col("is")), "'is' (by 0."),
        ("y", late(pl.col("y") - 3.0, pl.col("y")), "the target 'y' (by 0."),
    ],
    ids=["number", "missing", "level", "boolean", "target"],
)
def test_a_column_whose_last_rows_differ_is_told_with_its_figures(column: str, changed: pl.Expr, told: str) -> None:
    (finding,) = drift(make_frame().with_columns(changed.alias(column)))
    assert told in finding.message
    assert "--group COLUMN or --time COLUMN" in finding.message


def test_a_sure_but_small_shift_is_not_told() -> None:
    assert not drift(make_frame(50_000).with_columns(x=late(pl.col("x") + 0.2, pl.col("x"))))


def test_a_column_that_sorts_the_rows_is_named() -> None:
    days = pl.Series([dt.date(2024, 1, 1) + dt.timedelta(days=row // 4) for row in range(N)])
    (finding,) = drift(make_frame().with_columns(day=days))
    assert (finding.column, finding.severity) == ("day", "warning")
    assert "--time day" in finding.message


def test_rows_sorted_by_the_target_are_a_note() -> None:
    frame = make_frame().with_columns(x=pl.col("y") + pl.col("x")).sort("y")
    (finding,) = drift(frame)
    assert (finding.column, finding.severity) == ("y", "note")


def test_with_a_time_column_the_order_is_that_of_time() -> None:
    frame = make_frame().with_columns(day=pl.Series(np.random.default_rng(1).permutation(N)))
    assert not drift(frame, time="day")
    (finding,) = drift(frame.with_columns(x=pl.col("x") + pl.col("day") / 200), time="day")
    assert finding.column == "day"
    assert "'x'" in finding.message


def test_huge_numbers_are_compared() -> None:
    frame = make_frame().with_columns(x=late(pl.lit(1.7e308), pl.lit(-1.7e308)))
    assert "'x' (by 1.00" in drift(frame)[0].message


def test_series_are_left_out_of_what_is_held_against_each_other() -> None:
    known = pl.DataFrame({"s": [[1.0, 2.0]] * 150, "x": np.arange(150.0)})
    given = pl.DataFrame({"s": [[9.0]] * 150, "x": np.arange(150.0) + 1_000})
    assert "'x'" in tell_difference(known, given)
    assert tell_difference(known.select("s"), given.select("s")) == ""
