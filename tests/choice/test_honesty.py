"""What is said of probabilities, sets, intervals and thresholds on the sealed rows."""

from __future__ import annotations

import pytest

from archwise.choice.honesty import honesty_words, refuse_threshold, share_interval
from archwise.errors import UsageError
from archwise.records import Profile

CLASSES = {"calibration": "temperature", "ece": [0.03, 0.01], "brier": [0.2, 0.1], "coverage": 0.9, "size": 1.25}


@pytest.mark.parametrize(("n_held", "n_rows"), [(0, 10), (10, 10), (3_699, 4_128), (50, 60)])
def test_the_interval_of_a_share_is_wilsons(n_held: int, n_rows: int) -> None:
    from scipy.stats import binomtest

    expected = binomtest(n_held, n_rows).proportion_ci(method="wilson")
    assert share_interval(n_held, n_rows) == pytest.approx((expected.low, expected.high))


def test_the_coverage_of_intervals_is_told_with_its_interval() -> None:
    low, high = share_interval(3_699, 4_128)
    facts = {"coverage": 0.9, "n_held": 3_699, "size": 1.5, "ranges": 10, "coverage_low": low, "coverage_high": high}
    assert honesty_words(facts, 4_128) == [
        "The 90 % intervals held 89.6 % of 4,128 sealed rows (95 % interval 88.6 to 90.5); they are 1.5 wide on "
        "average, of their own width in each of 10 ranges of the prediction."
    ]


def test_rows_that_are_not_independent_get_no_interval() -> None:
    told = honesty_words({**CLASSES, "n_held": 91}, 100)[0]
    assert told == "The 90 % label sets held 91.0 % of 100 sealed rows; they are 1.25 labels a row on average."


def test_calibration_is_told_before_and_after() -> None:
    told = honesty_words({**CLASSES, "n_held": 91}, 100)[1]
    assert "by a temperature" in told
    assert "0.0100 (0.0300 without), the Brier score 0.1000 (0.2000)" in told


def test_a_threshold_is_told_with_what_it_brings() -> None:
    rule = {"threshold": 0.2, "positive": "yes", "rule": "cost:5:1", "merit": [-0.7, -0.4]}
    told = honesty_words({**CLASSES, "n_held": 91, **rule}, 100)[-1]
    assert "'yes' is answered from a probability of 0.200 on" in told
    assert "the mean cost of a row on the sealed rows is 0.4000 (0.7000 at one half)" in told


@pytest.mark.parametrize(
    ("task_name", "classes", "told"),
    [("regress", (), "the task is regress"), ("classify", ("a", "b", "c"), "it has 3 classes")],
)
def test_a_threshold_without_two_classes_is_refused(task_name: str, classes: tuple[str, ...], told: str) -> None:
    with pytest.raises(UsageError, match=told):
        refuse_threshold("f1", Profile("data", 9, (), "y", task_name, "", classes))


def test_without_a_rule_nothing_is_refused() -> None:
    refuse_threshold("", Profile("data", 9, (), "y", "regress", ""))
