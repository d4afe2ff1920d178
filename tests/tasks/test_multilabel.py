"""Multilabel: cells to targets and back, probabilities label by label, and its metrics against scikit-learn."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from sklearn import metrics as reference

from archwise.errors import TargetError
from archwise.tasks import label_scores as scores
from archwise.tasks import main_metric, task

TASK = task("multilabel")
CELLS = pl.Series("tags", [";red;round;", ";", ";red;", "round"])
STATE = TASK.encode_fit(CELLS)
GENERATOR = np.random.default_rng(0)
LOGITS = GENERATOR.normal(size=(301, 3)).astype(np.float32)
TRUTH = (GENERATOR.random((301, 3)) < 1 / (1 + np.exp(-2 * LOGITS))).astype(np.float32)
WEIGHTS = np.stack([np.ones(301), np.bincount(GENERATOR.integers(0, 301, 301), minlength=301)])


def test_labels_are_sorted_and_counted() -> None:
    assert STATE == {"labels": ["red", "round"], "counts": [2, 2], "n_rows": 4}


def test_decoding_inverts_targets() -> None:
    targets = TASK.encode(STATE, CELLS)
    assert targets.tolist() == [[1, 1], [0, 0], [1, 0], [0, 1]]
    answers = TASK.answers(STATE, {}, 10 * targets - 5)
    assert answers["prediction"].tolist() == ["red;round", "", "red", "round"]
    assert list(answers) == ["prediction", "p:red", "p:round"]


def test_a_label_that_training_lacked_is_left_out() -> None:
    assert TASK.encode(STATE, pl.Series([";red;blue;"])).tolist() == [[1, 0]]


def test_labels_that_training_never_saw_are_refused() -> None:
    with pytest.raises(TargetError, match="none of its labels was seen in training; known are 'red', 'round'"):
        TASK.encode(STATE, pl.Series("tags", [";blue;", ";"]))


@pytest.mark.parametrize(("cells", "told"), [([None, ";red;"], "row 1: the labels are missing"), ([";"], "no label")])
def test_a_target_that_cannot_be_learnt_is_refused(cells: list[str | None], told: str) -> None:
    with pytest.raises(TargetError, match=told):
        TASK.encode_fit(pl.Series("tags", cells, dtype=pl.String))


def test_a_head_begins_at_the_share_of_each_label() -> None:
    shares = TASK.head(3, {**STATE, "counts": [1, 3]})(torch.zeros(1, 3)).sigmoid()
    np.testing.assert_allclose(shares.detach().numpy(), [[1.5 / 5, 3.5 / 5]], rtol=1e-5)


def test_members_are_joined_by_their_mean_probability() -> None:
    logits = torch.from_numpy(GENERATOR.normal(size=(5, 4, 3)))
    assert TASK.join is not None
    torch.testing.assert_close(TASK.join(logits).sigmoid(), logits.sigmoid().mean(dim=1))


def test_each_label_has_its_own_temperature() -> None:
    calibration = TASK.calibrate(STATE, LOGITS * np.array([4.0, 1.0, 0.5]), TRUTH)
    first, second, third = calibration["temperatures"]
    assert first > second > third
    metric = main_metric(TASK, STATE, "log_loss")
    stretched = LOGITS * np.array([4.0, 1.0, 0.5])
    before, after = (metric.score(TRUTH, TASK.served(held, stretched, metric), WEIGHTS) for held in ({}, calibration))
    assert after[0] < before[0]


def test_the_metrics_agree_with_sklearn() -> None:
    for place, weights in enumerate(WEIGHTS):
        rows = np.repeat(np.arange(301), weights.astype(int))
        truth, said = TRUTH[rows], LOGITS[rows] >= 0
        shares = 1 / (1 + np.exp(-LOGITS[rows].astype(np.float64)))
        for found, expected in (
            (scores.macro_auc, reference.roc_auc_score(truth, LOGITS[rows], average="macro")),
            (scores.micro_f1, reference.f1_score(truth, said, average="micro")),
            (scores.subset_accuracy, reference.accuracy_score(truth, said)),
            (scores.hamming_loss, reference.hamming_loss(truth, said)),
            (scores.label_log_loss, -(np.log(np.where(truth > 0.5, shares, 1 - shares))).mean()),
        ):
            assert found(TRUTH, LOGITS, WEIGHTS)[place] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("metric", TASK.metrics(STATE), ids=lambda metric: metric.name)
def test_outputs_that_are_no_numbers_get_the_worst_value(metric: object) -> None:
    from archwise.records import Metric

    assert isinstance(metric, Metric)
    broken, fair = (metric.score(TRUTH, outputs, WEIGHTS[:1])[0] for outputs in (LOGITS * np.nan, LOGITS))
    assert metric.sign * broken < metric.sign * fair
