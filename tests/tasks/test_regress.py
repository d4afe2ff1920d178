"""Regress: numbers to targets and back, and intervals that hold what they say."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from archwise.errors import TargetError
from archwise.tasks import main_metric, task

TASK = task("regress")
VALUES = pl.Series("price", [10.0, 20.0, 60.0])
STATE = TASK.encode_fit(VALUES)


def test_decoding_inverts_targets() -> None:
    targets = TASK.encode(STATE, VALUES)
    assert targets.dtype == np.float32
    np.testing.assert_allclose(TASK.answers(STATE, {}, targets[:, None])["prediction"], VALUES.to_numpy(), rtol=1e-6)


def test_targets_of_training_are_standardised() -> None:
    targets = TASK.encode(STATE, VALUES)
    assert targets.mean() == pytest.approx(0.0, abs=1e-6)
    assert targets.std() == pytest.approx(1.0)


@pytest.mark.parametrize("bad", [None, float("nan"), float("inf")])
def test_a_value_that_is_not_finite_is_named_with_its_row(bad: float | None) -> None:
    with pytest.raises(TargetError, match="'price', row 2"):
        TASK.encode(STATE, pl.Series("price", [1.0, bad]))


def test_a_target_that_never_varies_is_refused() -> None:
    with pytest.raises(TargetError, match=r"is 0\.1 in every training row"):
        TASK.encode_fit(pl.Series("price", [0.1, 0.1, 0.1]))


def test_the_half_width_is_the_published_order_statistic() -> None:
    distances = np.arange(1.0, 100.0, dtype=np.float32)  # 99 rows: the 90th of 100 places
    found = TASK.calibrate({"scale": 2.0}, distances[:, None], np.zeros(99, np.float32))
    assert found == {"half_width": 2.0 * 90.0, "coverage": 0.9}


def test_with_few_rows_the_half_width_is_the_largest_distance() -> None:
    found = TASK.calibrate({"scale": 1.0}, np.array([[1.0], [-3.0]], np.float32), np.zeros(2, np.float32))
    assert found["half_width"] == 3.0


def test_intervals_hold_nine_of_ten_new_rows() -> None:
    generator = np.random.default_rng(0)
    held = []
    for _ in range(200):
        noise = generator.standard_t(3, size=300).astype(np.float32)
        calibration = TASK.calibrate(STATE, noise[:200, None], np.zeros(200, np.float32))
        answers = TASK.answers(STATE, calibration, noise[200:, None])
        held.append(((answers["low"] <= STATE["mean"]) & (STATE["mean"] <= answers["high"])).mean())
    assert np.mean(held) == pytest.approx(0.9, abs=0.01)


def test_the_root_mean_squared_error_decides_in_the_targets_units() -> None:
    metric = main_metric(TASK, STATE)
    targets = TASK.encode(STATE, VALUES)
    outputs = TASK.encode(STATE, VALUES + 5.0)[:, None]
    assert metric.name == "rmse"
    np.testing.assert_allclose(metric.score(targets, outputs, np.ones((1, 3))), [5.0], rtol=1e-6)


COUNTS = pl.Series("rings", [0.0, 1.0, 4.0, 11.0])
OF_COUNTS = TASK.aim(TASK.encode_fit(COUNTS), "poisson", ())


def test_counts_know_their_nought_among_standardised_targets() -> None:
    assert OF_COUNTS["zero"] == pytest.approx(TASK.encode(OF_COUNTS, COUNTS)[0])
    assert [metric.name for metric in TASK.metrics(OF_COUNTS)][3:] == ["poisson_deviance", "rmsle"]


def test_a_plain_loss_leaves_the_state_as_it_is() -> None:
    assert TASK.aim(STATE, "huber", ()) == STATE


@pytest.mark.parametrize(
    ("loss", "value", "told"), [("poisson", -1.0, "0 or more"), ("mean_squared_log", 0.0, "above")]
)
def test_a_value_that_the_loss_cannot_learn_is_named_with_its_row(loss: str, value: float, told: str) -> None:
    state = TASK.aim(TASK.encode_fit(COUNTS), loss, ())
    with pytest.raises(TargetError, match=rf"'rings', row 2: {value:g} is not .*{told}.*--loss mean_squared"):
        TASK.encode(state, pl.Series("rings", [1.0, value]))


def test_expected_counts_and_their_intervals_are_never_negative() -> None:
    outputs = TASK.encode(OF_COUNTS, COUNTS)[:, None] - 0.5
    calibration = TASK.calibrate(OF_COUNTS, outputs, TASK.encode(OF_COUNTS, COUNTS))
    answers = TASK.answers(OF_COUNTS, calibration, outputs)
    assert answers["prediction"].min() == answers["low"].min() == 0.0


def test_metrics_see_counts_as_they_are_answered() -> None:
    calibration = {"floor": -1.0}
    metric = main_metric(TASK, OF_COUNTS)
    np.testing.assert_array_equal(TASK.served(calibration, np.array([[-2.0], [0.5]]), metric), [[-1.0], [0.5]])


def test_learnt_intervals_are_widened_by_the_published_order_statistic() -> None:
    outputs = np.tile(np.array([[0.0, -1.0, 1.0]], np.float32), (99, 1))
    targets = np.arange(1.0, 100.0, dtype=np.float32)  # beyond the high end by 0 to 98
    found = TASK.calibrate({"scale": 2.0}, outputs, targets)
    assert found == {"offset": 2.0 * 89.0, "coverage": 0.9}


def test_learnt_intervals_hold_nine_of_ten_new_rows_however_they_were_learnt() -> None:
    generator = np.random.default_rng(0)
    held = []
    for _ in range(200):
        spread = generator.uniform(0.2, 3.0, 300)
        outputs = np.stack([0 * spread, -spread, spread], axis=1).astype(np.float32)  # too narrow as they stand
        truth = (generator.normal(size=300) * spread).astype(np.float32)
        calibration = TASK.calibrate(STATE, outputs[:200], truth[:200])
        facts = TASK.check(STATE, calibration, outputs[200:], truth[200:])
        held.append(facts["n_held"] / 100)
    assert np.mean(held) == pytest.approx(0.9, abs=0.01)


def test_a_learnt_interval_holds_its_prediction_even_when_it_is_drawn_in() -> None:
    answers = TASK.answers(STATE, {"offset": -100.0}, np.array([[0.0, -0.1, 0.1]], np.float32))
    assert answers["low"] == answers["prediction"] == answers["high"]


@pytest.mark.parametrize(("loss", "width"), [("quantiles", 3), ("poisson", 1), ("mean_squared_log", 1), ("", 1)])
def test_a_head_begins_at_the_mean(loss: str, width: int) -> None:
    import torch

    head = TASK.head(4, {**OF_COUNTS, "loss": loss}).eval()
    answered = head(torch.zeros(2, 4)).detach().numpy()
    assert answered.shape == (2, width)
    np.testing.assert_allclose(answered[:, 0], 0.0, atol=1e-6)
