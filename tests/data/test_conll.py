"""CoNLL and CoNLL-U: what is a sentence, what is no word, and which lines are broken."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwise.data.open import open_table
from archwise.data.readers.conll import accepts_conll
from archwise.errors import SourceError

WNUT = Path(__file__).parents[2] / ".." / "shared" / "data" / "wnut17"
PLAIN = "EU\tB-ORG\nrejects\tO\n\nPeter\tB-PER\nBlackburn\tI-PER\n"


def written(folder: Path, content: str | bytes, name: str = "a.conll") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def rows(path: Path, names: tuple[str, ...] = ()) -> list[tuple[list[str], list[str]]]:
    frame = open_table(path, names=names).frame
    return list(zip(frame["words"].to_list(), frame["tags"].to_list(), strict=True))


def test_each_sentence_is_a_row_of_words_and_tags(tmp_path: Path) -> None:
    table = open_table(written(tmp_path, PLAIN))
    assert table.frame["words"].to_list() == [["EU", "rejects"], ["Peter", "Blackburn"]]
    assert table.frame["tags"].to_list() == [["B-ORG", "O"], ["B-PER", "I-PER"]]
    assert (table.target, table.task) == ("tags", "tag")


@pytest.mark.parametrize(
    "content",
    [
        PLAIN.replace("\t", " "),
        PLAIN.replace("\t", "   "),
        PLAIN.replace("\n", "\r\n"),
        "\ufeff" + PLAIN,
        PLAIN.replace("\n\n", "\n\t\n"),
        PLAIN.replace("\n\n", "\n\n\n \n"),
        "-DOCSTART-\tO\n\n" + PLAIN,
        "# a comment\n" + PLAIN,
    ],
    ids=["space", "spaces", "crlf", "bom", "tab between", "many blank", "docstart", "comment"],
)
def test_other_ways_to_write_the_same(content: str, tmp_path: Path) -> None:
    assert rows(written(tmp_path, content)) == rows(written(tmp_path, PLAIN, "b.conll"))


def test_a_hashtag_is_a_word_and_no_comment(tmp_path: Path) -> None:
    assert rows(written(tmp_path, "#nlp\tB-x\n# text = a comment\n#\tO\n\n")) == [(["#nlp", "#"], ["B-x", "O"])]


def test_a_blank_that_does_not_break_is_a_word(tmp_path: Path) -> None:
    assert rows(written(tmp_path, "\u00a0\tO\na\u2028b\tB-x\n\n")) == [(["\u00a0", "a\u2028b"], ["O", "B-x"])]


def test_of_four_columns_the_first_and_the_last_are_read(tmp_path: Path) -> None:
    path = written(tmp_path, "EU NNP I-NP B-ORG\nrejects VBZ I-VP O\n\n")
    assert rows(path) == [(["EU", "rejects"], ["B-ORG", "O"])]
    assert "--names" in open_table(path).findings[0].message


def test_names_choose_another_column(tmp_path: Path) -> None:
    path = written(tmp_path, "EU NNP B-ORG\nrejects VBZ O\n\n")
    table = open_table(path, names=("words", "pos", "entity"))
    assert table.frame["pos"].to_list() == [["NNP", "VBZ"]]
    with pytest.raises(SourceError, match=r"2 names and the file 3 columns"):
        open_table(path, names=("words", "pos"))


def test_words_alone_are_read_without_tags(tmp_path: Path) -> None:
    table = open_table(written(tmp_path, "EU\nrejects\n\nPeter\n"))
    assert table.frame.columns == ["words"]
    assert table.target == table.task == ""


def test_universal_words_are_read_and_ranges_left_out(tmp_path: Path) -> None:
    lines = ["# sent_id = 1", "1-2\tvámonos\t_\t_\t_\t_\t_\t_\t_\t_", "1\tvamos\tir\tVERB\t_\t_\t0\troot\t_\t_"]
    lines += ["2\tnos\tnosotros\tPRON\t_\t_\t1\tobj\t_\t_", "2.1\tx\t_\t_\t_\t_\t_\t_\t_\t_", "", ""]
    table = open_table(written(tmp_path, "\n".join(lines), "a.conllu"))
    assert table.frame["words"].to_list() == [["vamos", "nos"]]
    assert table.frame["upos"].to_list() == [["VERB", "PRON"]]
    assert (table.target, table.task) == ("upos", "tag")


def test_a_broken_line_is_named_and_its_sentence_set_aside(tmp_path: Path) -> None:
    content = PLAIN + "\n" + "a\tO\n\n" * 20 + "good\tO\nbad\n\n" + PLAIN
    table = open_table(written(tmp_path, content))
    assert "line 48: 'bad' has 1 of the 2 columns" in table.findings[0].message
    assert table.frame.height == 24
    assert table.set_aside == (22,)


def test_too_many_broken_lines_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"1 of 2 sentences are broken: line 4: 'bad'"):
        open_table(written(tmp_path, "a\tO\nb\tO\n\nbad\n\n"))


def test_a_file_without_blank_lines_says_so(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"line 1: a sentence of 100,000 words begins, and no blank line ends it"):
        open_table(written(tmp_path, "a\tO\n" * 100_000))


def test_other_suffixes_are_told_by_what_stands_there(tmp_path: Path) -> None:
    assert accepts_conll(written(tmp_path, PLAIN, "news.annotated"))
    assert accepts_conll(written(tmp_path, PLAIN, "train.txt"))
    assert not accepts_conll(written(tmp_path, "text\tlabel\nit was good\tpos\n", "reviews.tsv"))
    assert not accepts_conll(written(tmp_path, "a,b\n1,2\n\n3,4\n", "a.csv"))


word = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zs")), min_size=1, max_size=5).filter(
    lambda text: not text.startswith(("#", "-DOC", "\ufeff")) and text == text.strip(" \t")
)


@given(st.lists(st.lists(st.tuples(word, st.sampled_from(["O", "B-x", "I-x"])), min_size=1, max_size=5), min_size=1))
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory, sentences: list[list[tuple[str, str]]]
) -> None:
    content = "".join("".join(f"{text}\t{tag}\n" for text, tag in sentence) + "\n" for sentence in sentences)
    found = rows(written(tmp_path_factory.mktemp("conll"), content))
    assert found == [([text for text, _ in each], [tag for _, tag in each]) for each in sentences]


@pytest.mark.skipif(not WNUT.exists(), reason="../shared/data is not here")
def test_wnut_has_the_sentences_that_its_authors_count() -> None:
    tables = [
        open_table(WNUT / name) for name in ("wnut17train.conll", "emerging.dev.conll", "emerging.test.annotated")
    ]
    assert [table.frame.height for table in tables] == [3_394, 1_009, 1_287]
    assert not any(table.findings for table in tables)
