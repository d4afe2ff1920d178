"""Two models on the same labelled rows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from archwise import use
from archwise.errors import ColumnError, UsageError
from archwise.model.compare import compare
from archwise.model.folder import ModelContent, write_model
from archwise.model.predict import Model, load

MakeTable = Callable[..., pl.DataFrame]
Fitted = Callable[..., ModelContent]


@pytest.fixture(scope="module")
def weak(tmp_path_factory: pytest.TempPathFactory, fitted: Fitted) -> Model:
    """A classifier that always answers the same."""
    place = tmp_path_factory.mktemp("weak") / "majority.archwise"
    write_model(place, fitted("majority", "classify"))
    return load(place)


def test_the_better_model_wins_with_the_scores_that_evaluate_gives(model: Model, weak: Model, table: MakeTable) -> None:
    rows = table(400, seed=7)
    found = compare(model, weak, rows)
    scored = use.evaluate(model, rows)
    assert found["left"]["score"] == pytest.approx(scored["score"])
    assert (found["left"]["low"], found["left"]["high"]) == pytest.approx((scored["low"], scored["high"]))
    assert found["difference"] == pytest.approx(found["left"]["score"] - found["right"]["score"])
    assert 0.0 < found["low"] < found["difference"] < found["high"]
    assert not found["tied"]
    assert found["n_rows"] == 400


def test_the_sides_are_swapped_with_the_models(model: Model, weak: Model, table: MakeTable) -> None:
    rows = table(400, seed=7)
    there, back = compare(model, weak, rows), compare(weak, model, rows)
    assert back["difference"] == pytest.approx(-there["difference"])
    assert (back["low"], back["high"]) == pytest.approx((-there["high"], -there["low"]))


def test_a_model_is_level_with_itself(model: Model, table: MakeTable) -> None:
    found = compare(model, model, table(400, seed=7))
    assert found["difference"] == found["low"] == found["high"] == 0.0
    assert found["tied"]


def test_few_rows_are_not_enough_to_tell(model: Model, weak: Model, table: MakeTable) -> None:
    assert compare(model, weak, table(15, seed=7))["tied"]


def test_rows_that_cannot_be_read_count_for_neither(model: Model, weak: Model, table: MakeTable) -> None:
    rows = table(400, seed=7)
    bad = rows.with_columns(rich=pl.when(pl.int_range(pl.len()) < 5).then(None).otherwise("rich"))
    found = compare(model, weak, bad)
    assert (found["n_rows"], found["n_left_out"]) == (395, 5)
    assert found["left"]["score"] == pytest.approx(compare(model, weak, rows[5:])["left"]["score"])


def test_rows_of_a_group_are_drawn_together(model: Model, weak: Model, table: MakeTable) -> None:
    rows = table(400, seed=7)
    each_twenty_times = pl.concat([rows[:20]] * 20).with_columns(source=pl.Series(list(range(20)) * 20))
    by_row = compare(model, weak, each_twenty_times)
    by_group = compare(model, weak, each_twenty_times, group="source")
    assert by_group["difference"] == pytest.approx(by_row["difference"])
    assert by_group["high"] - by_group["low"] > 2 * (by_row["high"] - by_row["low"])
    with pytest.raises(ColumnError, match="no column 'patient'"):
        compare(model, weak, rows, group="patient")


def test_models_of_other_targets_are_refused(models: dict[str, Model], table: MakeTable) -> None:
    with pytest.raises(UsageError, match=r"classify of 'rich'.*regress of 'pay'"):
        compare(models["classify"], models["regress"], table(50))


def test_errors_that_are_lower_are_better(
    models: dict[str, Model], tmp_path: Path, table: MakeTable, fitted: Fitted
) -> None:
    write_model(tmp_path / "mean.archwise", fitted("majority", "regress"))
    found = compare(models["regress"], load(tmp_path / "mean.archwise"), table(400, seed=7))
    assert not found["greater_is_better"]
    assert found["left"]["score"] < found["right"]["score"]
    assert found["difference"] > 0.0
