"""Label sets and intervals: they hold the truth as often as they say, by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from archwise.records import Array
from archwise.tasks import task
from archwise.tasks.conformal import half_width_of, half_widths, set_floor

CLASSIFY, REGRESS = task("classify"), task("regress")
STATE = {"classes": ["a", "b", "c"], "counts": [1, 1, 1], "positive": 1}
NUMBERS = {"mean": 5.0, "scale": 2.0}


def make_rows(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Logits of three classes, twice as sure as they should be, and the classes."""
    logits = 1.5 * rng.normal(size=(n, 3))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    targets = (shares.cumsum(axis=1) < rng.random((n, 1))).sum(axis=1)
    return (2.0 * logits).astype(np.float32), targets.astype(np.int64)


def fanning(n: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Predictions, and truths whose spread grows with them."""
    predictions = rng.normal(size=n)
    return predictions[:, None], predictions + rng.normal(size=n) * np.exp(0.5 * predictions)


@pytest.mark.parametrize("n", [50, 1_000])
def test_label_sets_hold_nine_of_ten_new_rows(n: int) -> None:
    rng = np.random.default_rng(0)
    held = []
    for _ in range(150):
        outputs, targets = make_rows(n, rng)
        calibration = CLASSIFY.calibrate(STATE, outputs, targets)
        held.append(CLASSIFY.check(STATE, calibration, *make_rows(500, rng))["n_held"] / 500)
    assert np.mean(held) == pytest.approx(0.9, abs=0.015)


def test_the_answered_label_is_always_in_its_set() -> None:
    outputs, targets = make_rows(1_000, np.random.default_rng(0))
    calibration = CLASSIFY.calibrate(STATE, outputs, targets)
    held = CLASSIFY.sets(STATE, calibration, outputs)
    assert held[np.arange(len(held)), outputs.argmax(axis=1)].all()


def test_with_too_few_rows_every_label_is_in_the_set() -> None:
    shares = np.full((8, 2), 0.5)
    assert set_floor(shares, np.zeros(8, int), np.zeros(8, int)) == 0.0


def test_the_answered_label_stands_alone_where_it_is_right_often_enough() -> None:
    outputs = np.tile(np.array([[1.0, 0.0, -1.0]], np.float32), (100, 1))
    targets = np.zeros(100, np.int64)
    targets[:5] = 1
    calibration = CLASSIFY.calibrate(STATE, outputs, targets)
    assert CLASSIFY.sets(STATE, calibration, outputs).sum() == 100


def test_intervals_hold_nine_of_ten_new_rows_also_where_the_spread_grows() -> None:
    rng = np.random.default_rng(1)
    held = []
    for _ in range(40):
        calibration = REGRESS.calibrate(NUMBERS, *fanning(2_000, rng))
        held.append(REGRESS.check(NUMBERS, calibration, *fanning(1_000, rng))["n_held"] / 1_000)
    assert np.mean(held) == pytest.approx(0.9, abs=0.01)


def test_intervals_widen_with_the_spread() -> None:
    rng = np.random.default_rng(2)
    calibration = REGRESS.calibrate(NUMBERS, *fanning(4_000, rng))
    answers = REGRESS.answers(NUMBERS, calibration, np.array([[-2.0], [2.0]]))
    narrow, wide = answers["high"] - answers["low"]
    assert wide > 3 * narrow


def test_each_range_holds_nine_of_ten() -> None:
    rng = np.random.default_rng(3)
    calibration = REGRESS.calibrate(NUMBERS, *fanning(4_000, rng))
    outputs, targets = fanning(40_000, rng)
    widths = half_width_of(calibration, outputs[:, 0])
    held = np.abs(outputs[:, 0] - targets) * NUMBERS["scale"] <= widths
    for part in (outputs[:, 0] < -1, outputs[:, 0] > 1):
        assert held[part].mean() == pytest.approx(0.9, abs=0.03)


def test_an_even_spread_keeps_one_width() -> None:
    rng = np.random.default_rng(4)
    taken = [len(half_widths(rng.normal(size=2_000), np.abs(rng.normal(size=2_000)))) > 2 for _ in range(10)]
    assert sum(taken) <= 1


def test_few_rows_and_equal_predictions_keep_one_width() -> None:
    distances = np.abs(np.random.default_rng(5).normal(size=2_000))
    assert "edges" not in half_widths(np.zeros(2_000), distances)
    assert "edges" not in half_widths(np.arange(300.0), distances[:300])


def test_a_calibration_without_ranges_still_serves() -> None:
    answers = REGRESS.answers(NUMBERS, {"half_width": 3.0, "coverage": 0.9}, np.array([[1.0]]))
    assert (answers["low"].tolist(), answers["high"].tolist()) == ([4.0], [10.0])
