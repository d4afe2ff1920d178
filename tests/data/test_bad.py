"""Bad rows: a few are set aside, many end the run, and where classes are known it is one class that counts."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from archwise.data.bad import count_bad, refuse_counted, refuse_too_many_bad
from archwise.errors import DataError
from archwise.records import Array, Finding

CLASSES = pl.Series(["cat"] * 900 + ["dog"] * 100)
FOUND = (Finding("store", "note", "a store"), Finding("unreadable", "warning", "dog 3 is broken"))


def bad(*places: int, of: int = 1_000) -> Array:
    rows = np.zeros(of, dtype=bool)
    rows[list(places)] = True
    return rows


def test_a_few_bad_rows_pass_and_many_do_not() -> None:
    refuse_too_many_bad(bad(*range(5), of=100), ())
    with pytest.raises(DataError, match=r"6 of 100 rows are bad, more than 5 %"):
        refuse_too_many_bad(bad(*range(6), of=100), ())


def test_many_of_one_class_end_the_run_though_they_are_few_of_all() -> None:
    lost = bad(*range(990, 996))
    refuse_too_many_bad(lost, FOUND)
    with pytest.raises(DataError, match=r"dog 3 is broken \(6 of 100 rows of the class 'dog' are bad, more than 5 %\)"):
        refuse_too_many_bad(lost, FOUND, classes=CLASSES)


def test_five_in_a_hundred_of_every_class_pass() -> None:
    refuse_too_many_bad(bad(*range(45), *range(995, 1_000)), FOUND, classes=CLASSES)


def test_one_bad_row_of_a_tiny_class_passes() -> None:
    classes = pl.Series(["cat"] * 95 + ["dog"] * 5)
    refuse_too_many_bad(bad(99, of=100), (), classes=classes)
    with pytest.raises(DataError, match="2 of 5 rows of the class 'dog'"):
        refuse_too_many_bad(bad(98, 99, of=100), (), classes=classes)


def test_one_of_a_few_rows_passes_but_not_the_only_one() -> None:
    refuse_too_many_bad(bad(1, of=3), ())
    with pytest.raises(DataError, match="1 of 1 rows are bad"):
        refuse_too_many_bad(bad(0, of=1), ())
    with pytest.raises(DataError, match="2 of 3 rows are bad"):
        refuse_too_many_bad(bad(0, 1, of=3), ())


def test_rows_without_a_known_class_count_among_all() -> None:
    classes = pl.Series([None] * 100, dtype=pl.String)
    with pytest.raises(DataError, match="6 of 100 rows are bad"):
        refuse_too_many_bad(bad(*range(6), of=100), (), classes=classes)


def test_counts_of_chunks_add_up() -> None:
    lost = bad(*range(990, 996))
    chunks = [count_bad(lost[at : at + 300], CLASSES[at : at + 300]) for at in range(0, 1_000, 300)]
    with pytest.raises(DataError, match="6 of 100 rows of the class 'dog'"):
        refuse_counted(chunks, FOUND)
