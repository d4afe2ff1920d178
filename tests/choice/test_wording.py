"""Figures in words: the digits that the evidence bears, in the unit that people use."""

from __future__ import annotations

import math

import pytest

from archwise.choice.wording import (
    amount,
    difference_words,
    gap_words,
    interval_words,
    join,
    ms_words,
    plural,
    score_words,
)
from archwise.records import Array, Comparison, Metric


def score_of_none(truth: Array, outputs: Array, weights: Array) -> Array:
    raise AssertionError("words need no scores")


AUC = Metric("roc_auc", True, score_of_none)
RMSE = Metric("rmse", False, score_of_none)
NATS = Metric("log_loss", False, score_of_none, "nats")


def between(low: float, middle: float, high: float) -> Comparison:
    return Comparison("a", "b", middle, low, high, 500)


@pytest.mark.parametrize(
    ("metric", "value", "told"),
    [
        (AUC, 0.91234567, "0.9123"),
        (AUC, 1.0, "1.0000"),
        (RMSE, 12345.678, "12,346"),
        (RMSE, 0.00123456, "0.001235"),
        (RMSE, 3.0, "3"),
        (RMSE, math.inf, "unknown"),
        (RMSE, math.nan, "unknown"),
    ],
)
def test_a_score_has_four_digits(metric: Metric, value: float, told: str) -> None:
    assert score_words(metric, value) == told


@pytest.mark.parametrize(
    ("metric", "found", "difference", "interval"),
    [
        pytest.param(AUC, between(0.001, 0.004, 0.007), "0.40 points", "0.10 to 0.70", id="shares in points"),
        pytest.param(AUC, between(-0.02, 0.01, 0.04), "1.0 points", "-2.0 to 4.0", id="wide"),
        pytest.param(AUC, between(0.1, 0.25, 0.4), "25 points", "10 to 40", id="large"),
        pytest.param(NATS, between(0.011, 0.02, 0.029), "0.020 nats", "0.011 to 0.029", id="units"),
        pytest.param(RMSE, between(1_100.0, 2_345.6, 3_600.0), "2,346 rmse", "1,100 to 3,600", id="thousands"),
        pytest.param(AUC, between(-0.014, 0.0001, 0.0142), "", "-1.4 to 1.4", id="nought in the digits shown"),
        pytest.param(AUC, between(-0.0001, 0.014, 0.0281), "1.4 points", "0.0 to 2.8", id="no minus before nought"),
        pytest.param(RMSE, between(1e-9, 2e-9, 3e-9), "2.0e-09 rmse", "1.0e-09 to 3.0e-09", id="tiny"),
        pytest.param(AUC, between(0.0, 0.0, 0.0), "", "0 to 0", id="twins"),
        pytest.param(AUC, between(-math.inf, 0.031, math.inf), "3.1 points", "unknown to unknown", id="no interval"),
    ],
)
def test_a_difference_has_the_digits_that_its_interval_bears(
    metric: Metric, found: Comparison, difference: str, interval: str
) -> None:
    assert difference_words(metric, found) == difference
    assert interval_words(metric, found) == f"95 % interval {interval}"


def test_the_size_of_a_difference_has_no_sign() -> None:
    assert difference_words(AUC, between(-0.07, -0.04, -0.01)) == "4.0 points"


@pytest.mark.parametrize(
    ("metric", "gap", "told"),
    [
        (AUC, 0.004, "0.40 points worse than"),
        (AUC, -0.012, "1.2 points better than"),
        (AUC, 0.0, "the same as"),
        (AUC, 0.00001, "the same as"),
        (RMSE, 3.21, "3.2 rmse worse than"),
        (RMSE, 0.0, "the same as"),
        (RMSE, math.inf, "not to be compared with the score"),
    ],
)
def test_a_gap_is_worse_or_better_or_none(metric: Metric, gap: float, told: str) -> None:
    assert gap_words(metric, gap) == told


def test_one_is_singular_and_the_rest_are_plural() -> None:
    assert [plural(count, "row") for count in (0, 1, 2, 4_884)] == ["0 rows", "1 row", "2 rows", "4,884 rows"]


def test_a_large_count_is_rounded_up_to_two_digits() -> None:
    assert [amount(value) for value in (0.2, 7.3, 99.5, 501, 1_234, 123_456)] == [
        "1", "8", "100", "510", "1,300", "130,000",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
        (["a", "b", "c", "d"], "a, b, c and 1 more"),
        (["a", "b", "c", "d", "e"], "a, b, c and 2 more"),
    ],
)
def test_names_are_joined_as_in_a_sentence(names: list[str], told: str) -> None:
    assert join(names, most=3) == told


@pytest.mark.parametrize(("ms", "told"), [(0.0131, "0.013"), (9.44, "9.4"), (128.4, "128"), (1_234.5, "1,234")])
def test_times_are_told_without_powers_of_ten(ms: float, told: str) -> None:
    assert ms_words(ms) == told
