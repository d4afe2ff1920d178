"""Answers of files that are read in chunks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from archwise.data.readers import delimited
from archwise.errors import DataError
from archwise.model.answer import print_parts, write_parts
from archwise.model.predict import Model, predict, predict_parts

MakeTable = Callable[..., pl.DataFrame]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "_BLOCK", 4_000)
    monkeypatch.setattr("archwise.data.slices.ROWS_A_SLICE", 130)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("name", ["classify", "regress"])
def test_the_answers_of_the_parts_are_those_of_the_whole(
    models: dict[str, Model], table: MakeTable, tmp_path: Path, suffix: str, name: str
) -> None:
    frame = table(1_000, seed=5)
    path = tmp_path / f"new.{suffix}"
    frame.write_csv(path) if suffix == "csv" else frame.write_parquet(path)
    parts = list(predict_parts(models[name], path, most_rows=500))
    assert len(parts) > 3
    assert pl.concat([part.answers for part in parts]).equals(predict(models[name], path).answers)


def test_a_bad_cell_and_a_ragged_row_of_late_chunks_are_null_and_named(
    model: Model, table: MakeTable, tmp_path: Path
) -> None:
    lines = table(1_000, seed=5).write_csv().splitlines()
    lines[601] = "old," + lines[601].split(",", 1)[1]
    lines[701] = lines[701] + ",more"
    path = tmp_path / "new.csv"
    path.write_text("\n".join(lines) + "\n")
    n_rows, findings = write_parts(predict_parts(model, path, most_rows=500), tmp_path / "a.csv", as_json=False)
    answers = pl.read_csv(tmp_path / "a.csv")
    assert n_rows == answers.height == 1_000
    assert answers["prediction"].is_null().arg_true().to_list() == [600, 700]
    told = " ".join(finding.message for finding in findings)
    assert "column 'age', row 601: 'old' is not a number" in told
    assert "line 702 holds" in told


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_a_file_of_answers_is_the_same_from_many_parts_as_from_one(
    model: Model, table: MakeTable, tmp_path: Path, suffix: str
) -> None:
    table(1_000, seed=5).write_csv(tmp_path / "new.csv")
    read = {"csv": pl.read_csv, "parquet": pl.read_parquet, "jsonl": pl.read_ndjson}[suffix]
    found = []
    for name, most_rows in (("many", 500), ("one", 5_000)):
        path = tmp_path / f"{name}.{suffix}"
        write_parts(predict_parts(model, tmp_path / "new.csv", most_rows=most_rows), path, as_json=False)
        found.append(read(path))
    assert found[0].equals(found[1])
    assert found[0].height == 1_000


def test_too_many_bad_rows_leave_no_file(model: Model, table: MakeTable, tmp_path: Path) -> None:
    frame = table(1_000, seed=5).with_columns(age=pl.lit("old"))
    frame.write_csv(tmp_path / "new.csv")
    (tmp_path / "out").mkdir()
    with pytest.raises(DataError, match="1,000 of 1,000 rows are bad"):
        write_parts(
            predict_parts(model, tmp_path / "new.csv", most_rows=500), tmp_path / "out" / "a.csv", as_json=False
        )
    assert list((tmp_path / "out").iterdir()) == []


def test_printed_answers_have_one_line_of_names(
    model: Model, table: MakeTable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table(1_000, seed=5).write_csv(tmp_path / "new.csv")
    print_parts(predict_parts(model, tmp_path / "new.csv", most_rows=500), as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1_001
    assert [line for line in lines if line.startswith("prediction")] == lines[:1]
