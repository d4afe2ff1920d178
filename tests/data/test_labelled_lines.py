"""Texts with their labels before them: which files hold them, what is read of them, and what no model reads."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwise.data.look import LookRequest, look_at
from archwise.data.open import open_table, parts_in
from archwise.data.readers.labelled_lines import accepts_labelled_lines
from archwise.errors import ArchwiseError, SourceError
from archwise.records import Parts, Table

TREC = Path(__file__).parents[3] / "shared" / "data" / "trec"
GRADED = "DESC:manner How did it begin ?\nENTY:other What is a whale ?\n\nLOC:other  Where is Rome ?\n"
MARKED = "__label__1 a good film\n__label__2 __not a label: bad\n__label__2\n"


def written(folder: Path, text: str, name: str = "made.train") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def read(folder: Path, text: str, name: str = "made.train") -> Table:
    return open_table(written(folder, text, name))


def columns(table: Table) -> dict[str, list[str]]:
    return table.frame.to_dict(as_series=False)


class TestGraded:
    @pytest.mark.parametrize("name", ["made.train", "made.txt", "made.label", "made"])
    def test_a_line_is_a_text_with_two_labels(self, tmp_path: Path, name: str) -> None:
        table = read(tmp_path, GRADED, name)
        assert columns(table) == {
            "text": ["How did it begin ?", "What is a whale ?", "Where is Rome ?"],
            "label": ["DESC", "ENTY", "LOC"],
            "fine": ["DESC:manner", "ENTY:other", "LOC:other"],
        }
        assert (table.target, table.task) == ("label", "")

    def test_the_label_that_is_not_asked_for_is_read_by_no_model(self, tmp_path: Path) -> None:
        lines = (
            f"A:{'xy'[row % 2]} what is the word number {row} ?\nB:z who is the man number {row}\n" for row in range(50)
        )
        table = read(tmp_path, "".join(lines))
        for target, other in (("", "fine"), ("fine", "label")):
            profile = look_at(table, LookRequest(target))
            assert profile.target == (target or "label")
            assert [column.name for column in profile.used] == ["text"]
            (withheld,) = (column for column in profile.columns if column.name == other)
            assert f"to read it, --kind {other}=category" in withheld.because
        asked = look_at(table, LookRequest("", kinds={"fine": "category"}))
        assert {column.name for column in asked.used} == {"text", "fine"}

    @pytest.mark.skipif(not TREC.exists(), reason="the shared data are not here")
    def test_trec_has_the_questions_and_the_classes_that_its_authors_count(self) -> None:
        tables = [open_table(TREC / f"TREC.{part}").frame for part in ("train", "test")]
        assert [table.height for table in tables] == [5_452, 500]
        assert [tables[0][name].n_unique() for name in ("label", "fine")] == [6, 50]
        assert parts_in(TREC / "TREC.train") == Parts(TREC / "TREC.train", test=str(TREC / "TREC.test"))


class TestMarked:
    def test_a_line_is_a_text_with_its_label_also_where_that_is_a_number(self, tmp_path: Path) -> None:
        table = read(tmp_path, MARKED)
        assert columns(table) == {"text": ["a good film", "__not a label: bad", ""], "label": ["1", "2", "2"]}
        assert isinstance(table.frame["label"].dtype, pl.Enum)

    def test_lines_with_several_labels_are_sets_of_labels(self, tmp_path: Path) -> None:
        table = read(tmp_path, "__label__a __label__b is it done ?\n__label__c how __label__a long ?\n__label__a so\n")
        assert columns(table) == {"text": ["is it done ?", "how  long ?", "so"], "label": [";a;b;", ";c;a;", ";a;"]}
        assert table.task == "multilabel"


class TestParts:
    def test_files_of_one_name_are_its_parts(self, tmp_path: Path) -> None:
        train, test, valid = (written(tmp_path, GRADED, f"made.{part}") for part in ("train", "test", "valid"))
        assert parts_in(train) == Parts(train, test=str(test), valid=str(valid))
        assert parts_in(test) is None

    def test_a_training_file_alone_has_none(self, tmp_path: Path) -> None:
        assert parts_in(written(tmp_path, GRADED)) is None


class TestOthers:
    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("text\tlabel\nit was good\tpos\n", "reviews.txt"),
            (GRADED, "made.csv"),
            ("one line of words\n" + GRADED, "made.txt"),
            ("http://a.b is a page\nhttp://c.d is another\n", "made.txt"),
            ("10:30 we met\n11:00 we left\n", "made.txt"),
            ("".join(f"NAME{row}:x a text\n" for row in range(60)), "made.txt"),
            ("desc:manner how ?\n", "made.txt"),
        ],
    )
    def test_they_are_left_to_other_readers(self, tmp_path: Path, text: str, name: str) -> None:
        assert not accepts_labelled_lines(written(tmp_path, text, name))

    def test_a_file_of_no_known_form_is_refused_as_ever(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match=r"a file of the suffix '.train' cannot be read"):
            read(tmp_path, "one line of words\n")

    def test_column_names_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="names its columns itself"):
            open_table(written(tmp_path, GRADED), names=("a", "b"))


def test_a_line_without_a_label_is_set_aside_and_named(tmp_path: Path) -> None:
    table = read(tmp_path, GRADED * 10 + "no label\n" + GRADED)
    assert (table.frame.height, table.set_aside) == (33, (30,))
    assert "line 41 does not begin with a label, as the others do; mend the line" in table.findings[0].message


def test_too_many_of_them_are_one_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"line 21001 .* \(10,000 of 31,000 lines are broken\)"):
        read(tmp_path, MARKED * 7_000 + "no label\n" * 10_000)


word = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Z"), blacklist_characters="\ufeff:"), min_size=1)
label = st.from_regex(r"[A-Z][A-Z0-9_]{0,4}", fullmatch=True)
fine = st.from_regex(r"[a-z][a-z0-9-]{0,4}", fullmatch=True)
text = st.lists(word, min_size=1, max_size=6).map(" ".join)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(label, fine, text), min_size=1, max_size=15))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str, str]]) -> None:
    folder = tmp_path_factory.mktemp("lines")
    graded = read(folder, "".join(f"{one}:{two} {told}\n" for one, two, told in rows))
    assert graded.frame.rows() == [(told, one, f"{one}:{two}") for one, two, told in rows]
    rows = [row for row in rows if "__label__" not in row[2]]
    marked = read(folder, "".join(f"__label__{two} {told}\n" for _, two, told in rows) + "__label__x y\n")
    assert marked.frame.rows() == [*((told, two) for _, two, told in rows), ("y", "x")]


def read_or_why(folder: Path, content: str) -> str:
    try:
        return read(folder, content).source
    except ArchwiseError as error:
        return str(error)


@settings(max_examples=100, deadline=None)
@given(content=st.text(st.sampled_from("__label__AB:c d\n\té"), max_size=80))
def test_any_text_gives_a_table_or_one_error(tmp_path_factory: pytest.TempPathFactory, content: str) -> None:
    for whole in (content, GRADED * 20 + content, MARKED * 20 + content):
        assert "made.train" in read_or_why(tmp_path_factory.mktemp("any"), whole)
