"""Model folders of every format that there was: each is read, answers as it did, and no verb breaks on it."""

from __future__ import annotations

import ast
import json
import math
import runpy
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import polars as pl
import pytest

from archwise import cli, use
from archwise.model.bundle.example import EXAMPLE
from archwise.model.folder import FORMAT
from archwise.model.predict import load
from archwise.serve.guard import Limits
from archwise.serve.info import info_of
from archwise.serve.metrics import Metrics
from archwise.serve.place import open_models

GOLDEN = Path(__file__).parent / "golden"
FOLDERS = sorted(GOLDEN.glob("*/format-*"))
TEXTS = ("texts", "pieces", "terms", "tags")
NEEDED = {"onnxruntime", "numpy", "tokenizers", "PIL"}
over_all = pytest.mark.parametrize("folder", FOLDERS, ids=[f"{each.parent.name}-{each.name}" for each in FOLDERS])


def rows_of(folder: Path) -> Path:
    return next(folder.parent.glob("rows.*"))


def answers_of(folder: Path) -> list[dict[str, Any]]:
    path = folder.parent / f"answers-{folder.name.removeprefix('format-')}.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def near(found: Any, expected: Any) -> bool:
    """Whether answers are the same, numbers to 1e-6 of them or of 1."""
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(near, found, expected))
    if isinstance(expected, float):
        return math.isclose(found, expected, rel_tol=1e-6, abs_tol=1e-6)
    return bool(found == expected)


def test_a_folder_of_every_format_is_kept() -> None:
    assert {folder.name for folder in FOLDERS} == {f"format-{number}" for number in range(1, FORMAT + 1)}
    assert len(FOLDERS) > 10


@over_all
def test_it_answers_as_it_did(folder: Path) -> None:
    found = [json.loads(line) for line in use.predict(folder, rows_of(folder)).answers.write_ndjson().splitlines()]
    expected = answers_of(folder)
    assert len(found) == len(expected) >= 8
    for mine, theirs in zip(found, expected, strict=True):
        assert mine.keys() == theirs.keys()
        assert all(near(mine[name], held) for name, held in theirs.items()), (mine, theirs)


@over_all
def test_it_is_shown_told_and_reported(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["show", str(folder)]) == 0
    assert capsys.readouterr().out.startswith("The verdict")
    served = open_models([folder], most_waiting=8, metrics=Metrics())[folder.name]
    assert info_of(served, Limits())["task"] == load(folder).facts.task
    page = use.report(folder, out=tmp_path / "report.html")
    assert "</html>" in page.read_text(encoding="utf-8")


@over_all
def test_it_is_exported_and_its_example_answers_as_predict_does(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = folder.parent.name
    assert not use.export(folder, tmp_path / "out").are_real
    assert use.export(folder, tmp_path / "out", rows=rows_of(folder)).are_real
    program = tmp_path / "out" / EXAMPLE
    assert imported(program) - set(sys.stdlib_module_names) <= NEEDED
    rows: Any = pl.read_parquet(rows_of(folder))[:1] if rows_of(folder).suffix == ".parquet" else rows_of(folder)
    given = []
    if name == "forecast":  # of the first series the first window whose truth is known
        rows = pl.read_parquet(rows_of(folder))[:36].with_columns(load=pl.when(pl.int_range(36) < 24).then("load"))
    elif name in TEXTS:
        given = ["It's a Paris FILM of 1984, fine , Ada"]
        rows = {rows.columns[0]: given}
    elif name == "pictures":
        (tmp_path / "one.png").write_bytes(rows["image"][0])
        given = [str(tmp_path / "one.png")]
    monkeypatch.setattr(sys, "argv", [str(program), *given])
    answers = runpy.run_path(str(program))["answers"]
    compare(answers, use.predict(folder, rows).answers)


def imported(program: Path) -> set[str]:
    nodes = list(ast.walk(ast.parse(program.read_text(encoding="utf-8"))))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names}


def compare(answers: dict[str, Any], expected: pl.DataFrame) -> None:
    """The first row that a graph answered, or the first series that it forecasts, and the first of `predict`."""
    if "forecast" in answers:
        for name, column in (("forecast", "prediction"), ("low", "low"), ("high", "high")):
            steps = answers[name][0, :, 0]
            np.testing.assert_allclose(steps, expected[column].to_numpy()[: len(steps)], rtol=1e-5)
    elif "tags" in answers:
        assert answers["tags"][0].tolist() == expected["prediction"][0].to_list()
        np.testing.assert_allclose(answers["p"][0], expected["p"][0].to_numpy(), atol=1e-5)
    elif "value" in answers:
        np.testing.assert_allclose(answers["value"][0], expected["prediction"][0], rtol=1e-5)
    else:
        shares = expected.select(pl.col("^p:.*$")).row(0)
        np.testing.assert_allclose(answers["probabilities"][0], shares, atol=1e-5)


def test_a_series_that_training_did_not_see_is_not_forecast(tmp_path: Path) -> None:
    use.export(GOLDEN / "forecast" / "format-1", tmp_path)
    given = runpy.run_path(str(tmp_path / EXAMPLE))
    session, inputs = given["session"], given["inputs"]
    assert [each.name for each in session.get_inputs()] == ["series", "past", "ahead", "time"]
    with pytest.raises(onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument, match="out of data bounds"):
        session.run(None, {**inputs, "series": np.array([["north"]], object)})


def test_a_text_is_answered_as_its_words_come_in() -> None:
    folder = GOLDEN / "texts" / "format-1"
    stream = use.stream(folder)
    stream.send("A fine")
    answers = stream.send(" film.").answers
    np.testing.assert_allclose(
        answers.select(pl.col("^p:.*$")).row(0),
        use.predict(folder, {"text": "A fine film."}).answers.select(pl.col("^p:.*$")).row(0),
        atol=1e-6,
    )
