"""Files of the UCR archive: which are series, which stay tables, and what is read of them."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwise.data.open import open_table, parts_in
from archwise.data.readers.text_folder import accepts_text_folder
from archwise.errors import ArchwiseError, SourceError
from archwise.records import Parts, Table

SHARED = Path(__file__).parents[3] / "shared" / "data"
ROWS = [("1", [0.5 * step for step in range(12)]), ("-1", [1.0 - step for step in range(12)])]


def line(name: str, cells: list[object], between: str = "\t") -> str:
    return between.join([name, *(str(cell) for cell in cells)]) + "\n"


def written(folder: Path, text: str, name: str = "made_TRAIN.tsv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def read(folder: Path, text: str, name: str = "made_TRAIN.tsv") -> Table:
    return open_table(written(folder, text, name))


def cells(table: Table) -> list[tuple[str, list[float | None]]]:
    lists = table.frame["series"].list.first().to_list()
    return list(zip(table.frame["class"].to_list(), lists, strict=True))


class TestSeries:
    @pytest.mark.parametrize(
        ("name", "between"),
        [("a_TRAIN.tsv", "\t"), ("a_TEST.tsv", "\t"), ("a_TRAIN.txt", ","), ("a_TEST.txt", "  "), ("a_TRAIN", ",")],
    )
    def test_a_row_is_a_class_and_a_series(self, tmp_path: Path, name: str, between: str) -> None:
        text = "".join(line(each, values, between) for each, values in ROWS)
        table = read(tmp_path, text, name)
        assert cells(table) == ROWS
        assert table.target == "class"
        assert table.frame["class"].dtype == pl.Enum(["-1", "1"])
        assert "read as series" in table.findings[0].message

    def test_classes_written_as_floats_are_whole_numbers(self, tmp_path: Path) -> None:
        text = "".join("  " + line(f"{float(each):.7e}", [f"{v:.7e}" for v in values], "  ") for each, values in ROWS)
        assert cells(read(tmp_path, text, "a_TRAIN.txt")) == ROWS

    def test_missing_values_are_missing_and_behind_the_end_they_are_the_end(self, tmp_path: Path) -> None:
        values = [1.0, "NaN", *range(10), "NaN", "NaN"]
        found = cells(read(tmp_path, line("2", values) + line("1", list(range(14)))))
        assert found[0] == ("2", [1.0, None, *range(10)])

    def test_the_test_file_beside_the_training_file_is_its_test_part(self, tmp_path: Path) -> None:
        test = written(tmp_path, line(*ROWS[0]), "made_TEST.tsv")
        train = written(tmp_path, line(*ROWS[1]))
        assert parts_in(train) == Parts(train, test=str(test))
        assert parts_in(test) is None

    @pytest.mark.skipif(not SHARED.exists(), reason="the shared data are not here")
    def test_gunpoint_is_the_same_table_as_from_its_ts_file(self, tmp_path: Path) -> None:
        told = open_table(SHARED / "tsc-gunpoint" / "GunPoint_TRAIN.ts").frame
        rows = zip(told["class"], told["series"], strict=True)
        assert read(tmp_path, "".join(line(name, values[0]) for name, values in rows)).frame.equals(told)


class TestTables:
    """What only looks a little like it stays a table."""

    @pytest.mark.parametrize(
        ("name", "row"),
        [
            ("made.tsv", line(*ROWS[0]) * 3),
            ("made_TRAIN.csv", line(*ROWS[0], ",") * 3),
            ("made_train.tsv", line(*ROWS[0]) * 3),
            ("made_TRAIN.tsv", line("1", list(range(9))) * 3),
            ("made_TRAIN.tsv", line("1.5", list(range(12))) * 3),
            ("made_TRAIN.tsv", line("good", list(range(12))) * 3),
            ("made_TRAIN.tsv", line("1", [*range(12), "a word"]) * 3),
            ("made_TRAIN.tsv", line("1", [*range(12), ""]) + line("1", [*range(12), 1])),
            ("made_TRAIN.tsv", line("class", [f"V{place}" for place in range(12)]) + line(*ROWS[0])),
            ("made_TRAIN.tsv", "".join(line(str(number), list(range(12))) for number in range(60))),
        ],
        ids=["name", "csv", "small", "narrow", "float", "word", "a word", "empty", "header", "numbered"],
    )
    def test_it_is_read_as_a_table(self, tmp_path: Path, name: str, row: str) -> None:
        table = read(tmp_path, row, name)
        assert "series" not in table.frame.columns
        assert table.frame.width > 5

    def test_names_of_columns_make_a_table_of_it(self, tmp_path: Path) -> None:
        names = ("y", *(f"x{place}" for place in range(12)))
        path = written(tmp_path, line(*ROWS[0]) * 3)
        assert tuple(open_table(path, names=names).frame.columns) == names

    def test_folders_of_texts_are_what_they_were(self, tmp_path: Path) -> None:
        for name in ("good", "bad"):
            (tmp_path / name).mkdir()
            written(tmp_path / name, line(*ROWS[0], " "), "a_TRAIN.txt")
        assert accepts_text_folder(tmp_path)
        assert open_table(tmp_path).frame["label"].to_list() == ["bad", "good"]


class TestBroken:
    @pytest.mark.parametrize(
        ("broken", "why"),
        [
            (line("1", [1, "x", 2]), "holds what is no number"),
            (line("1", ["inf"] * 12), "holds what is no number"),
            (line("x", [1, 2]), "begins with 'x', which is no class"),
        ],
    )
    def test_lines_are_set_aside_counted_and_named(self, tmp_path: Path, broken: str, why: str) -> None:
        table = read(tmp_path, line(*ROWS[0]) * 30 + broken + line(*ROWS[1]))
        if "class" in why:
            assert "series" not in table.frame.columns  # every row of series begins with a class
            return
        assert (table.frame.height, table.set_aside) == (31, (30,))
        assert f"line 31 {why}" in table.findings[1].message

    def test_too_many_are_one_error(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match=r"line 21 holds what is no number; mend the line \(5 of 25 lines"):
            read(tmp_path, line(*ROWS[0]) * 20 + line("1", ["x"] * 12) * 5)


def test_arff_is_refused_with_what_is_read_in_its_place(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"ARFF files are not read; .* as \.ts and as name_TRAIN\.tsv"):
        read(tmp_path, "@relation x\n@data\n1,2\n", "x_TRAIN.arff")


value = st.one_of(st.none(), st.floats(-1e9, 1e9))
series = st.lists(value, min_size=12, max_size=20).map(lambda found: [*found, 1.5])


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(-9, 9), series), min_size=1, max_size=8), between=st.sampled_from(["\t", ","])
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, list[float | None]]], between: str
) -> None:
    text = "".join(line(str(name), ["NaN" if v is None else repr(v) for v in each], between) for name, each in rows)
    found = read(tmp_path_factory.mktemp("ucr"), text, "a_TRAIN.txt")
    assert cells(found) == [(str(name), each) for name, each in rows]


def read_or_why(folder: Path, text: str) -> str:
    try:
        return read(folder, text).source
    except ArchwiseError as error:
        return str(error)


@settings(max_examples=100, deadline=None)
@given(text=st.text(st.sampled_from("12.5e-\tNa ,x\né"), max_size=80))
def test_any_text_gives_a_table_or_one_error(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    for whole in (text, line(*ROWS[0]) * 30 + text):
        assert "made_TRAIN.tsv" in read_or_why(tmp_path_factory.mktemp("any"), whole)
