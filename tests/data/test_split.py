"""What the split guarantees: disjoint sides, shares, strata, groups, copies, time and the seal."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwise.data.split import SplitRule, split_rows
from archwise.errors import ColumnError, DataError
from archwise.records import Array, Split

RULE = SplitRule(valid=0.2, test=0.2, seed=0, stratify=True)
N = 1000


def make_frame(n: int = N) -> tuple[pl.DataFrame, pl.Series]:
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {"x": rng.normal(size=n), "who": rng.integers(0, n // 5, n), "day": rng.integers(0, n // 4, n)}
    )
    return frame, pl.Series("y", rng.choice(["a", "b", "c"], n, p=[0.7, 0.25, 0.05]))


def sides(split: Split, n: int = N) -> Array:
    marks = np.full(n, -1)
    for side, rows in enumerate((split.train, split.valid, split.test)):
        marks[rows] = side
    return marks


def stay_together(split: Split, groups: Array) -> bool:
    marks = sides(split, len(groups))
    return all(len(set(marks[groups == group])) == 1 for group in np.unique(groups))


def test_sides_are_disjoint_sorted_and_whole() -> None:
    split = split_rows(*make_frame(), RULE)
    assert sorted(np.concatenate([split.train, split.valid, split.test])) == list(range(N))
    for rows in (split.train, split.valid, split.test):
        assert rows.dtype == np.int64
        assert (np.diff(rows) > 0).all()
    assert split.groups is None


def test_the_same_seed_splits_alike_and_another_does_not() -> None:
    frame, target = make_frame()
    first, again, other = (split_rows(frame, target, replace(RULE, seed=seed)) for seed in (1, 1, 2))
    assert np.array_equal(first.test, again.test)
    assert np.array_equal(first.valid, again.valid)
    assert first.test_sha256 == again.test_sha256
    assert first.test_sha256 != other.test_sha256


def test_every_class_keeps_its_share() -> None:
    frame, target = make_frame()
    split = split_rows(frame, target, RULE)
    labels = target.to_numpy()
    for rows, share in ((split.test, 0.2), (split.valid, 0.2), (split.train, 0.6)):
        for name in "abc":
            assert abs((labels[rows] == name).sum() - share * (labels == name).sum()) <= 1


def test_a_number_keeps_its_spread() -> None:
    frame, _ = make_frame()
    target = pl.Series("y", np.random.default_rng(3).lognormal(0, 2, N))
    split = split_rows(frame, target, RULE)
    top = np.argsort(target.to_numpy())[-100:]
    assert np.isin(split.test, top).sum() == 20


def test_a_class_of_one_or_two_rows_trains() -> None:
    frame, _ = make_frame(100)
    labels = ["a"] * 97 + ["b", "b", "c"]
    for seed in range(5):
        split = split_rows(frame, pl.Series("y", labels), replace(RULE, seed=seed))
        assert {97, 98, 99} <= set(split.train.tolist())


@settings(max_examples=40, deadline=None)
@given(
    groups=st.lists(st.integers(0, 12), min_size=30, max_size=120).filter(lambda found: len(set(found)) >= 5),
    seed=st.integers(0, 99),
    stratify=st.booleans(),
)
def test_a_group_is_never_on_two_sides(groups: list[int], seed: int, stratify: bool) -> None:
    n = len(groups)
    frame = pl.DataFrame({"x": np.arange(n), "who": groups})
    target = pl.Series("y", [("a", "b")[row % 2] for row in range(n)])
    split = split_rows(frame, target, replace(RULE, group="who", seed=seed, stratify=stratify))
    assert stay_together(split, np.array(groups))
    assert min(len(split.train), len(split.valid), len(split.test)) > 0


def test_groups_are_shared_out_to_reasonable_sizes() -> None:
    frame, target = make_frame()
    split = split_rows(frame, target, replace(RULE, group="who"))
    assert stay_together(split, frame["who"].to_numpy())
    assert split.groups is not None
    assert len(np.unique(split.groups)) == frame["who"].n_unique()
    assert abs(len(split.test) - 200) < 40
    assert abs(len(split.valid) - 200) < 40


def test_a_few_groups_of_unequal_size_fill_every_side() -> None:
    groups = np.repeat([0, 1, 2, 3], [500, 250, 150, 100])
    frame = pl.DataFrame({"x": np.arange(N), "who": groups})
    split = split_rows(frame, make_frame()[1], replace(RULE, group="who"))
    assert stay_together(split, groups)
    assert len(split.train) >= 500


def test_rows_without_a_group_stand_alone() -> None:
    frame, target = make_frame()
    frame = frame.with_columns(who=pl.when(pl.int_range(N) < 900).then(None).otherwise(1))
    split = split_rows(frame, target, replace(RULE, group="who"))
    assert split.groups is not None
    assert len(np.unique(split.groups)) == 901


def test_rows_of_equal_inputs_are_on_one_side() -> None:
    frame, target = make_frame()
    frame = pl.concat([frame, frame.head(150), frame.head(40)])
    target = pl.concat([target, target.head(150), target.head(40)])
    split = split_rows(frame, target, replace(RULE, columns=("x",)))
    assert stay_together(split, frame["x"].rank("dense").to_numpy())
    assert "190 repeat another" in split.how


def test_copies_tie_groups_together() -> None:
    who = np.arange(N) // 2
    x = np.arange(N) + 5000
    x[1::20] = x[2::20]  # the last row of every tenth pair is a copy of the first row of the next
    frame = pl.DataFrame({"x": x, "who": who})
    split = split_rows(frame, make_frame()[1], replace(RULE, group="who", columns=("x",)))
    assert stay_together(split, who)
    assert stay_together(split, x)


def test_inputs_of_few_values_are_coincidences_not_copies() -> None:
    frame, target = make_frame()
    split = split_rows(frame.with_columns(x=pl.int_range(N) % 2), target, replace(RULE, columns=("x",)))
    assert split.groups is None
    assert "no copies" in split.how


def test_time_puts_the_last_rows_into_the_test_and_a_moment_on_one_side() -> None:
    frame, target = make_frame()
    split = split_rows(frame, target, replace(RULE, time="day"))
    days = frame["day"].to_numpy()
    assert days[split.train].max() < days[split.valid].min()
    assert days[split.valid].max() < days[split.test].min()
    assert abs(len(split.test) - 200) < 20
    assert abs(len(split.valid) - 200) < 20


def test_time_of_text_is_read_as_dates() -> None:
    frame, target = make_frame()
    days = pl.Series([f"{1 + row % 28}/{1 + row // 28 % 12}/{2020 + row // 336}" for row in range(N)])
    split = split_rows(frame.with_columns(day=days), target, replace(RULE, time="day"))
    assert np.array_equal(np.concatenate([split.train, split.valid, split.test]), np.arange(N))


def test_time_with_groups_keeps_groups_whole() -> None:
    frame, target = make_frame()
    split = split_rows(frame, target, replace(RULE, time="day", group="who"))
    assert stay_together(split, frame["who"].to_numpy())


@pytest.mark.parametrize(("cell", "told"), [("soon", "'soon' is no time"), (None, "the cell is missing")])
def test_a_cell_that_is_no_time_is_named(cell: str | None, told: str) -> None:
    frame, target = make_frame()
    days = ["2024-01-01"] * 6 + [cell] + ["2024-01-02"] * (N - 7)
    with pytest.raises(ColumnError, match=f"time column 'day', row 7: {told}"):
        split_rows(frame.with_columns(day=pl.Series(days)), target, replace(RULE, time="day"))


@pytest.mark.parametrize(
    ("frame", "rule", "told"),
    [
        (pl.DataFrame({"x": range(29)}), RULE, "29 rows"),
        (pl.DataFrame({"x": range(40), "g": [0, 1] * 20}), replace(RULE, group="g"), "too few groups of 'g'"),
        (pl.DataFrame({"x": range(40), "t": [0, 1] * 20}), replace(RULE, time="t"), "2 moments"),
    ],
)
def test_too_little_for_three_sides_is_told(frame: pl.DataFrame, rule: SplitRule, told: str) -> None:
    with pytest.raises(DataError, match=told):
        split_rows(frame, pl.Series("y", ["a", "b"] * frame.height).head(frame.height), rule)


def test_the_seal_changes_with_a_sealed_cell_and_only_then() -> None:
    frame, target = make_frame()
    split = split_rows(frame, target, RULE)

    def sealed(row: int) -> str:
        changed = frame.with_columns(x=pl.when(pl.int_range(N) == row).then(0.123).otherwise("x"))
        return split_rows(changed, target, RULE).test_sha256

    assert sealed(int(split.test[0])) != split.test_sha256
    assert sealed(int(split.train[0])) == split.test_sha256
