"""Answers of files that are read in chunks."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import polars as pl
import pytest

from archwise.data.readers import delimited
from archwise.errors import DataError, UsageError
from archwise.model.answer import print_parts
from archwise.model.bulk import Answer, key_of, write_parts
from archwise.model.predict import Answered, Model, Predicted, predict, predict_parts

MakeTable = Callable[..., pl.DataFrame]


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "_BLOCK", 4_000)
    monkeypatch.setattr("archwise.data.slices.ROWS_A_SLICE", 130)


def answering(model: Model, path: Path, most_rows: int = 500) -> Answer:
    return lambda before: predict_parts(model, path, most_rows=most_rows, before=before)


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
    n_rows, findings = write_parts(answering(model, path), tmp_path / "a.csv", as_json=False)
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
        write_parts(answering(model, tmp_path / "new.csv", most_rows), path, as_json=False)
        found.append(read(path))
    assert found[0].equals(found[1])
    assert found[0].height == 1_000


def test_too_many_bad_rows_leave_no_file(model: Model, table: MakeTable, tmp_path: Path) -> None:
    frame = table(1_000, seed=5).with_columns(age=pl.lit("old"))
    frame.write_csv(tmp_path / "new.csv")
    (tmp_path / "out").mkdir()
    with pytest.raises(DataError, match="1,000 of 1,000 rows are bad"):
        write_parts(answering(model, tmp_path / "new.csv"), tmp_path / "out" / "a.csv", as_json=False, key="k")
    assert list((tmp_path / "out").iterdir()) == []


def test_printed_answers_have_one_line_of_names(
    model: Model, table: MakeTable, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table(1_000, seed=5).write_csv(tmp_path / "new.csv")
    print_parts(predict_parts(model, tmp_path / "new.csv", most_rows=500), as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1_001
    assert [line for line in lines if line.startswith("prediction")] == lines[:1]


class Killed(Exception):  # noqa: N818  of a machine that stops, which nobody handles
    pass


@pytest.mark.parametrize("suffix", ["csv", "parquet", "jsonl"])
def test_a_command_that_was_stopped_goes_on_where_it_stood(
    model: Model, table: MakeTable, tmp_path: Path, suffix: str
) -> None:
    source, path = tmp_path / "new.csv", tmp_path / f"a.{suffix}"
    table(1_000, seed=5).write_csv(source)
    whole = tmp_path / f"whole.{suffix}"
    write_parts(answering(model, source), whole, as_json=False)

    def stopped(before: Sequence[Answered]) -> Iterator[Predicted]:
        assert not before
        for number, part in enumerate(predict_parts(model, source, most_rows=500)):
            if number == 3:
                raise Killed
            yield part

    with pytest.raises(Killed):
        write_parts(stopped, path, as_json=False, key="k")
    assert not path.exists()
    partial = tmp_path / f".a.{suffix}.partial"
    if suffix != "parquet":  # a part was cut short
        with (partial / "answers").open("a") as file:
            file.write("half a li")
    with (partial / "parts.jsonl").open("a") as file:
        file.write('{"rows": 12')
    resumed: list[int] = []

    def resume(before: Sequence[Answered]) -> Iterator[Predicted]:
        resumed.append(len(before))
        return predict_parts(model, source, most_rows=500, before=before)

    n_rows, _ = write_parts(resume, path, as_json=False, key="k")
    assert resumed == [3]
    assert n_rows == 1_000
    assert path.read_bytes() == whole.read_bytes() or suffix == "parquet"
    if suffix == "parquet":
        assert pl.read_parquet(path).equals(pl.read_parquet(whole))
    assert not partial.exists()


def test_another_command_does_not_go_on_from_what_is_not_its_own(
    model: Model, table: MakeTable, tmp_path: Path
) -> None:
    source, path = tmp_path / "new.csv", tmp_path / "a.csv"
    table(1_000, seed=5).write_csv(source)

    def stopped(before: Sequence[Answered]) -> Iterator[Predicted]:
        yield next(predict_parts(model, source, most_rows=500))
        raise Killed

    with pytest.raises(Killed):
        write_parts(stopped, path, as_json=False, key="k")
    seen: list[int] = []

    def anew(before: Sequence[Answered]) -> Iterator[Predicted]:
        seen.append(len(before))
        return predict_parts(model, source, most_rows=500, before=before)

    assert write_parts(anew, path, as_json=False, key="other")[0] == 1_000
    assert seen == [0]
    assert pl.read_csv(path).height == 1_000


def test_bad_rows_of_an_earlier_sitting_count(model: Model, table: MakeTable, tmp_path: Path) -> None:
    frame = table(1_000, seed=5).with_columns(age=pl.lit("old"))
    frame.write_csv(tmp_path / "new.csv")
    before = [Answered(130, 130, ())] * 3
    with pytest.raises(DataError, match="rows are bad"):
        list(predict_parts(model, tmp_path / "new.csv", most_rows=500, before=before))


def test_only_one_command_writes_a_file(model: Model, table: MakeTable, tmp_path: Path) -> None:
    source, path = tmp_path / "new.csv", tmp_path / "a.csv"
    table(1_000, seed=5).write_csv(source)

    def second(before: Sequence[Answered]) -> Iterator[Predicted]:
        with pytest.raises(UsageError, match="written by another command"):
            write_parts(answering(model, source), path, as_json=False)
        return predict_parts(model, source, most_rows=500)

    assert write_parts(second, path, as_json=False)[0] == 1_000


def test_a_key_tells_the_model_the_source_and_what_is_asked(model: Model, table: MakeTable, tmp_path: Path) -> None:
    source = tmp_path / "new.csv"
    table(10, seed=5).write_csv(source)
    first = key_of(model.folder, source, sets=False)
    assert first == key_of(model.folder, str(source), sets=False)
    assert first != key_of(model.folder, source, sets=True)
    table(11, seed=5).write_csv(source)
    assert first != key_of(model.folder, source, sets=False)
    assert key_of(model.folder, {"age": [1]}, sets=False) == ""


ANSWERS = pl.DataFrame({"prediction": ["yes", None], "p:yes": [0.75, None]})
READERS = {".csv": pl.read_csv, ".parquet": pl.read_parquet, ".jsonl": pl.read_ndjson, ".ndjson": pl.read_ndjson}


@pytest.mark.parametrize("suffix", [*READERS, ".CSV", ".Parquet"])
def test_answers_are_written_by_the_suffix_of_the_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / "new folder" / f"answers{suffix}"
    write_parts(lambda before: iter([Predicted(ANSWERS, ())]), path, as_json=False)
    assert READERS[suffix.lower()](path).equals(ANSWERS)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_printed_answers_as_json_are_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    print_parts([Predicted(ANSWERS, ())], as_json=True)
    first, second = capsys.readouterr().out.splitlines()
    assert json.loads(first) == {"prediction": "yes", "p:yes": 0.75}
    assert json.loads(second) == {"prediction": None, "p:yes": None}
