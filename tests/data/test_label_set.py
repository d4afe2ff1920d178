"""A target of several labels a row, from whichever form it comes in."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from archwise.data.label_set import count_labels, is_joined, join_in_table, join_target
from archwise.data.look import LookRequest, look_at
from archwise.errors import ColumnError, TargetError
from archwise.records import Stream, Table

COLUMNS = pl.DataFrame({"x": [1, 2, 3, 4], "red": ["1", "0", "1", None], "round": ["Yes", "no", "no", "yes"]})


def cells(frame: pl.DataFrame, target: str) -> list[str | None]:
    return join_in_table(Table(frame, "a.csv"), target).frame[target].to_list()


def test_columns_of_yes_and_no_become_cells_of_labels() -> None:
    joined = join_in_table(Table(COLUMNS, "a.csv"), "red, round").frame
    assert joined["red, round"].to_list() == [";red;round;", ";", ";red;", None]
    assert joined.columns == ["x", "red, round"]


def test_a_column_of_lists_becomes_cells_of_labels() -> None:
    frame = pl.DataFrame({"tags": [["red", "round"], [], None, ["red", None]]})
    assert cells(frame, "tags") == [";red;round;", ";", None, ";red;"]


def test_a_plain_target_stays_as_it_is() -> None:
    table = Table(COLUMNS, "a.csv")
    assert join_target(table, "red") is table
    assert join_target(table, "missing") is table


def test_chunks_are_joined_as_they_come() -> None:
    stream = Stream("a.csv", 8, lambda rows: iter([Table(COLUMNS, "a.csv"), Table(COLUMNS[:1], "a.csv")]))
    joined = join_target(stream, "red,round")
    assert isinstance(joined, Stream)
    assert [chunk.frame["red,round"][0] for chunk in joined.chunks(None)] == [";red;round;"] * 2


def test_a_column_that_is_not_there_suggests_the_nearest() -> None:
    with pytest.raises(ColumnError, match=r"no column 'rund' to predict\. Did you mean 'round'"):
        cells(COLUMNS, "red,rund")


def test_a_cell_that_is_neither_yes_nor_no_is_named() -> None:
    with pytest.raises(ColumnError, match="column 'x', row 2: '2' is neither yes nor no"):
        cells(COLUMNS, "x,red")


def test_cells_are_known_again() -> None:
    assert is_joined(pl.Series([";red;", None, ";"]))
    assert not is_joined(pl.Series([";red;", "round"]))
    assert not is_joined(pl.Series([1, 2]))


def test_labels_are_counted_by_rows() -> None:
    assert count_labels(pl.Series([";b;a;", ";a;a;", ";", None])) == (("a", "b"), (2, 1))
    with pytest.raises(TargetError, match="no row has a label"):
        count_labels(pl.Series("y", [";", None]))


def test_separated_labels_in_one_column_are_read_when_asked() -> None:
    frame = pl.DataFrame({"x": np.arange(40.0) ** 2, "tags": ["red;round", "round", "red", ";"] * 10})
    profile = look_at(Table(frame, "a.csv"), LookRequest("tags", "multilabel"))
    assert (profile.task, profile.classes, profile.class_counts) == ("multilabel", ("red", "round"), (20, 20))
