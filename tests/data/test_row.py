"""Single rows: read without a table in between, and bit for bit as a table reads them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwise.data.kinds import kind
from archwise.data.kinds.category import parse_category, read_name
from archwise.data.open import open_table
from archwise.data.prepare import Preparation, apply_preparation, fit_preparation, parse_columns
from archwise.data.row import make_row_reader, plain_cells, read_row
from archwise.records import Batch, Need

KINDS = ("boolean", "category", "date", "number", "plain")
NEEDS = [Need("raw"), Need("standard"), Need("quantile"), Need("robust")]
TEXTS = ["", " ", "?", "NA", " nan ", "null", "1", "0", "1.0", " -20", "-0.0", "7.50", "+5", ".5", "5.", "1_000", "1e5",
         "1E+05", "1e400", "-1e-400", "inf", "Infinity", "abc", "0x10", "٣", "٣.0", "５", "1,5", "10.00", "a.0", "yes",
         "No", "TRUE", "t", "İ", "b", "a ", "\x1cb", "\u3000b", "b\n", "\t7", "7\x85", "2024-03-01", "2024-3-1",
         "2024-02-30", "2024-03-01T12:30:05", "2024-03-01 24:00:00", "2024-03-01 12:30", "0000-01-01", "0001-01-01",
         "1/3/2024", "2024-03-01T12:30:05Z", "9999-12-31 23:59:59", "123456789012345678901234567890", "0.1",
         "1e-7"]  # fmt: skip
WHOLES = [
    np.int8(3),
    np.uint64(2**64 - 1),
    np.float32(0.1),
    np.float64(-0.0),
    np.bool_(True),
    np.str_("b"),
    np.int64(1),
]
MOMENTS = [np.datetime64("2024-03-01"), np.datetime64("2024-03-01T05", "us"), np.datetime64("2024-03-01", "ns"),
           np.datetime64("NaT")]  # fmt: skip

any_cell = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 5),
    st.integers(-(2**80), 2**80),
    st.floats(),
    st.text(max_size=6),
    st.sampled_from(TEXTS),
    st.sampled_from([*WHOLES, *MOMENTS, Decimal("1.5"), b"1", dt.time(1), dt.timedelta(1)]),
    st.integers(-(10**20), 10**20).map(str),
    st.floats().map(str),
    st.dates(),
    st.dates().map(str),
    st.datetimes(),
    st.datetimes().map(str),
    st.datetimes(timezones=st.just(dt.UTC)),
)
TRAINING = {
    "boolean": ["yes", "no", None, "yes"],
    "category": ["a", "a", "a", "b", "b", "b", "1", "1", "1", "true", "true", "true", "rare", None],
    "date": ["2023-01-01", "2024-06-15 12:30:00", "2024-06-16 13:00:00", None],
    "number": [1.0, -2.5, 7.0, 1e6, 3.0, None],
    "plain": [1.0, -999.0, 7.0, None],
}


def prepare(name: str, need: Need, *, with_missing: bool = True) -> Preparation:
    cells = [cell for cell in TRAINING[name] if with_missing or cell is not None]
    return fit_preparation(parse_columns(pl.DataFrame({"x": cells}), [("x", name)]).frame, [("x", name)], need=need)


def alone(preparation: Preparation, cell: object) -> Batch | None:
    reader = make_row_reader(preparation, [(column.name, column.kind) for column in preparation.columns])
    cells = plain_cells({"x": cell})
    assert reader is not None
    return None if cells is None else read_row(reader, cells)


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=150, deadline=None)
@given(cell=any_cell, need=st.sampled_from(NEEDS), with_missing=st.booleans())
def test_any_cell_alone_is_read_as_in_a_table_bit_for_bit(
    name: str, cell: object, need: Need, with_missing: bool
) -> None:
    preparation = prepare(name, need, with_missing=with_missing)
    found = alone(preparation, cell)
    if found is None:
        return
    parsed = parse_columns(open_table({"x": [cell]}).frame, [("x", name)])
    expected = apply_preparation(preparation, parsed.frame)
    assert not parsed.bad.any()
    assert found.keys() == expected.keys()
    for part, array in expected.items():
        assert (found[part].dtype, found[part].shape) == (array.dtype, array.shape)
        assert found[part].tobytes() == array.tobytes()


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("boolean", [None, True, "yes", "No", 1, np.bool_(False), ""]),
        ("category", [None, "a", "never seen", 1, 1.0, "1.0", True, np.str_("b"), np.int64(1), "?", float("nan")]),
        ("date", [None, "2024-03-01", "2024-03-01T12:30:05", dt.date(2024, 3, 1), dt.datetime(2024, 3, 1, 12), "?"]),
        ("number", [None, 1, 2.5, "2.5", " 1e5", True, np.float32(0.1), np.int8(3), "NA", float("nan")]),
    ],
)
def test_usual_cells_need_no_table(name: str, cells: list[object]) -> None:
    assert all(alone(prepare(name, Need()), cell) is not None for cell in cells)


@pytest.mark.parametrize(
    ("name", "cell"), [("number", "abc"), ("number", float("inf")), ("boolean", "maybe"), ("date", "2024-02-30")]
)
def test_a_bad_cell_is_left_to_the_table_which_says_what_is_bad(name: str, cell: object) -> None:
    assert alone(prepare(name, Need()), cell) is None


@settings(max_examples=100, deadline=None)
@given(cell=any_cell)
def test_the_name_of_a_cell_alone_is_its_name_in_a_table(cell: object) -> None:
    name = None if isinstance(cell, np.generic) else read_name(cell)
    if name is not None:
        assert parse_category(open_table({"x": [cell]}).frame["x"])[0].to_list() == [name or None]


@pytest.mark.parametrize("need", NEEDS)
@pytest.mark.parametrize("cell", [-999, -999.0, 3, 0.5, None])
def test_a_value_apart_is_apart_in_a_single_row_too(need: Need, cell: float | None) -> None:
    values = np.where(np.arange(400) % 10 == 0, -999.0, np.random.default_rng(0).uniform(0, 50, 400))
    preparation = fit_preparation(pl.DataFrame({"x": values}), [("x", "number")], need=need)
    expected = apply_preparation(preparation, parse_columns(pl.DataFrame({"x": [cell]}), [("x", "number")]).frame)
    assert alone(preparation, cell)["numbers"].tobytes() == expected["numbers"].tobytes()


@pytest.mark.parametrize("cell", ["level 7", "level 6999", "never seen", None])
def test_one_of_very_many_levels_is_read_alone_as_in_a_table(cell: str | None) -> None:
    names = pl.DataFrame({"x": [f"level {row % 7_000}" for row in range(21_000)]})
    preparation = fit_preparation(names, [("x", "category")], need=Need())
    expected = apply_preparation(preparation, pl.DataFrame({"x": [cell]}, schema={"x": pl.String}))
    found = alone(preparation, cell)
    assert found is not None
    assert found.keys() == expected.keys()
    assert all(found[part].tobytes() == array.tobytes() for part, array in expected.items())


class TestPlainCells:
    def test_cells_and_lists_of_one_cell_are_the_same_row(self) -> None:
        assert plain_cells({"a": 1, "b": "x"}) == plain_cells({"a": [1], "b": ["x"]}) == {"a": 1, "b": "x"}

    @pytest.mark.parametrize(
        "row",
        [
            {"a": [1, 2]},
            {"a": []},
            {"a": 1, "b": [2]},
            {"a": np.array([1])},
            {"a": pl.Series([1])},
            {"a": {}},
            {1: 2},
            {"": 1},
        ],
    )
    def test_what_is_no_plain_row_is_left_to_the_table(self, row: dict[object, object]) -> None:
        assert plain_cells(row) is None


def test_a_kind_without_a_function_for_one_cell_has_no_row_reader() -> None:
    assert kind("nested").one is None
    preparation = fit_preparation(pl.DataFrame({"x": ["a b c"]}), [("x", "nested")], need=Need())
    assert make_row_reader(preparation, [("x", "nested")]) is None
