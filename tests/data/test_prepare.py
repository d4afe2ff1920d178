"""Parsing columns, fitting and applying the preparation, and writing it down."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwise.data.prepare import (
    Preparation,
    apply_preparation,
    dump_preparation,
    fit_preparation,
    inputs_of,
    load_preparation,
    parse_columns,
)
from archwise.errors import ColumnError
from archwise.records import Batch, Need

COLUMNS = (("age", "number"), ("city", "category"), ("day", "date"), ("is", "boolean"), ("tag", "category"))
NEEDS = [Need("raw"), Need("standard"), Need("quantile"), Need("robust")]


def make_frame(n: int = 60, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    days = [str(np.datetime64("2024-01-01") + int(day)) for day in rng.integers(0, 300, n)]
    frame = pl.DataFrame(
        {
            "age": rng.normal(40, 10, n).round(3).astype(str),
            "city": rng.choice(["Ghent", "Delft", "Oslo"], n),
            "day": days,
            "is": rng.choice(["yes", "no"], n),
            "tag": rng.choice(["a", "b", ""], n),
        }
    )
    return frame.with_columns(age=pl.when(pl.int_range(n) % 7 == 0).then(None).otherwise("age"))


def prepare(frame: pl.DataFrame, need: Need) -> Preparation:
    return fit_preparation(parse_columns(frame, COLUMNS).frame, COLUMNS, need=need)


def assert_same(left: Batch, right: Batch) -> None:
    assert left.keys() == right.keys()
    assert all(left[name].tobytes() == right[name].tobytes() for name in left)


@pytest.mark.parametrize("need", NEEDS, ids=lambda need: need.key)
class TestEveryNeed:
    def test_a_batch_equals_its_rows_exactly(self, need: Need) -> None:
        frame = make_frame()
        preparation = prepare(frame, need)
        batch = apply_preparation(preparation, parse_columns(frame, COLUMNS).frame)
        rows = [apply_preparation(preparation, parse_columns(frame[row], COLUMNS).frame) for row in range(frame.height)]
        assert_same(batch, {name: np.concatenate([row[name] for row in rows]) for name in batch})

    def test_inputs_tell_the_widths_and_levels_of_the_arrays(self, need: Need) -> None:
        frame = make_frame()
        preparation = prepare(frame, need)
        batch = apply_preparation(preparation, parse_columns(frame, COLUMNS).frame)
        specs = inputs_of(preparation)
        assert [spec.name for spec in specs] == ["numbers", "codes"]
        assert [batch[spec.name].shape for spec in specs] == [(60, spec.width) for spec in specs]
        assert [batch[spec.name].dtype for spec in specs] == [spec.dtype for spec in specs]
        assert specs[1].levels == (5, 4)

    def test_what_is_written_is_read_back_bit_for_bit(self, need: Need) -> None:
        frame = make_frame()
        preparation = prepare(frame, need)
        data, arrays = dump_preparation(preparation)
        loaded = load_preparation(json.loads(json.dumps(data)), dict(arrays))
        typed = parse_columns(make_frame(seed=1), COLUMNS).frame
        assert_same(apply_preparation(preparation, typed), apply_preparation(loaded, typed))
        assert json.dumps(dump_preparation(loaded)[0]) == json.dumps(data)
        assert loaded.need == need

    def test_preparation_ignores_held_out_rows(self, need: Need) -> None:
        train = make_frame()
        both = [pl.concat([train, make_frame(seed=seed)]) for seed in (1, 2)]
        dumps = [dump_preparation(prepare(frame.head(60), need)) for frame in both]
        assert dumps[0][0] == dumps[1][0]
        assert_same(dumps[0][1], dumps[1][1])


@settings(max_examples=60, deadline=None)
@given(
    ages=st.lists(st.one_of(st.none(), st.text(max_size=5), st.floats().map(str)), min_size=1, max_size=20),
    need=st.sampled_from(NEEDS),
)
def test_any_new_cells_give_finite_arrays_or_a_bad_row(ages: list[str | None], need: Need) -> None:
    preparation = prepare(make_frame(), need)
    new = make_frame(len(ages)).with_columns(age=pl.Series(ages, dtype=pl.String))
    parsed = parse_columns(new, COLUMNS)
    batch = apply_preparation(preparation, parsed.frame)
    assert parsed.bad.shape == (len(ages),)
    assert not np.isinf(batch["numbers"]).any()
    assert need.numbers == "raw" or not np.isnan(batch["numbers"]).any()


class TestParse:
    def test_all_missing_columns_are_named_with_the_nearest(self) -> None:
        frame = make_frame().rename({"city": "town", "age": "aged"})
        with pytest.raises(ColumnError, match=r"'age', 'city'.*Did you mean 'aged'\?"):
            parse_columns(frame, COLUMNS)

    def test_extra_and_reordered_columns_change_nothing(self) -> None:
        frame = make_frame()
        other = frame.select("tag", pl.lit("x").alias("extra"), "is", "day", "city", "age")
        assert parse_columns(other, COLUMNS).frame.equals(parse_columns(frame, COLUMNS).frame)

    def test_a_bad_cell_is_told_with_its_row_value_and_mend(self) -> None:
        frame = make_frame().with_columns(age=pl.Series(["1"] * 16 + ["forty"] + ["2"] * 43))
        parsed = parse_columns(frame, COLUMNS)
        assert np.flatnonzero(parsed.bad).tolist() == [16]
        finding = parsed.findings[0]
        assert (finding.code, finding.column, finding.n_rows) == ("bad-cells", "age", 1)
        assert finding.message.startswith(
            "column 'age', row 17: 'forty' is not a number (1 such cells); mend the value"
        )
        assert "--kind age=category" in finding.message
        assert finding.of_written_model().message.endswith("mend the value")  # a written model takes no --kind

    def test_typed_and_text_columns_give_the_same(self) -> None:
        frame = make_frame()
        typed = frame.with_columns(pl.col("age").cast(pl.Float64), pl.col("day").str.to_date(), pl.col("is") == "yes")
        assert parse_columns(typed, COLUMNS).frame.equals(parse_columns(frame, COLUMNS).frame)


def test_inputs_without_a_column_are_left_out() -> None:
    frame = make_frame()
    columns = (("city", "category"),)
    preparation = fit_preparation(parse_columns(frame, columns).frame, columns, need=Need())
    assert [spec.name for spec in inputs_of(preparation)] == ["codes"]
    assert list(apply_preparation(preparation, parse_columns(frame, columns).frame)) == ["codes"]
