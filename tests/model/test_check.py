"""New rows held against those of the training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from archwise.data.prepare import parse_columns
from archwise.data.sketch import sketch_rows
from archwise.errors import ModelError, UsageError
from archwise.model.check import check
from archwise.model.folder import ModelContent, write_model
from archwise.model.predict import Model, load

MakeTable = Callable[..., pl.DataFrame]
Fitted = Callable[..., ModelContent]
COLUMNS = (("age", "number"), ("hours", "number"), ("city", "category"))


@pytest.fixture(scope="module")
def sketched(tmp_path_factory: pytest.TempPathFactory, table: MakeTable, fitted: Fitted) -> Model:
    place = tmp_path_factory.mktemp("sketched") / "small.archwise"
    rows = parse_columns(table(2_000, seed=1), COLUMNS).frame
    write_model(place, replace(fitted(), sketch=sketch_rows(rows, COLUMNS)))
    return load(place)


def test_rows_like_those_of_the_training_differ_in_nothing(sketched: Model, table: MakeTable) -> None:
    found = check(sketched, table(500, seed=9).drop("pay"))
    assert not found["differs"]
    assert (found["n_rows"], found["missing"], found["new"], found["unread"], found["shifts"]) == (500, [], [], 0, [])


def test_a_shift_is_named_with_its_figures(sketched: Model, table: MakeTable) -> None:
    rows = table(500, seed=9).with_columns(pl.col("age") + 30, city=pl.lit("Lima"))
    found = check(sketched, rows)
    assert [shift["column"] for shift in found["shifts"]] == ["age", "city"]
    assert "median" in found["shifts"][0]["told"]
    assert found["differs"]


def test_columns_that_are_missing_or_new_are_named_and_the_others_still_held(sketched: Model, table: MakeTable) -> None:
    rows = table(500, seed=9).drop("hours", "pay").with_columns(pl.col("age") + 30, colour=pl.lit("red"))
    found = check(sketched, rows)
    assert (found["missing"], found["new"]) == (["hours"], ["colour"])
    assert [shift["column"] for shift in found["shifts"]] == ["age"]


def test_cells_that_cannot_be_read_and_levels_that_are_new_are_told(sketched: Model, table: MakeTable) -> None:
    rows = table(500, seed=9).with_columns(pl.col("age").cast(pl.String))
    rows[3, "age"] = "old"
    rows[4, "city"] = "Rome"
    found = check(sketched, rows)
    assert found["unread"] == 1
    told = " ".join(found["notes"])
    assert "'old' is not a number" in told
    assert "Rome" in told


def test_even_where_no_row_can_be_read_it_is_told(sketched: Model, table: MakeTable) -> None:
    found = check(sketched, table(200, seed=9).with_columns(age=pl.lit("old")))
    assert found["unread"] == 200


def test_few_rows_show_no_shift_and_it_is_said(sketched: Model, table: MakeTable) -> None:
    found = check(sketched, table(20, seed=9).with_columns(pl.col("age") + 30))
    assert found["shifts"] == []
    assert any("too few" in note for note in found["notes"])


def test_a_model_without_a_sketch_says_what_to_do(model: Model, table: MakeTable) -> None:
    with pytest.raises(UsageError, match="older archwise; fit again"):
        check(model, table(200))


def test_a_changed_sketch_is_refused(tmp_path: Path, fitted: Fitted) -> None:
    write_model(tmp_path / "m.archwise", replace(fitted(), sketch={"age": {}}))
    (tmp_path / "m.archwise" / "sketch.json").write_text("{}")
    with pytest.raises(ModelError, match="changed after it was written"):
        load(tmp_path / "m.archwise")
