"""The readers of files with types, of frames and of arrays, and the door to all of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from archwise.data.open import open_table
from archwise.data.readers import readers
from archwise.errors import SourceError

FRAME = pl.DataFrame({"x": [1.5, None, 3.0], "word": ["a", "b", None], "whole": [1, 2, 3], "is": [True, False, None]})
WRITERS: dict[str, Callable[[Path], object]] = {
    "a.parquet": FRAME.write_parquet,
    "a.arrow": FRAME.write_ipc,
    "a.feather": FRAME.write_ipc,
    "a.ipc": FRAME.write_ipc_stream,
    "a.jsonl": FRAME.write_ndjson,
    "a.ndjson": FRAME.write_ndjson,
}


@pytest.mark.parametrize("name", WRITERS)
def test_files_with_types_are_read_back(tmp_path: Path, name: str) -> None:
    WRITERS[name](tmp_path / name)
    assert open_table(tmp_path / name).frame.equals(FRAME)


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("content", [b"", b"junk"])
def test_broken_files_are_named(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=name):
        open_table(tmp_path / name)


@pytest.mark.parametrize("name", WRITERS)
def test_names_are_refused_where_the_source_has_its_own(tmp_path: Path, name: str) -> None:
    WRITERS[name](tmp_path / name)
    with pytest.raises(SourceError, match="names its columns itself"):
        open_table(tmp_path / name, names=("a", "b"))


class TestJsonLines:
    def write(self, folder: Path, text: str) -> Path:
        path = folder / "a.jsonl"
        path.write_text(text)
        return path

    def test_a_broken_line_is_named_by_its_number(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="line 3 is no JSON object"):
            open_table(self.write(tmp_path, '{"a":1}\n\n{"a":}\n'))

    def test_a_line_that_is_no_object_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match=r"line 2 .* holds a list"):
            open_table(self.write(tmp_path, '{"a":1}\n[1]\n'))

    def test_a_few_broken_lines_are_set_aside(self, tmp_path: Path) -> None:
        lines = [f'{{"a":{n}}}' if n != 5 else "{" for n in range(100)]
        table = open_table(self.write(tmp_path, "\n".join(lines)))
        assert table.frame.height == 99
        assert table.set_aside == (5,)
        assert "line 6" in table.findings[0].message

    def test_mixed_types_lose_nothing(self, tmp_path: Path) -> None:
        table = open_table(self.write(tmp_path, '{"a":true}\n{"a":"x"}\n{"b":2}\n'))
        assert table.frame["a"].to_list() == ["true", "x", None]


class TestFrames:
    def test_a_pandas_frame_equals_its_polars_twin(self) -> None:
        frame = pd.DataFrame(
            {
                "x": [1.5, np.nan, 3.0],
                "word": ["a", None, "b"],
                "level": pd.Categorical(["u", "v", None]),
                "count": pd.array([1, None, 3], dtype="Int64"),
                "day": pd.to_datetime(["2024-01-01", None, "2024-03-01"]),
                7: [True, False, True],
            }
        )
        read = open_table(frame).frame
        assert read.columns == ["x", "word", "level", "count", "day", "7"]
        assert read["x"].to_list() == [1.5, None, 3.0]
        assert read["word"].to_list() == ["a", None, "b"]
        assert read["level"].to_list() == ["u", "v", None]
        assert read["count"].to_list() == [1, None, 3]
        assert read["day"].is_null().to_list() == [False, True, False]
        assert read["7"].dtype == pl.Boolean

    def test_repeated_names_of_pandas_become_unique(self) -> None:
        table = open_table(pd.DataFrame([[1, 2]], columns=["a", "a"]))
        assert table.frame.columns == ["a", "a_2"]

    def test_a_lazy_frame_is_collected(self) -> None:
        assert open_table(FRAME.lazy()).frame.equals(FRAME)

    def test_a_dict_of_columns_is_a_frame(self) -> None:
        table = open_table({"a": [1, 2], "b": np.array([0.5, np.nan]), "c": ["x", None]})
        assert table.frame.rows() == [(1, 0.5, "x"), (2, None, None)]

    def test_python_objects_become_text(self) -> None:
        frame = pl.DataFrame({"a": pl.Series([Path("x"), None], dtype=pl.Object)})
        assert open_table(frame).frame["a"].to_list() == ["x", None]

    def test_columns_of_unequal_length_are_named(self) -> None:
        with pytest.raises(SourceError, match="'a' has 2, 'b' has 1"):
            open_table({"a": [1, 2], "b": [1]})

    def test_a_scalar_beside_a_list_is_no_column(self) -> None:
        with pytest.raises(SourceError, match="column 'a' is a str"):
            open_table({"a": "text", "b": ["text"]})

    def test_a_dict_of_single_cells_is_one_row(self) -> None:
        assert open_table({"a": "text", "b": 1, "c": None}).frame.rows() == [("text", 1, None)]


class TestArrays:
    def test_a_pair_becomes_columns_and_a_target(self) -> None:
        table = open_table((np.arange(6.0).reshape(3, 2), np.array(["u", "v", "u"])))
        assert table.frame.columns == ["x_1", "x_2", "y"]
        assert table.frame["y"].to_list() == ["u", "v", "u"]

    def test_names_name_the_columns_of_an_array(self) -> None:
        assert open_table(np.ones((3, 2)), names=("a", "b")).frame.columns == ["a", "b"]

    def test_nan_is_missing(self) -> None:
        assert open_table(np.array([[1.0], [np.nan]])).frame["x_1"].to_list() == [1.0, None]

    @pytest.mark.parametrize(
        ("source", "names", "told"),
        [
            (np.ones(3), (), "two axes"),
            ((np.ones((3, 2)), np.ones(4)), (), "3 rows, but y has the shape"),
            (np.ones((3, 2)), ("a",), "1 names"),
            ((np.ones((3, 1)), np.ones(3)), ("y",), "called 'y'"),
        ],
    )
    def test_shapes_that_do_not_fit_are_told(self, source: object, names: tuple[str, ...], told: str) -> None:
        with pytest.raises(SourceError, match=told):
            open_table(source, names=names)


class TestDoor:
    def test_a_missing_file_suggests_the_nearest(self, tmp_path: Path) -> None:
        (tmp_path / "people.csv").write_text("a,b\n1,2\n")
        with pytest.raises(SourceError, match=r"no such file. Did you mean .*people.csv\?"):
            open_table(tmp_path / "peple.csv")

    def test_a_missing_folder_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="no folder"):
            open_table(tmp_path / "none" / "a.csv")

    def test_a_folder_without_pictures_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match=r"no picture in it; expected .*/CLASS/picture\.jpg"):
            open_table(tmp_path)

    def test_an_unknown_suffix_tells_what_can_be_read(self, tmp_path: Path) -> None:
        (tmp_path / "a.docx").write_text("x")
        with pytest.raises(SourceError, match=r"suffix '.docx' cannot be read; these can: .*\.csv"):
            open_table(tmp_path / "a.docx")

    @pytest.mark.parametrize("source", [3, None, [1, 2]])
    def test_an_unknown_type_is_told(self, source: object) -> None:
        with pytest.raises(SourceError, match="cannot be read"):
            open_table(source)

    @pytest.mark.parametrize("source", [pl.DataFrame(), pl.DataFrame({"a": []}), np.ones((0, 2)), {}])
    def test_no_rows_are_said(self, source: object) -> None:
        with pytest.raises(SourceError, match="no rows"):
            open_table(source)

    @pytest.mark.parametrize("source", ["a.csv", "a.parquet", "a.arrow", "a.jsonl", FRAME, np.ones((1, 1)), {"a": [1]}])
    def test_exactly_one_reader_accepts_a_source(self, source: object) -> None:
        assert sum(reader.accepts(source) for reader in readers().values()) == 1
