"""Tags as a target: which scheme they are of, how broken ones are read, and which column holds their words."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from archwise.data.label_set import join_in_table
from archwise.data.look import LookRequest, look_at
from archwise.data.tag_cells import entities_of, find_tags, parse_tags, scheme_of, words_column, write_entities
from archwise.data.target import target_values
from archwise.errors import ColumnError
from archwise.records import Table

ANY_TAG = st.sampled_from(["O", *(f"{letter}-{kind}" for letter in "BIES" for kind in ("x", "y-z"))])


def table_of(words: list[list[str]], tags: list[list[str]]) -> Table:
    return Table(pl.DataFrame({"words": words, "tags": tags}), "a frame", target="tags")


def test_schemes_are_told_from_the_tags() -> None:
    assert scheme_of(["O", "B-x", "I-x"]) == "bio"
    assert scheme_of(["O", "I-x"]) == "bio"
    assert scheme_of(["O", "B-x", "I-x", "E-x", "S-x"]) == "bioes"
    assert scheme_of(["NOUN", "VERB", "O"]) == ""


@given(st.lists(ANY_TAG, min_size=1, max_size=8))
def test_entities_are_those_that_the_scorer_of_conll_reads(tags: list[str]) -> None:
    assert entities_of(tags) == get_entities(tags)


@given(st.lists(ANY_TAG, min_size=1, max_size=8), st.sampled_from(["bio", "bioes"]))
def test_a_repair_keeps_the_entities_and_is_done_once(tags: list[str], scheme: str) -> None:
    repaired = write_entities(entities_of(tags), len(tags), scheme)
    assert entities_of(repaired) == entities_of(tags)
    assert write_entities(entities_of(repaired), len(tags), scheme) == repaired


def test_tags_that_break_the_rules_are_read_as_the_scorer_does() -> None:
    cells = parse_tags(pl.Series("tags", [["I-x", "I-x", "O"], ["B-x", "I-y"]]))
    assert cells.to_list() == ["B-x I-x O", "B-x B-y"]


def test_a_repair_is_told_with_its_place() -> None:
    found = find_tags(pl.Series("tags", [["O", "B-x"], ["O", "I-x", "B-x"]]))
    assert found[0].message == "target 'tags': tags of BIO, 3 entities (x 3)"
    assert "1 tags in 1 rows break the rules of BIO (row 2, word 2: I-x is read as B-x)" in found[1].message


def test_bilou_is_read_as_bioes() -> None:
    assert parse_tags(pl.Series([["B-x", "L-x", "U-y"]])).to_list() == ["B-x E-x S-y"]


def test_the_scheme_of_training_holds_for_other_rows() -> None:
    assert parse_tags(pl.Series([["B-x"]]), ("B-x", "E-x", "O")).to_list() == ["S-x"]


def test_lists_of_as_many_words_as_tags_are_tagged() -> None:
    table = join_in_table(table_of([["a", "b c"], ["d"]], [["O", "B-x"], ["O"]]), "")
    assert table.task == "tag"
    assert table.frame["words"].to_list() == ["a b\u00a0c", "d"]
    assert words_column(table.frame, "tags") == "words"


def test_lists_of_other_lengths_stay_labels() -> None:
    table = join_in_table(table_of([["a"], ["b", "c"]], [["red", "round"], []]), "tags")
    assert table.task == ""
    assert table.frame["tags"].to_list() == [";red;round;", ";"]


def test_words_are_found_and_all_else_is_set_aside() -> None:
    frame = pl.DataFrame({"n": range(40), "said": ["a b", "c d e"] * 20, "marks": ["O B-x", "O O B-x"] * 20})
    profile = look_at(Table(frame, "a frame"), LookRequest("marks", "tag"))
    assert [(column.name, column.kind, column.use) for column in profile.columns] == [
        ("n", "identifier", False),
        ("said", "words", True),
    ]
    assert profile.classes == ("B-x", "O")
    assert profile.class_counts == (40, 60)


def test_rows_with_more_tags_than_words_are_lost() -> None:
    frame = pl.DataFrame({"said": ["a b"] * 39 + ["a"], "marks": ["O B-x"] * 40})
    profile = look_at(Table(frame, "a frame"), LookRequest("marks", "tag"))
    assert target_values(frame, profile)[1].tolist() == [False] * 39 + [True]


def test_tags_without_words_are_refused() -> None:
    frame = pl.DataFrame({"said": ["a"] * 40, "marks": ["O B-x"] * 40})
    with pytest.raises(ColumnError, match="no column has a word for each tag of 'marks'"):
        look_at(Table(frame, "a frame"), LookRequest("marks", "tag"))


def test_a_task_that_is_asked_for_decides_what_lists_are() -> None:
    table = table_of([["a", "b"], ["c"]], [["red", "round"], ["red"]])
    assert join_in_table(table, "tags", task="multilabel").frame["tags"].to_list() == [";red;round;", ";red;"]
    uneven = table_of([["a", "b"], ["c"]], [["O"], ["B-x"]])
    assert join_in_table(uneven, "tags", task="tag").frame["tags"].to_list() == ["O", "B-x"]
