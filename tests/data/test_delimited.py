"""The reader of delimited text: layouts, headers, broken rows, and whatever Hypothesis writes."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archwise.data.missing import MISSING_MARKS
from archwise.data.readers.delimited import read_delimited
from archwise.errors import SourceError
from archwise.records import Table

NUMBERED = "".join(f"{n},{n % 3}\n" for n in range(100))


def read(folder: Path, content: str | bytes, *, name: str = "a.csv", names: tuple[str, ...] = ()) -> Table:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_delimited(path, names)


def codes(table: Table) -> list[str]:
    return [finding.code for finding in table.findings]


class TestLayout:
    @pytest.mark.parametrize("delimiter", [",", "\t", ";", "|"])
    def test_delimiter_is_found(self, tmp_path: Path, delimiter: str) -> None:
        lines = [["a", "b", "c"], ["1", "x y", "2.5"], ["3", "z", "4"]]
        table = read(tmp_path, "\n".join(delimiter.join(line) for line in lines))
        assert table.frame.columns == ["a", "b", "c"]
        assert table.frame.rows() == [("1", "x y", "2.5"), ("3", "z", "4")]

    def test_quoted_delimiters_newlines_and_quotes_are_cells(self, tmp_path: Path) -> None:
        table = read(tmp_path, 'a,b\n"x, y",1\n"two\nlines",2\n"say ""hi""",3\n')
        assert table.frame["a"].to_list() == ["x, y", "two\nlines", 'say "hi"']

    def test_single_quotes_hold_cells_together_where_double_quotes_do_not(self, tmp_path: Path) -> None:
        assert read(tmp_path, "a,b\n'x, y',1\n'z',2\n").frame["a"].to_list() == ["x, y", "z"]

    def test_an_apostrophe_is_no_quote(self, tmp_path: Path) -> None:
        assert read(tmp_path, "a,b\nit's,1\nthat's,2\n").frame["a"].to_list() == ["it's", "that's"]

    def test_a_quote_inside_a_word_is_a_letter(self, tmp_path: Path) -> None:
        assert read(tmp_path, 'a,b\n5" pipe,1\n3" tube,2\n4,3\n').frame["a"].to_list() == ['5" pipe', '3" tube', "4"]

    def test_a_space_after_the_delimiter_is_no_part_of_a_quoted_cell(self, tmp_path: Path) -> None:
        assert read(tmp_path, 'a, b\n"x, y", "1, 2"\n"z", "q"\n').frame.rows() == [("x, y", "1, 2"), ("z", "q")]

    def test_cells_are_stripped(self, tmp_path: Path) -> None:
        assert read(tmp_path, "a, b\nx , 1\ny,  2 \n").frame.rows() == [("x", "1"), ("y", "2")]

    def test_decimal_commas_are_read_and_said(self, tmp_path: Path) -> None:
        table = read(tmp_path, "x;y\n1,5;a\n-2,25;b\n")
        assert table.frame["x"].to_list() == ["1.5", "-2.25"]
        assert "decimal-comma" in codes(table)

    def test_a_column_of_its_own_keeps_its_commas(self, tmp_path: Path) -> None:
        table = read(tmp_path, "note\nhello, world\nbye\na, b, c\n")
        assert table.frame["note"].to_list() == ["hello, world", "bye", "a, b, c"]

    def test_a_blank_line_in_a_single_column_is_a_missing_cell(self, tmp_path: Path) -> None:
        assert read(tmp_path, "a\n1\n\n3\n\n").frame["a"].to_list() == ["1", None, "3"]

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    def test_every_line_end_is_read(self, tmp_path: Path, end: str) -> None:
        assert read(tmp_path, f"a,b{end}1,2{end}3,4{end}").frame.rows() == [("1", "2"), ("3", "4")]

    def test_gzipped_text_is_unpacked(self, tmp_path: Path) -> None:
        assert read(tmp_path, gzip.compress(b"a,b\n1,2\n"), name="a.csv.gz").frame.rows() == [("1", "2")]


class TestEncoding:
    @pytest.mark.parametrize(
        "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "latin-1"]
    )
    def test_letters_survive(self, tmp_path: Path, encoding: str) -> None:
        text = "naam,y\n" + "".join(f"caf\xe9 {n % 3} stra\xdfe,{n}\n" for n in range(40))
        table = read(tmp_path, text.encode(encoding))
        assert table.frame["naam"][1] == "caf\xe9 1 stra\xdfe"
        assert ("encoding" in codes(table)) == (not encoding.startswith("utf-8"))

    def test_cyrillic_in_its_old_encoding_is_found(self, tmp_path: Path) -> None:
        text = "имя,возраст\n" + "".join(f"Пётр Иванович из Москвы {n},{n}\n" for n in range(40))
        assert read(tmp_path, text.encode("cp1251")).frame.columns == ["имя", "возраст"]

    def test_a_broken_byte_in_utf_8_is_said_with_its_line(self, tmp_path: Path) -> None:
        content = "n,y\n" + "".join(f"caf\xe9,{n}\n" for n in range(20))
        table = read(tmp_path, content.encode() + b"\xff,3\n")
        assert table.frame["n"].to_list()[:2] == ["caf\xe9", "caf\xe9"]
        assert "line 22" in table.findings[0].message


class TestHeader:
    def test_a_header_over_numbers_is_names(self, tmp_path: Path) -> None:
        assert read(tmp_path, "x,y\n1,2\n").frame.columns == ["x", "y"]

    def test_numbers_over_numbers_are_data(self, tmp_path: Path) -> None:
        table = read(tmp_path, "5,1.5\n6,2\n7,3\n")
        assert table.frame.columns == ["column_1", "column_2"]
        assert table.frame.height == 3
        assert "header" in codes(table)

    def test_recurring_words_are_data(self, tmp_path: Path) -> None:
        assert read(tmp_path, "M,no\nF,yes\nM,yes\nF,no\n").frame.height == 4

    def test_given_names_name_a_file_without_header(self, tmp_path: Path) -> None:
        table = read(tmp_path, NUMBERED, names=("n", "rest"))
        assert table.frame.columns == ["n", "rest"]
        assert table.frame.height == 100

    def test_given_names_replace_a_header(self, tmp_path: Path) -> None:
        table = read(tmp_path, "x,y\n" + NUMBERED, names=("n", "rest"))
        assert table.frame.columns == ["n", "rest"]
        assert table.frame.height == 100

    def test_too_few_names_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="1 names were given, but the rows hold 2"):
            read(tmp_path, NUMBERED, names=("n",))

    def test_a_header_of_another_length_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="line 1 holds 3 cells, but the rows hold 2"):
            read(tmp_path, "a,b,c\n" + NUMBERED)

    def test_repeated_and_empty_names_become_unique(self, tmp_path: Path) -> None:
        table = read(tmp_path, "a,a,,a_2\n1,2,3,4\n")
        assert table.frame.columns == ["a", "a_3", "column_3", "a_2"]
        assert codes(table) == ["header", "header"]


class TestCells:
    @pytest.mark.parametrize("mark", ["", *MISSING_MARKS])
    def test_missing_marks_are_null(self, tmp_path: Path, mark: str) -> None:
        table = read(tmp_path, f"a,b\nx,1\n{mark},2\n")
        assert table.frame["a"].to_list() == ["x", None]
        assert codes(table) == (["missing"] if mark else [])


class TestBrokenFiles:
    @pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", b"  \n"])
    def test_an_empty_file_is_said(self, tmp_path: Path, content: bytes) -> None:
        with pytest.raises(SourceError, match="empty"):
            read(tmp_path, content)

    def test_a_header_alone_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="no rows below"):
            read(tmp_path, "a,b\n")

    def test_many_ragged_rows_are_refused_with_the_first_line(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match=r"line 3 holds 1 cells where 2 are expected; mend .*of 5 lines"):
            read(tmp_path, "a,b\n1,2\n3\n4\n5,6\n")

    def test_a_few_ragged_rows_are_set_aside_and_listed(self, tmp_path: Path) -> None:
        lines = ["x,y"] + [f"{n},{n}" if n not in (7, 9) else f"{n},{n},{n}" for n in range(100)]
        table = read(tmp_path, "\n".join(lines))
        assert table.frame.height == 98
        assert table.set_aside == (7, 9)
        assert "at line 9, 11" in table.findings[0].message

    def test_a_line_number_counts_the_lines_inside_cells(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="line 4 holds 1"):
            read(tmp_path, 'a,b\n"x\ny",1\n2\n')

    def test_a_million_columns_are_refused(self, tmp_path: Path) -> None:
        line = ",".join(["c"] * 1_000_000)
        with pytest.raises(SourceError, match="1,000,000 cells, more than the 100,000 columns"):
            read(tmp_path, f"{line}\n{line}\n")

    @pytest.mark.parametrize("content", [bytes(range(256)) * 20, b"\x89PNG\r\n\x1a\n" + b"x" * 100, b"PAR1xxxx"])
    def test_a_binary_file_is_said(self, tmp_path: Path, content: bytes) -> None:
        with pytest.raises(SourceError, match="binary"):
            read(tmp_path, content)

    def test_a_broken_archive_is_said(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="archive is broken"):
            read(tmp_path, gzip.compress(b"a,b\n1,2\n")[:-6], name="a.csv.gz")

    def test_a_quote_that_is_never_closed_loses_no_row(self, tmp_path: Path) -> None:
        assert read(tmp_path, 'a,b\n"x,1\ny,2\nz,3\n').frame.height == 3


letters = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1, max_size=8
)
cells = st.one_of(letters, st.sampled_from(['a,b;c\td|e "q" r', "two\nlines", '"', "it's", "-1.5e3", "x y"])).filter(
    lambda cell: cell.strip() == cell and cell not in MISSING_MARKS and "\x1f" not in cell
)


class TestAnyTable:
    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        rows=st.integers(2, 4).flatmap(lambda n: st.lists(st.tuples(*[cells] * n), min_size=2, max_size=6)),
        delimiter=st.sampled_from([",", "\t", ";", "|"]),
        encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    )
    def test_what_csv_writes_is_read_back(
        self, tmp_path: Path, rows: list[tuple[str, ...]], delimiter: str, encoding: str
    ) -> None:
        text = io.StringIO()
        writer = csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n")
        header = [f"name_{position}" for position in range(len(rows[0]))]
        writer.writerows([header, *rows])
        table = read(tmp_path, text.getvalue().encode(encoding))
        if delimiter == ";":
            rows = [tuple(cell.replace(",", ".") if is_decimal_comma(cell) else cell for cell in row) for row in rows]
        data = (
            table.frame
            if table.frame.columns != header
            else pl.concat([pl.DataFrame([header], table.frame.schema, orient="row"), table.frame])
        )
        assert data.rows() == [tuple(header), *rows]

    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(content=st.binary(max_size=200))
    def test_any_bytes_give_a_table_or_a_named_error(self, tmp_path: Path, content: bytes) -> None:
        try:
            table = read(tmp_path, content)
        except SourceError as error:
            assert "a.csv" in str(error)  # noqa: PT017  either outcome is right
        else:
            assert table.frame.height > 0
            assert set(table.frame.dtypes) == {pl.String}

    @settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(text=st.text(st.sampled_from("ab1,;\t\"\n '"), max_size=60))
    def test_any_layout_gives_a_table_or_a_named_error(self, tmp_path: Path, text: str) -> None:
        try:
            table = read(tmp_path, text)
        except SourceError as error:
            assert "a.csv" in str(error)  # noqa: PT017  either outcome is right
        else:
            assert table.frame.height > 0


def is_decimal_comma(cell: str) -> bool:
    whole, comma, rest = cell.lstrip("+-").partition(",")
    return bool(comma) and whole.isascii() and whole.isdigit() and rest.isascii() and rest.isdigit()
