"""The shape of a target of numbers: what is taken for counts and for amounts, and what is not."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from archwise.data.shape import find_shape, refuse_unfit, skewness
from archwise.errors import TargetError
from archwise.records import Array

RNG = np.random.default_rng(0)
X = RNG.normal(size=2_000)
COLUMNS = pl.DataFrame({"x": X, "noise": RNG.normal(size=2_000), "colour": ["red"] * 2_000})


def loss_of(values: Array) -> str:
    loss, findings = find_shape(pl.Series("y", values.astype(np.float64)), COLUMNS)
    assert bool(loss) == bool(findings)
    return loss


def test_counts_whose_variance_goes_with_their_mean_are_told_with_the_evidence() -> None:
    loss, (finding,) = find_shape(pl.Series("y", RNG.poisson(np.exp(1.0 + 0.6 * X)).astype(np.float64)), COLUMNS)
    assert (loss, finding.code, finding.severity) == ("poisson", "count", "note")
    for told in ("'y'", "'x'", "variance", "--loss poisson", "--loss mean_squared"):
        assert told in finding.message


def test_positive_amounts_of_many_sizes_are_told() -> None:
    loss, (finding,) = find_shape(pl.Series("y", np.exp(2.0 + X + RNG.normal(size=2_000))), COLUMNS)
    assert (loss, finding.code) == ("mean_squared_log", "skewed")


@pytest.mark.parametrize(
    "values",
    [
        X,
        1_000.0 + X,
        np.exp(X) - 0.5,
        RNG.poisson(200.0, 2_000) * 1.0,
        np.rint(np.exp(0.5 * X) * 50_000),
        np.rint(30.0 + 5.0 * X + np.abs(RNG.normal(size=2_000)) ** 3),
    ],
    ids=["negative", "far from nought", "skewed and negative", "near normal", "whole prices", "one spread everywhere"],
)
def test_plain_numbers_are_left_alone(values: Array) -> None:
    assert loss_of(values) == ""


def test_few_rows_are_no_evidence() -> None:
    assert find_shape(pl.Series("y", [0.0, 1.0, 9.0]), COLUMNS.head(3)) == ("", ())


def test_unknown_targets_are_left_out() -> None:
    values = pl.Series("y", RNG.poisson(np.exp(1.0 + 0.6 * X)).astype(np.float64))
    assert find_shape(values.set(pl.Series(X > 1.0), None), COLUMNS)[0] == "poisson"


def test_a_negative_count_is_refused_with_its_row() -> None:
    with pytest.raises(
        TargetError, match=r"'y', row 12: -3 \(1 such cells\); --loss poisson needs values of 0 or more"
    ):
        refuse_unfit(pl.Series("y", ["0", "-3"]), "poisson", rows=np.array([9, 11]))


def test_a_nought_is_no_amount() -> None:
    with pytest.raises(TargetError, match="above 0"):
        refuse_unfit(pl.Series("y", [1.0, 0.0]), "mean_squared_log")


def test_other_losses_take_any_number() -> None:
    refuse_unfit(pl.Series("y", [-1.0, 0.0]), "huber")


def test_skewness_is_the_third_standardised_moment() -> None:
    assert skewness(np.array([0.0, 0.0, 3.0])) == pytest.approx(1 / np.sqrt(2))
    assert skewness(np.ones(5)) == 0.0
