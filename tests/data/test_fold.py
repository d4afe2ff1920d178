"""What folds guarantee: every open row is left out once a cut, strata and groups hold, the seal does not move."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from archwise.data.fold import FEWEST_VALID, N_FOLDS, Folding, cut_small, deal_folds, folding_of
from archwise.data.split import SplitRule, split_rows
from archwise.records import Split

RULE = SplitRule(valid=0.2, test=0.2, seed=0, stratify=True)


def make(n: int, rule: SplitRule = RULE, labels: list[str] | None = None) -> tuple[Split, Split, pl.Series]:
    """The one split, the folds, and the target."""
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"x": rng.normal(size=n), "who": rng.integers(0, n // 5, n), "day": rng.integers(0, n, n)})
    target = pl.Series("y", labels or rng.choice(["a", "b"], n, p=[0.7, 0.3]))
    split = split_rows(frame, target, rule)
    return split, cut_small(split, target, rule), target


def test_every_open_row_is_left_out_once_in_every_cut() -> None:
    split, cut, _ = make(400)
    assert cut.folds is not None
    np.testing.assert_array_equal(cut.train, np.sort(np.concatenate([split.train, split.valid])))
    np.testing.assert_array_equal(cut.valid, np.tile(cut.train, 2))
    assert cut.folds.shape == (2, 320)
    for folds in cut.folds:
        assert np.bincount(folds).tolist() == [64] * N_FOLDS


def test_the_sealed_rows_do_not_move() -> None:
    split, cut, _ = make(400)
    np.testing.assert_array_equal(split.test, cut.test)
    assert split.test_sha256 == cut.test_sha256


def test_every_fold_keeps_the_shares_of_the_classes() -> None:
    _, cut, target = make(400)
    assert cut.folds is not None
    is_a = (target.gather(cut.train) == "a").to_numpy()
    counts = [int(is_a[cut.folds[0] == fold].sum()) for fold in range(N_FOLDS)]
    assert max(counts) - min(counts) <= 1


def test_rows_of_one_group_leave_together() -> None:
    _, cut, _ = make(400, replace(RULE, group="who"))
    assert cut.folds is not None
    assert cut.groups is not None
    groups = cut.groups[cut.train]
    for folds in cut.folds:
        assert all(len(np.unique(folds[groups == group])) == 1 for group in np.unique(groups))
        assert np.bincount(folds).min() >= 0.7 * len(folds) / N_FOLDS


def test_repeats_are_different_cuts_and_the_same_seed_cuts_alike() -> None:
    first, again, other = (make(300, replace(RULE, seed=seed))[1].folds for seed in (1, 1, 2))
    assert first is not None
    assert not np.array_equal(first[0], first[1])
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_row_that_decides_more_than_once_is_a_group() -> None:
    split, cut, _ = make(400)
    assert split.groups is None
    assert cut.groups is not None
    np.testing.assert_array_equal(np.bincount(cut.groups[cut.valid])[cut.train], np.full(320, 2))
    assert make(1_000)[1].groups is None


def test_a_class_too_rare_to_be_parted_always_trains() -> None:
    _, cut, target = make(400, labels=["rare"] * 2 + ["a", "b"] * 199)
    assert cut.folds is not None
    rare = (target.gather(cut.train) == "rare").to_numpy()
    assert rare.sum() == 2
    assert (cut.folds[:, rare] == -1).all()
    np.testing.assert_array_equal(cut.valid, np.tile(cut.train[~rare], 2))


def test_a_class_that_stands_in_one_group_is_never_left_out() -> None:
    rng = np.random.default_rng(3)
    units = np.repeat(np.arange(60), 4)
    labels = np.where(units == 7, "lone", rng.choice(["a", "b"], 240))
    rows = np.arange(240)
    split = Split(rows[units < 48], rows[units >= 54], rows[(units >= 48) & (units < 54)], "", "", groups=units)
    cut = cut_small(split, pl.Series("y", labels), RULE)
    assert cut.folds is not None
    assert (cut.folds[:, labels[cut.train] == "lone"] == -1).all()


@pytest.mark.parametrize(("n", "rule"), [(FEWEST_VALID * 5, RULE), (400, replace(RULE, time="day"))])
def test_many_rows_and_a_split_in_time_stay_one_split(n: int, rule: SplitRule) -> None:
    split, cut, _ = make(n, rule)
    assert cut is split


def test_too_few_groups_stay_one_split() -> None:
    groups = np.arange(60) % 9
    rows = np.arange(60)
    split = Split(rows[groups < 6], rows[groups == 6], rows[groups > 6], "", "", groups=groups)
    assert cut_small(split, pl.Series("y", ["a", "b"] * 30), RULE) is split


def test_fewer_rows_are_cut_more_often() -> None:
    repeats = [folding.n_repeats if (folding := folding_of(n, n // 4)) else 0 for n in (100, 300, 1_000, 5_000)]
    assert repeats == [3, 2, 1, 0]
    assert folding_of(100, 25, is_dear=True) == Folding(N_FOLDS, 1)


def test_large_units_are_dealt_so_that_folds_stay_even() -> None:
    sizes = np.array([40, 30, 30, 20, 20, 20, 10, 10, 10, 10])
    units = np.repeat(np.arange(10), sizes)
    folds = deal_folds(units, np.zeros(200, dtype=np.int64), 5, np.random.default_rng(0))
    assert np.bincount(folds).tolist() == [40] * 5
