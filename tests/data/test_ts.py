"""The reader of .ts files: what it reads, which lines it sets aside, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwise.data.look import LookRequest, look_at
from archwise.data.open import open_source, open_table, parts_in
from archwise.errors import SourceError
from archwise.records import Parts, Table

SHARED = Path(__file__).parents[3] / "shared" / "data"
HEAD = (
    "# made up\n@problemName Made\n@timeStamps false\n@univariate {one}\n@equalLength false\n"
    "@classLabel true a b\n@data\n"
)
ONE, SEVERAL = HEAD.format(one="true"), HEAD.format(one="false")


def read(folder: Path, text: str, name: str = "made.ts") -> Table:
    (folder / name).write_text(text, encoding="utf-8")
    return open_table(folder / name)


def lists(table: Table) -> list[object]:
    return table.frame["series"].to_list()


def read_or_why(folder: Path, text: str) -> Table | str:
    """The table, or what is said of why there is none."""
    try:
        return read(folder, text)
    except SourceError as error:
        return str(error)


class TestLines:
    def test_values_channels_and_classes_are_read(self, tmp_path: Path) -> None:
        table = read(tmp_path, SEVERAL + "1,2.5,-3e1:0,?,1:a\n\n# between\n4:5:b\n")
        assert lists(table) == [[[1.0, 2.5, -30.0], [0.0, None, 1.0]], [[4.0], [5.0]]]
        assert table.frame["class"].to_list() == ["a", "b"]
        assert (table.target, table.set_aside) == ("class", ())

    def test_a_number_may_stand_in_the_place_of_the_class(self, tmp_path: Path) -> None:
        text = ONE.replace("@classLabel true a b", "@targetLabel true")
        table = read(tmp_path, text + "\n".join(f"{row},{row + 1}:{row / 2}" for row in range(40)))
        assert table.target == "target"
        profile = look_at(table, LookRequest(""))
        assert (profile.task, profile.target) == ("regress", "target")

    def test_classes_that_are_numbers_are_classes(self, tmp_path: Path) -> None:
        names = [str(number) for number in range(25)]
        text = ONE.replace("true a b", "true " + " ".join(names))
        table = read(tmp_path, text + "\n".join(f"{row},{row % 7}:{row % 25}" for row in range(75)))
        assert look_at(table, LookRequest("")).task == "classify"

    def test_new_series_need_no_class(self, tmp_path: Path) -> None:
        table = read(tmp_path, ONE.replace("@classLabel true a b", "@classLabel false") + "1,2\n3\n")
        assert table.frame.columns == ["series"]
        assert lists(table) == [[[1.0, 2.0]], [[3.0]]]

    def test_a_class_that_is_not_known_is_missing(self, tmp_path: Path) -> None:
        table = read(tmp_path, ONE + "1,2:a\n3:?\n")
        assert table.frame["class"].to_list() == ["a", None]

    def test_a_series_without_a_value_is_missing(self, tmp_path: Path) -> None:
        assert lists(read(tmp_path, ONE + "?,?:a\n3,?:b\n")) == [None, [[3.0, None]]]

    def test_windows_line_ends_marks_and_other_cases_are_read(self, tmp_path: Path) -> None:
        path = tmp_path / "made.TS"
        path.write_bytes(b"\xef\xbb\xbf" + ONE.replace("@data", "@DATA").replace("\n", "\r\n").encode() + b"1,2:a\r\n")
        assert lists(open_table(path)) == [[[1.0, 2.0]]]


class TestBrokenLines:
    @pytest.mark.parametrize(
        ("line", "why"),
        [
            ("1,x:3,4:a", "holds what is no number"),
            ("1,inf:3,4:a", "holds what is no number"),
            ("1,2:a", "holds 1 channels where 2 are expected"),
            ("1,2:3,4:c", "ends with 'c', which is no class of the header"),
            ("1,2:3,4", "holds 1 channels where 2 are expected"),
        ],
    )
    def test_they_are_set_aside_counted_and_named(self, tmp_path: Path, line: str, why: str) -> None:
        good = ["1,2:3,4:a"] * 30
        table = read(tmp_path, SEVERAL + "\n".join([*good[:5], line, *good[5:]]))
        assert table.frame.height == 30
        assert table.set_aside == (5,)
        (finding,) = table.findings
        assert f"line 13 {why}" in finding.message
        assert "set aside: 1 of 31 lines, at line 13" in finding.message

    def test_a_cut_line_among_series_of_equal_length_is_broken(self, tmp_path: Path) -> None:
        text = ONE.replace("@equalLength false", "@equalLength true\n@seriesLength 3")
        table = read(tmp_path, text + "1,2,3:a\n" * 30 + "1,2:b\n")
        assert "holds 2 values a channel where 3 are expected" in table.findings[0].message

    def test_too_many_are_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match=r"line 9 holds what is no number; mend the line \(3 of 23 lines"):
            read(tmp_path, ONE + "1,2:a\n" + "x:a\n" * 3 + "1:b\n" * 19)

    @settings(max_examples=60, deadline=None)
    @given(text=st.text(st.sampled_from("1.5,:?ab@# -\nxé\t"), max_size=60), one=st.sampled_from([ONE, SEVERAL]))
    def test_any_lines_give_a_table_or_one_error(
        self, tmp_path_factory: pytest.TempPathFactory, text: str, one: str
    ) -> None:
        found = read_or_why(tmp_path_factory.mktemp("any"), one + "1,2:3:a\n" * 25 + text)
        if isinstance(found, Table):
            assert found.frame.height + len(found.set_aside) >= 25
        else:
            assert "made.ts" in found

    @settings(max_examples=60, deadline=None)
    @given(head=st.text(st.sampled_from("@#dataclsL truefb1\n"), max_size=60))
    def test_any_header_gives_a_table_or_one_error(self, tmp_path_factory: pytest.TempPathFactory, head: str) -> None:
        found = read_or_why(tmp_path_factory.mktemp("any"), head + "\n@data\n1,2:a\n")
        assert isinstance(found, Table) or "made.ts" in found


class TestRefused:
    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("@univariate true\n1,2:a\n", r"line 2 is '1,2:a', where a line such as @univariate true or @data"),
            ("const x: number = 1;\n", r"line 1 is 'const x"),
            ("# only words\n", r"there is no line @data"),
            (ONE, r"no series below @data"),
            (ONE.replace("@timeStamps false", "@timeStamps true") + "(0,1):a\n", r"series with a stamp at every value"),
            (ONE.replace("@univariate true", "@univariate maybe") + "1:a\n", r"@univariate is 'maybe'; expected true"),
            (ONE.replace("@univariate true", "@dimensions two") + "1:a\n", r"@dimensions is 'two'; expected a whole"),
        ],
    )
    def test_what_is_no_file_of_series_is_said(self, tmp_path: Path, text: str, told: str) -> None:
        with pytest.raises(SourceError, match=told):
            read(tmp_path, text)

    def test_column_names_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "made.ts").write_text(ONE + "1:a\n")
        with pytest.raises(SourceError, match="names its columns itself"):
            open_table(tmp_path / "made.ts", names=("a",))


class TestParts:
    def test_the_test_file_beside_the_training_file_is_its_test_part(self, tmp_path: Path) -> None:
        read(tmp_path, ONE + "9:b\n", "made_TEST.ts")
        read(tmp_path, ONE + "1:a\n", "made_TRAIN.ts")
        train, test = tmp_path / "made_TRAIN.ts", tmp_path / "made_TEST.ts"
        assert parts_in(train) == Parts(train, test=str(test))
        assert parts_in(test) is None

    def test_the_training_file_itself_is_read_where_it_is_named(self, tmp_path: Path) -> None:
        read(tmp_path, ONE + "9:b\n", "made_TEST.ts")
        assert lists(read(tmp_path, ONE + "1:a\n", "made_TRAIN.ts")) == [[[1.0]]]
        opened = open_source(str(tmp_path / "made_TRAIN.ts"))
        assert isinstance(opened, Table)
        assert lists(opened) == [[[1.0]]]

    def test_a_training_file_alone_has_no_parts(self, tmp_path: Path) -> None:
        read(tmp_path, ONE + "1:a\n", "made_TRAIN.ts")
        assert parts_in(tmp_path / "made_TRAIN.ts") is None


@pytest.mark.skipif(not SHARED.exists(), reason="the shared data are not here")
class TestReal:
    def test_gunpoint(self) -> None:
        table = open_table(SHARED / "tsc-gunpoint" / "GunPoint_TRAIN.ts")
        series = np.array(table.frame["series"].to_list())
        assert series.shape == (50, 1, 150)
        assert series[0, 0, 0] == -0.6478854
        assert table.frame["class"].value_counts(sort=True).rows() == [("2", 26), ("1", 24)]

    def test_japanese_vowels(self) -> None:
        table = open_table(SHARED / "tsc-japanese-vowels" / "JapaneseVowels_TEST.ts")
        lengths = table.frame["series"].list.first().list.len()
        assert table.frame.height == 370
        assert (lengths.min(), lengths.max()) == (7, 29)
        assert table.frame["series"].list.len().unique().to_list() == [12]
        assert isinstance(table.frame["class"].dtype, pl.Enum)
