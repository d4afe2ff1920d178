"""Columns that say what another says, and rows of the same inputs with different targets."""

from __future__ import annotations

import numpy as np
import polars as pl

from archwise.data.look import LookRequest, look_at
from archwise.records import Finding, Profile, Table

N = 300


def make_frame() -> pl.DataFrame:
    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "x": rng.normal(size=N),
            "port": rng.choice(["S", "C", "Q", None], N),
            "y": rng.choice(["yes", "no"], N),
        }
    )


def look(frame: pl.DataFrame, request: LookRequest | None = None) -> Profile:
    return look_at(Table(frame, "a.csv"), request or LookRequest("y"))


def found(profile: Profile, code: str) -> list[Finding]:
    return [finding for finding in profile.findings if finding.code == code]


class TestCopies:
    def test_an_equal_column_is_set_aside_and_said(self) -> None:
        profile = look(make_frame().with_columns(z=pl.col("x")))
        assert [column.because for column in profile.columns if not column.use] == ["it is equal to 'x'"]
        (finding,) = found(profile, "copy")
        assert (finding.column, finding.severity) == ("z", "note")
        assert "--kind z=number" in finding.message

    def test_the_same_levels_under_other_names_are_set_aside(self) -> None:
        names = {"S": "Southampton", "C": "Cherbourg", "Q": "Queenstown"}
        profile = look(make_frame().with_columns(town=pl.col("port").replace(names)))
        assert {column.name: column.use for column in profile.columns} == {"x": True, "port": True, "town": False}

    def test_a_copy_that_differs_in_one_cell_stays(self) -> None:
        frame = make_frame().with_columns(z=pl.col("x"), town=pl.col("port"))
        changed = pl.int_range(N) == 0
        frame = frame.with_columns(z=pl.when(changed).then(9.0).otherwise("z"))
        frame = frame.with_columns(town=pl.when(pl.int_range(N) == 9).then(pl.lit("C")).otherwise("town"))
        frame = frame.with_columns(port=pl.when(pl.int_range(N) == 9).then(pl.lit("S")).otherwise("port"))
        assert len(look(frame).used) == 4

    def test_levels_that_hardly_recur_are_no_copies(self) -> None:
        halves = [pl.format("{} {}", pl.lit(name), pl.int_range(N) // 2 * 2).alias(name) for name in ("a", "b")]
        kinds = {"a": "category", "b": "category"}
        assert len(look(make_frame().with_columns(halves), LookRequest("y", kinds=kinds)).used) == 4

    def test_what_the_user_asked_for_stays(self) -> None:
        profile = look(make_frame().with_columns(z=pl.col("x")), LookRequest("y", kinds={"z": "number"}))
        assert len(profile.used) == 3


class TestConflicts:
    def test_rows_of_equal_inputs_and_other_targets_are_counted_with_the_best_accuracy(self) -> None:
        frame = make_frame()
        head = frame.head(30)
        other = head.with_columns(y=pl.when(pl.col("y") == "yes").then(pl.lit("no")).otherwise(pl.lit("yes")))
        (finding,) = found(look(pl.concat([frame, other])), "conflict")
        assert finding.n_rows == 60
        assert "60 of 330 rows" in finding.message
        assert "more than 90.91 %" in finding.message

    def test_a_table_of_few_combinations_is_not_told(self) -> None:
        assert not found(look(make_frame().drop("x")), "conflict")

    def test_copies_with_the_same_target_are_no_conflict(self) -> None:
        frame = make_frame()
        assert not found(look(pl.concat([frame, frame.head(30)])), "conflict")
