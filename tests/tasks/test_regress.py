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
