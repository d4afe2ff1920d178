"""The one path of inference: every row answered in its place, and everything odd in new rows said."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from archwise.errors import ColumnError, DataError, SourceError, TargetError, UsageError
from archwise.model.labelled import evaluate, read_labelled
from archwise.model.predict import Model, load, predict, predict_rows

MakeTable = Callable[..., pl.DataFrame]
HEAVY = ("torch", "sklearn", "lightgbm", "onnx", "onnxscript", "onnxmltools", "scipy", "pandas", "safetensors")


def codes(model: Model, source: object) -> list[str]:
    return [finding.code for finding in predict(model, source).findings]


class TestAnswers:
    def test_classes_have_a_label_and_probabilities_that_sum_to_one(self, model: Model, table: MakeTable) -> None:
        answers = predict(model, table(30, seed=1)).answers
        assert answers.columns == ["prediction", "p:no", "p:yes"]
        np.testing.assert_allclose(answers["p:no"] + answers["p:yes"], 1.0)
        assert ((answers["p:yes"] > 0.5) == (answers["prediction"] == "yes")).all()

    def test_numbers_have_an_interval(self, models: dict[str, Model], table: MakeTable) -> None:
        answers = predict(models["regress"], table(30, seed=1)).answers
        assert answers.columns == ["prediction", "low", "high"]
        assert (answers["low"] <= answers["prediction"]).all()
        assert (answers["prediction"] <= answers["high"]).all()

    @pytest.mark.parametrize("asked", ["classify", "regress"])
    def test_rows_are_answered_in_their_order(self, models: dict[str, Model], table: MakeTable, asked: str) -> None:
        frame = table(40, seed=1)
        forwards = predict(models[asked], frame).answers
        backwards = predict(models[asked], frame.reverse()).answers
        assert forwards.equals(backwards.reverse())

    def test_a_row_alone_is_answered_as_among_others(self, model: Model, table: MakeTable) -> None:
        frame = table(20, seed=1)
        whole = predict(model, frame).answers
        for row in range(20):
            one = predict(model, frame[row : row + 1]).answers
            np.testing.assert_allclose(one["p:yes"], whole["p:yes"][row : row + 1], atol=1e-6)

    def test_a_file_is_answered_as_the_frame_it_holds(self, model: Model, table: MakeTable, tmp_path: Path) -> None:
        frame = table(40, seed=1)
        expected = predict(model, frame).answers
        frame.write_csv(tmp_path / "new.csv")
        frame.write_parquet(tmp_path / "new.parquet")
        assert predict(model, tmp_path / "new.csv").answers.equals(expected)
        assert predict(model, str(tmp_path / "new.parquet")).answers.equals(expected)
        assert predict(model, frame.to_dict(as_series=False)).answers.equals(expected)

    def test_rows_as_mappings_are_answered_as_a_frame(self, model: Model, table: MakeTable) -> None:
        frame = table(10, seed=1).drop("rich", "pay")
        assert predict_rows(model, frame.to_dicts()).answers.equals(predict(model, frame).answers)

    def test_a_key_that_one_row_lacks_is_missing_there(self, model: Model) -> None:
        rows = [
            {"age": 40, "hours": None, "city": "Lima"},
            {"age": 40, "city": "Lima"},
            {"age": 40, "hours": 35, "city": "Lima"},
        ]
        answers = predict_rows(model, rows).answers["p:yes"]
        assert answers[0] == answers[1] != answers[2]


class TestOneRow:
    ROW = {"age": 41.5, "hours": None, "city": "Lima"}  # noqa: RUF012  never changed

    @pytest.mark.parametrize("asked", ["classify", "regress"])
    def test_a_dict_of_cells_is_answered_as_the_row_of_a_frame(
        self, models: dict[str, Model], table: MakeTable, asked: str
    ) -> None:
        for row in table(20, seed=1).drop("rich", "pay").to_dicts():
            expected = predict(models[asked], pl.DataFrame([row])).answers
            assert predict(models[asked], row).answers.equals(expected)
            assert predict(models[asked], {name: [cell] for name, cell in row.items()}).answers.equals(expected)

    def test_no_table_is_made_of_usual_cells(self, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("archwise.model.predict.open_source", None)
        assert predict(model, self.ROW).answers.height == 1
        assert predict_rows(model, [self.ROW]).answers.height == 1

    def test_an_unseen_level_is_told_as_of_a_table(self, model: Model) -> None:
        row = {**self.ROW, "city": "Rome"}
        found = predict(model, row).findings
        assert found == predict(model, pl.DataFrame([row])).findings
        assert "'Rome' in row 1" in found[0].message

    def test_a_bad_cell_is_an_error_that_names_it(self, model: Model) -> None:
        with pytest.raises(DataError, match=r"column 'age', row 1: 'old' is not a number"):
            predict(model, {**self.ROW, "age": "old"})

    def test_a_missing_column_is_named(self, model: Model) -> None:
        with pytest.raises(ColumnError, match="columns are missing: 'city'"):
            predict(model, {"age": 1, "hours": 2})

    def test_sets_are_given_and_refused_as_of_a_table(self, models: dict[str, Model]) -> None:
        expected = predict(models["classify"], pl.DataFrame([self.ROW]), sets=True).answers
        assert predict(models["classify"], self.ROW, sets=True).answers.equals(expected)
        with pytest.raises(UsageError, match="label sets are for classes"):
            predict(models["regress"], self.ROW, sets=True)


class TestSets:
    def test_the_sets_stand_in_a_last_column_and_the_rest_is_as_without(self, model: Model, table: MakeTable) -> None:
        plain, asked = (predict(model, table(30, seed=1), sets=sets).answers for sets in (False, True))
        assert asked.columns == [*plain.columns, "set"]
        assert asked.drop("set").equals(plain)
        assert asked["set"].dtype == pl.List(pl.String)

    def test_a_set_holds_the_answered_label_and_those_as_likely_as_the_floor(
        self, model: Model, table: MakeTable
    ) -> None:
        floor = model.facts.calibration["set_floor"]
        for row in predict(model, table(30, seed=1), sets=True).answers.to_dicts():
            likely = {name for name in ("no", "yes") if row[f"p:{name}"] >= floor}
            assert set(row["set"]) == likely | {row["prediction"]}

    def test_a_row_that_cannot_be_read_has_no_set(self, model: Model, table: MakeTable) -> None:
        frame = table(40, seed=1).with_columns(pl.col("age").cast(pl.String))
        frame[3, "age"] = "forty"
        sets = predict(model, frame, sets=True).answers["set"]
        assert sets[3] is None
        assert sets.null_count() == 1

    def test_sets_of_numbers_are_refused(self, models: dict[str, Model], table: MakeTable) -> None:
        with pytest.raises(UsageError, match="label sets are for classes"):
            predict(models["regress"], table(5), sets=True)

    def test_a_model_from_before_there_were_sets_is_refused_with_the_mend(self, model: Model, table: MakeTable) -> None:
        old = replace(model, facts=replace(model.facts, calibration={"temperature": 1.0}))
        with pytest.raises(UsageError, match="before there were label sets; fit again"):
            predict(old, table(5), sets=True)
        assert predict(old, table(5)).answers.columns == ["prediction", "p:no", "p:yes"]


class TestColumns:
    def test_extra_and_reordered_columns_change_nothing(self, model: Model, table: MakeTable) -> None:
        frame = table(20, seed=1)
        other = frame.select(pl.lit("x").alias("extra"), "city", "hours", "age")
        assert predict(model, other).answers.equals(predict(model, frame).answers)

    def test_a_missing_column_is_named_with_its_nearest(self, model: Model, table: MakeTable) -> None:
        with pytest.raises(ColumnError, match=r"'city'.*Did you mean 'ctiy'"):
            predict(model, table(5).rename({"city": "ctiy"}))

    @pytest.mark.parametrize("with_target", [False, True])
    def test_a_file_without_a_header_line_is_read_in_the_order_of_training(
        self, model: Model, table: MakeTable, tmp_path: Path, with_target: bool
    ) -> None:
        frame = table(30, seed=1).drop("pay")
        frame = frame if with_target else frame.drop("rich")
        frame.write_csv(tmp_path / "bare.csv", include_header=False)
        predicted = predict(model, tmp_path / "bare.csv")
        assert predicted.answers.equals(predict(model, frame).answers)
        assert "in the order of training" in next(f for f in predicted.findings if f.code == "header").message

    def test_a_file_without_a_header_line_and_with_other_columns_is_refused(
        self, model: Model, table: MakeTable, tmp_path: Path
    ) -> None:
        table(30).select("age", "hours").write_csv(tmp_path / "bare.csv", include_header=False)
        with pytest.raises(ColumnError, match="has 2 columns without names, and the model was trained on 3"):
            predict(model, tmp_path / "bare.csv")

    def test_an_array_is_read_in_the_order_of_training(self, model: Model, table: MakeTable) -> None:
        frame = table(10, seed=1).select("age", "hours", "city")
        array = np.array(frame.rows(), dtype=object)
        assert predict(model, array).answers.equals(predict(model, frame).answers)
        assert evaluate(model, (array, table(10, seed=1)["rich"].to_numpy()))["n_rows"] == 10


class TestCells:
    def test_a_few_bad_cells_give_empty_answers_in_their_place(self, model: Model, table: MakeTable) -> None:
        frame = table(100, seed=1)
        bad = frame.with_columns(age=pl.col("age").cast(pl.String)).with_columns(
            age=pl.when(pl.int_range(pl.len()).is_in([3, 70])).then(pl.lit("forty")).otherwise("age")
        )
        predicted = predict(model, bad)
        assert predicted.answers["prediction"].is_null().arg_true().to_list() == [3, 70]
        assert predicted.answers.filter(pl.col("prediction").is_not_null()).equals(
            predict(model, frame).answers.filter(~pl.int_range(pl.len()).is_in([3, 70]))
        )
        found = next(finding for finding in predicted.findings if finding.code == "bad-cells")
        assert "column 'age', row 4: 'forty'" in found.message
        assert found.n_rows == 2

    def test_many_bad_cells_are_an_error(self, model: Model, table: MakeTable) -> None:
        with pytest.raises(DataError, match=r"column 'age', row 1: 'old' is not a number"):
            predict(model, table(100).with_columns(age=pl.lit("old")))

    def test_a_ragged_line_gives_an_empty_answer_in_its_place(
        self, model: Model, table: MakeTable, tmp_path: Path
    ) -> None:
        frame = table(200, seed=1).select("age", "hours", "city")
        frame.write_csv(tmp_path / "new.csv")
        lines = (tmp_path / "new.csv").read_text().splitlines()
        lines[11] = "only,two"
        (tmp_path / "new.csv").write_text("\n".join(lines))
        predicted = predict(model, tmp_path / "new.csv")
        assert predicted.answers.height == 200
        assert predicted.answers["prediction"].is_null().arg_true().to_list() == [10]
        assert predicted.answers[11:].equals(predict(model, frame).answers[11:])
        assert "ragged" in [finding.code for finding in predicted.findings]

    def test_unseen_levels_are_answered_and_counted(self, model: Model, table: MakeTable) -> None:
        frame = table(20, seed=1).with_columns(
            city=pl.when(pl.int_range(pl.len()) < 3).then(pl.lit("Rome")).otherwise("city")
        )
        predicted = predict(model, frame)
        assert predicted.answers["prediction"].null_count() == 0
        found = next(finding for finding in predicted.findings if finding.code == "unseen")
        assert found.column == "city"
        assert found.n_rows == 3
        assert "'Rome' in row 1" in found.message

    def test_known_rows_give_no_finding(self, model: Model, table: MakeTable) -> None:
        assert codes(model, table(20, seed=1)) == []

    def test_missing_cells_are_answered(self, model: Model) -> None:
        predicted = predict_rows(model, [{"age": None, "hours": None, "city": None}])
        assert predicted.answers["prediction"].null_count() == 0

    def test_no_rows_are_an_error(self, model: Model) -> None:
        with pytest.raises(SourceError, match="no rows"):
            predict_rows(model, [])


class TestEvaluate:
    def test_metrics_are_those_of_scikit_learn(self, model: Model, table: MakeTable) -> None:
        metrics = pytest.importorskip("sklearn.metrics")
        frame = table(200, seed=1)
        answers, scored = predict(model, frame).answers, evaluate(model, frame)
        truth = frame["rich"].to_numpy() == "yes"
        assert scored["n_rows"] == 200
        assert scored["metric"] == "roc_auc"
        assert scored["score"] == pytest.approx(metrics.roc_auc_score(truth, answers["p:yes"].to_numpy()))
        assert scored["scores"]["accuracy"] == pytest.approx((frame["rich"] == answers["prediction"]).mean())

    def test_the_labels_of_a_threshold_are_what_is_scored(self, model: Model, table: MakeTable) -> None:
        from sklearn.metrics import f1_score

        cut = {**model.facts.calibration, "threshold": 0.1, "positive": 1, "rule": "f1"}
        other = replace(model, facts=replace(model.facts, calibration=cut))
        frame = table(60, seed=1)
        answered = predict(other, frame).answers["prediction"]
        expected = f1_score(frame["rich"], answered, average="macro")
        assert evaluate(other, frame)["scores"]["f1"] == pytest.approx(expected)
        assert (answered == "yes").sum() > (predict(model, frame).answers["prediction"] == "yes").sum()

    def test_values_are_scored_in_their_own_units(self, models: dict[str, Model], table: MakeTable) -> None:
        frame = table(100, seed=1)
        error = (predict(models["regress"], frame).answers["prediction"] - frame["pay"]).to_numpy()
        scored = evaluate(models["regress"], frame)
        assert scored["scores"]["rmse"] == pytest.approx(np.sqrt((error**2).mean()), rel=1e-5)

    def test_an_unknown_label_is_named(self, model: Model, table: MakeTable) -> None:
        frame = table(20).with_columns(rich=pl.lit("yess"))
        with pytest.raises(TargetError, match=r"'yess'.*Did you mean 'yes'"):
            evaluate(model, frame)

    def test_rows_without_a_label_are_left_out_and_counted(self, model: Model, table: MakeTable) -> None:
        frame = table(20, seed=1).with_columns(rich=pl.when(pl.int_range(pl.len()) < 4).then(None).otherwise("rich"))
        scored = evaluate(model, frame)
        assert (scored["n_rows"], scored["n_left_out"]) == (16, 4)
        assert scored["scores"] == evaluate(model, frame[4:])["scores"]

    def test_no_label_at_all_is_an_error(self, model: Model, table: MakeTable) -> None:
        with pytest.raises(TargetError, match="no row has a 'rich' that can be read"):
            evaluate(model, table(20).with_columns(rich=pl.lit(None, dtype=pl.String)))

    def test_a_missing_target_column_is_named(self, model: Model, table: MakeTable) -> None:
        with pytest.raises(ColumnError, match="'rich'"):
            evaluate(model, table(20).drop("rich"))

    def test_outputs_stand_beside_their_targets(self, model: Model, table: MakeTable) -> None:
        labelled = read_labelled(model, table(20, seed=1))
        assert labelled.outputs.shape == (20, 2)
        assert labelled.targets.tolist() == [int(label == "yes") for label in table(20, seed=1)["rich"]]


def test_a_model_answers_where_nothing_of_training_is_installed(folder: Path, table: MakeTable, tmp_path: Path) -> None:
    table(10, seed=1).write_csv(tmp_path / "new.csv")
    code = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {HEAVY!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
from pathlib import Path
from archwise.model.labelled import evaluate
from archwise.model.predict import load, predict, predict_rows
model = load(Path({str(folder)!r}))
answers = predict(model, {str(tmp_path / "new.csv")!r}).answers
predict_rows(model, [{{"age": 40, "hours": 35, "city": "Lima"}}])
evaluate(model, {str(tmp_path / "new.csv")!r})
print(answers.write_csv(), end="")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    expected = predict(load(folder), tmp_path / "new.csv").answers
    assert done.stdout == expected.write_csv()
