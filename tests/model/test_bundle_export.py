"""Models exported as one ONNX: held against `predict`, used without archwise, and made smaller in int8."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import polars as pl
import pytest
from click.testing import CliRunner
from onnx import TensorProto, helper, numpy_helper

from archwise import use
from archwise.cli.app import app
from archwise.data.sketch import sketch_rows
from archwise.errors import MissingExtraError, ParityError, UsageError
from archwise.model.bundle import export as export_module
from archwise.model.bundle import write
from archwise.model.folder import ModelContent, write_model
from archwise.model.predict import Model, load, predict

MakeTable = Callable[..., pl.DataFrame]
ALONE = """
import runpy, sys
class Refused:
    def find_spec(self, name, *rest):
        if name.partition(".")[0] in ("archwise", "torch", "onnx", "polars"):
            raise ImportError(name)
sys.meta_path.insert(0, Refused())
runpy.run_path(sys.argv[1])
"""


def network(content: ModelContent, *, width: int = 256, n_outputs: int = 2) -> ModelContent:
    """The content with a network of two layers in the place of its reference, of random weights."""
    rng = np.random.default_rng(0)
    specs = content.facts.signature.inputs
    n_inputs = sum(spec.width for spec in specs)
    weights = {
        "first": rng.normal(0, 0.5, (n_inputs, width)).astype(np.float32),
        "second": rng.normal(0, 0.1, (width, width)).astype(np.float32),
        "last": rng.normal(0, 0.1, (width, n_outputs)).astype(np.float32),
    }
    kinds = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64}
    starts = [helper.make_tensor_value_info(spec.name, kinds[spec.dtype], ["B", spec.width]) for spec in specs]
    nodes = [helper.make_node("Cast", [spec.name], [f"{spec.name}_f"], to=TensorProto.FLOAT) for spec in specs]
    nodes += [
        helper.make_node("Concat", [f"{spec.name}_f" for spec in specs], ["row"], axis=1),
        helper.make_node("MatMul", ["row", "first"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("MatMul", ["b", "second"], ["c"]),
        helper.make_node("Relu", ["c"], ["d"]),
        helper.make_node("MatMul", ["d", "last"], ["outputs"]),
    ]
    ends = [helper.make_tensor_value_info("outputs", TensorProto.FLOAT, ["B", n_outputs])]
    held = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "network", starts, ends, held)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    return replace(content, onnx=made.SerializeToString())


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory, contents: dict[str, ModelContent]) -> Model:
    place = tmp_path_factory.mktemp("net") / "net.archwise"
    write_model(place, network(contents["classify"]))
    return load(place)


def run_alone(example: Path) -> str:
    done = subprocess.run([sys.executable, "-c", ALONE, str(example)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


class TestExport:
    @pytest.mark.parametrize("asked", ["classify", "regress"])
    def test_it_answers_as_predict_on_rows_that_are_given(
        self, models: dict[str, Model], table: MakeTable, tmp_path: Path, asked: str
    ) -> None:
        rows = table(300, seed=3)
        written = use.export(models[asked], tmp_path / "out", rows=rows)
        assert (written.n_rows, written.are_real, written.prepared) == (300, True, ())
        assert written.largest < 1e-6
        assert [path.name for path in written.files] == ["model.onnx", "example.py"]
        session = onnxruntime.InferenceSession(str(tmp_path / "out" / "model.onnx"))
        assert [each.name for each in session.get_inputs()] == ["age", "hours", "city"]
        given = {
            "age": rows["age"].to_numpy()[:, None],
            "hours": rows["hours"].fill_null(np.nan).to_numpy()[:, None],
            "city": rows["city"].to_numpy().astype(object)[:, None],
        }
        answers = predict(models[asked], rows).answers
        if asked == "classify":
            label, shares = session.run(["label", "probabilities"], given)
            assert label.tolist() == answers["prediction"].to_list()
            np.testing.assert_allclose(shares[:, 1], answers["p:yes"], atol=1e-6)
        else:
            for name, values in zip(
                ("prediction", "low", "high"), session.run(["value", "low", "high"], given), strict=True
            ):
                np.testing.assert_allclose(values, answers[name], rtol=1e-6)

    def test_without_rows_it_is_held_against_rows_that_are_made_up(self, model: Model, tmp_path: Path) -> None:
        written = use.export(model, tmp_path / "some.onnx")
        assert written.n_rows == 2_000
        assert not written.are_real
        assert written.files[0] == tmp_path / "some.onnx"

    def test_made_up_rows_are_those_of_the_sketch_where_there_is_one(
        self, content: ModelContent, table: MakeTable, tmp_path: Path
    ) -> None:
        sketch = sketch_rows(table(200).select("age", "hours", "city"), content.facts.columns)
        write_model(tmp_path / "small", replace(content, sketch=sketch))
        assert use.export(tmp_path / "small", tmp_path / "out").n_rows == 2_000

    def test_the_file_says_where_it_comes_from_and_what_it_takes(self, model: Model, tmp_path: Path) -> None:
        use.export(model, tmp_path / "out")
        told = {each.key: each.value for each in onnx.load(str(tmp_path / "out" / "model.onnx")).metadata_props}
        assert told["task"] == "classify"
        assert told["archwise_version"] == model.facts.version
        assert len(told["model_sha256"]) == 64
        assert [each["column"] for each in json.loads(told["inputs"])] == ["age", "hours", "city"]
        assert json.loads(told["classes"]) == ["no", "yes"]

    def test_a_graph_that_answers_otherwise_is_refused_and_nothing_is_written(
        self, net: Model, table: MakeTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        wrong = network(ModelContent(net.facts, net.preparation, b"", {}, [], ""), width=128).onnx
        honest = write.write_bundle
        monkeypatch.setattr(export_module, "write_bundle", lambda model, core, about: honest(model, wrong, about))
        with pytest.raises(ParityError, match=r"row \d+, 'p:.+': the exported model answers .* nothing was written"):
            use.export(net, tmp_path / "out", rows=table(50, seed=1))
        assert not (tmp_path / "out").exists()

    def test_the_model_folder_itself_is_not_written_into(self, model: Model) -> None:
        with pytest.raises(UsageError, match=r"holds a model\.onnx of its own"):
            use.export(model, model.folder)

    def test_another_form_is_refused(self, model: Model, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="--to tflite: models are exported to onnx"):
            use.export(model, tmp_path, to="tflite")

    def test_without_onnx_the_extra_is_named(
        self, model: Model, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setitem(sys.modules, "onnx", None)
        with pytest.raises(MissingExtraError, match=r"pip install 'archwise\[train\]'"):
            use.export(model, tmp_path / "out")

    def test_a_column_named_as_an_output_keeps_apart_from_it(
        self, fitted: Callable[..., ModelContent], table: MakeTable, tmp_path: Path
    ) -> None:
        content = fitted("linear", "classify")
        columns = (("label", "number"), *content.facts.columns[1:])
        prepared = replace(content.preparation.columns[0], name="label")
        preparation = replace(content.preparation, columns=(prepared, *content.preparation.columns[1:]))
        write_model(
            tmp_path / "odd", replace(content, facts=replace(content.facts, columns=columns), preparation=preparation)
        )
        written = use.export(tmp_path / "odd", tmp_path / "out", rows=table(50).rename({"age": "label"}))
        assert written.inputs == ("column:label", "hours", "city")


class TestExample:
    @pytest.mark.parametrize("asked", ["classify", "regress"])
    def test_it_runs_where_archwise_cannot_be_imported(
        self, models: dict[str, Model], table: MakeTable, tmp_path: Path, asked: str
    ) -> None:
        rows = table(30, seed=3)
        use.export(models[asked], tmp_path / "out", rows=rows)
        printed = run_alone(tmp_path / "out" / "example.py")
        first = predict(models[asked], rows[:1]).answers["prediction"][0]
        assert (str(first) if asked == "classify" else f"{first:.6g}"[:7]) in printed

    def test_a_made_up_row_is_written_where_none_was_given(self, model: Model, tmp_path: Path) -> None:
        use.export(model, tmp_path / "out")
        assert run_alone(tmp_path / "out" / "example.py").startswith(("no {", "yes {"))


class TestInt8:
    def test_its_cost_stands_beside_its_gain_and_its_answers_are_near(
        self, net: Model, table: MakeTable, tmp_path: Path
    ) -> None:
        rows = table(400, seed=5)
        written = use.export(net, tmp_path / "out", rows=rows, int8=True)
        facts = written.integer
        assert written.files[-1].name == "model-int8.onnx"
        assert facts["deviation"] < 0.02
        assert facts["agreement"] > 0.95
        assert facts["int8"]["size_mb"] < 0.5 * facts["float"]["size_mb"]
        assert facts["scored"]["n_rows"] == 200
        assert facts["scored"]["metric"] == "roc_auc"
        assert facts["scored"]["low"] <= facts["scored"]["difference"] <= facts["scored"]["high"]
        session = onnxruntime.InferenceSession(str(tmp_path / "out" / "model-int8.onnx"))
        assert [each.name for each in session.get_outputs()] == ["label", "probabilities", "set"]

    def test_without_labels_it_tells_how_many_answers_agree(self, net: Model, table: MakeTable, tmp_path: Path) -> None:
        rows = table(400, seed=5).drop("rich")
        facts = use.export(net, tmp_path / "out", rows=rows, int8=True).integer
        assert facts["scored"] is None
        assert "the same label on" in facts["sentences"][0]

    def test_without_rows_it_is_dynamic(self, net: Model, tmp_path: Path) -> None:
        facts = use.export(net, tmp_path / "out", int8=True).integer
        assert facts["form"] == "dynamic"
        assert facts["n_calibrating"] == 0

    def test_a_model_without_matrices_is_refused(self, models: dict[str, Model], tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="trees has no matrix of float32 that int8 could hold"):
            use.export(models["regress"], tmp_path / "out", int8=True)
        assert not (tmp_path / "out").exists()


class TestCommand:
    def test_it_says_what_was_written_and_what_was_checked(
        self, model: Model, table: MakeTable, tmp_path: Path
    ) -> None:
        table(80, seed=2).write_csv(tmp_path / "rows.csv")
        asked = ["export", str(model.folder), "--to", "onnx", "--out", str(tmp_path / "out")]
        done = CliRunner().invoke(app, [*asked, "--check", str(tmp_path / "rows.csv")])
        assert done.exit_code == 0, done.output
        assert "On 80 rows that were given it answers as predict does" in done.output
        assert str(tmp_path / "out" / "example.py") in done.output

    def test_int8_is_a_table(self, net: Model, table: MakeTable, tmp_path: Path) -> None:
        table(400, seed=2).write_csv(tmp_path / "rows.csv")
        asked = [
            "export",
            str(net.folder),
            "--out",
            str(tmp_path / "out"),
            "--int8",
            "--check",
            str(tmp_path / "rows.csv"),
        ]
        done = CliRunner().invoke(app, asked)
        assert done.exit_code == 0, done.output
        assert all(word in done.output for word in ("roc_auc", "ms a row", "rows a second", "MB", "int8"))

    def test_json_holds_the_same(self, model: Model, tmp_path: Path) -> None:
        done = CliRunner().invoke(app, ["export", str(model.folder), "--out", str(tmp_path / "out"), "--json"])
        assert json.loads(done.output)["n_rows"] == 2_000
