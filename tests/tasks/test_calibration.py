"""Honest probabilities: the isotonic map against scikit-learn, when it is taken, and that nothing contradicts it."""

from __future__ import annotations

import numpy as np
import pytest

from archwise.records import Array
from archwise.tasks import task
from archwise.tasks.calibration import (
    MOST_ROWS,
    brier_score,
    calibrated,
    expected_calibration_error,
    fit_calibration,
    isotonic_knots,
    pool_adjacent,
    softmax,
)

TASK = task("classify")
STATE = {"classes": ["no", "yes"], "counts": [1, 1], "positive": 1}


def make_rows(n: int, *, bent: bool, seed: int = 0) -> tuple[Array, Array]:
    """Logits of two classes, true ones or bent so that no temperature can straighten them, and the classes."""
    rng = np.random.default_rng(seed)
    margins = 2.0 * rng.normal(size=n)
    true = np.where(margins > 0, 0.4 * margins, 1.6 * margins) + 0.5 if bent else margins
    targets = (rng.random(n) < 1.0 / (1.0 + np.exp(-true))).astype(np.int64)
    return np.stack([-0.5 * margins, 0.5 * margins], axis=1).astype(np.float32), targets


@pytest.mark.parametrize("seed", range(5))
def test_pooled_values_are_those_of_scikit_learn(seed: int) -> None:
    from sklearn.isotonic import IsotonicRegression

    rng = np.random.default_rng(seed)
    values, weights = rng.integers(0, 2, 300) + 0.01 * rng.normal(size=300), rng.integers(1, 5, 300).astype(float)
    expected = IsotonicRegression().fit(np.arange(300), values, sample_weight=weights).predict(np.arange(300))
    means, sizes = pool_adjacent(values, weights)
    np.testing.assert_allclose(np.repeat(means, sizes), expected, rtol=1e-9)
    assert (np.diff(means) > 0).all()


def test_the_map_goes_through_the_middles_of_scikit_learns_steps() -> None:
    from sklearn.isotonic import IsotonicRegression

    outputs, targets = make_rows(5_000, bent=True)
    margins = outputs[:, 1].astype(np.float64) - outputs[:, 0]
    steps = IsotonicRegression(out_of_bounds="clip").fit(margins, targets)
    knots = isotonic_knots(margins, targets)
    inner = slice(1, -1)
    shares = 1.0 / (1.0 + np.exp(-np.array(knots["logits"])[inner]))
    np.testing.assert_allclose(shares, steps.predict(np.array(knots["margins"])[inner]), rtol=1e-6)


def test_an_isotonic_map_is_taken_where_no_temperature_helps_and_is_more_likely_on_new_rows() -> None:
    found = fit_calibration(*make_rows(6_000, bent=True))
    outputs, targets = make_rows(6_000, bent=True, seed=1)
    assert "isotonic" in found
    metric = next(metric for metric in TASK.metrics(STATE) if metric.name == "log_loss")
    ones = np.ones((1, len(targets)))
    with_map = metric.score(targets, TASK.served(found, outputs, metric), ones)
    assert with_map < metric.score(targets, TASK.served({"temperature": found["temperature"]}, outputs, metric), ones)


def test_logits_that_are_true_keep_the_temperature() -> None:
    taken = ["isotonic" in fit_calibration(*make_rows(3_000, bent=False, seed=seed)) for seed in range(10)]
    assert sum(taken) <= 1


def test_very_many_rows_are_calibrated_by_a_part_of_them_the_same_each_time() -> None:
    outputs, targets = make_rows(MOST_ROWS + 1_000, bent=False)
    found = fit_calibration(outputs, targets)
    assert found == fit_calibration(outputs, targets)
    assert found["temperature"] == pytest.approx(1.0, abs=0.02)


def test_few_rows_of_a_class_keep_the_temperature() -> None:
    outputs, targets = make_rows(1_900, bent=True)
    assert list(fit_calibration(outputs, targets)) == ["temperature"]


def test_the_map_keeps_the_order_of_rows_and_is_never_certain() -> None:
    calibration = fit_calibration(*make_rows(6_000, bent=True))
    margins = np.linspace(-30, 30, 2_001)
    shares = softmax(calibrated(calibration, np.stack([-0.5 * margins, 0.5 * margins], axis=1)))[:, 1]
    assert (np.diff(shares) > 0).all()
    assert 0.0 < shares[0] < 1e-3
    assert 1.0 > shares[-1] > 0.9


def test_knots_rise_also_where_a_block_holds_one_class_only() -> None:
    knots = isotonic_knots(np.array([0.0, 1.0, 2.0, 3.0]), np.array([0, 0, 1, 1]))
    assert np.isfinite(knots["logits"]).all()
    assert knots["margins"] == [0.5, 2.5]
    assert knots["logits"][0] < 0 < knots["logits"][1]


def test_the_prediction_is_the_label_of_the_highest_probability() -> None:
    outputs, targets = make_rows(6_000, bent=True)
    calibration = TASK.calibrate(STATE, outputs, targets)
    answers = TASK.answers(STATE, calibration, outputs)
    assert "isotonic" in calibration
    assert ((answers["prediction"] == "yes") == (answers["p:yes"] > 0.5)).all()
    assert (outputs.argmax(axis=1) != (answers["prediction"] == "yes")).any()  # the map moved some across one half


def test_accuracy_judges_the_labels_that_are_answered() -> None:
    outputs, targets = make_rows(6_000, bent=True)
    calibration = TASK.calibrate(STATE, outputs, targets)
    metric = next(metric for metric in TASK.metrics(STATE) if metric.name == "accuracy")
    told = TASK.answers(STATE, calibration, outputs)["prediction"] == np.array(["no", "yes"])[targets]
    score = metric.score(targets, TASK.served(calibration, outputs, metric), np.ones((1, len(targets))))
    assert score[0] == pytest.approx(told.mean())


def test_the_calibration_error_is_the_published_one() -> None:
    shares = np.array([[0.9, 0.1], [0.9, 0.1], [0.35, 0.65], [0.3, 0.7]])
    # bins of a fifteenth: two rows at 0.9 (one right), one at 0.65 (right), one at 0.7 (wrong)
    expected = (abs(1 - 1.8) + abs(1 - 0.65) + abs(0 - 0.7)) / 4
    assert expected_calibration_error(shares, np.array([0, 1, 1, 0])) == pytest.approx(expected)


def test_the_brier_score_of_two_classes_is_scikit_learns() -> None:
    from sklearn.metrics import brier_score_loss

    outputs, targets = make_rows(200, bent=False)
    shares = softmax(outputs)
    assert brier_score(shares, targets) == pytest.approx(brier_score_loss(targets, shares[:, 1]))


def test_the_brier_score_of_more_classes_sums_over_them() -> None:
    assert brier_score(np.array([[0.5, 0.25, 0.25]]), np.array([0])) == pytest.approx(0.25 + 2 * 0.0625)


def test_calibration_lowers_the_error_that_new_rows_show() -> None:
    outputs, targets = make_rows(6_000, bent=True)
    calibration = TASK.calibrate(STATE, outputs, targets)
    facts = TASK.check(STATE, calibration, *make_rows(6_000, bent=True, seed=1))
    for before, after in (facts["ece"], facts["brier"]):
        assert after < before
