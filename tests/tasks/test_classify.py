"""Classify: labels to targets and back, and honest probabilities."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from archwise.errors import TargetError, UsageError
from archwise.tasks import main_metric, task
from archwise.tasks.scores import row_log_loss

TASK = task("classify")
LABELS = pl.Series("income", ["<=50K", ">50K", "<=50K", "<=50K"])
STATE = TASK.encode_fit(LABELS)


def test_classes_are_sorted_and_counted_and_the_rarer_is_positive() -> None:
    assert STATE == {"classes": ["<=50K", ">50K"], "counts": [3, 1], "positive": 1}
    assert TASK.encode_fit(pl.Series(["b", "b", "a"]))["positive"] == 0


def test_decoding_inverts_targets() -> None:
    codes = TASK.encode(STATE, LABELS)
    answers = TASK.answers(STATE, {}, np.eye(2, dtype=np.float32)[codes])
    assert codes.dtype == np.int64
    assert answers["prediction"].tolist() == LABELS.to_list()
    assert list(answers) == ["prediction", "p:<=50K", "p:>50K"]


def test_labels_that_are_numbers_are_compared_as_text() -> None:
    state = TASK.encode_fit(pl.Series([2, 1, 2]))
    assert TASK.encode(state, pl.Series(["1", "2"])).tolist() == [0, 1]


def test_an_unseen_label_is_named_with_its_row_and_the_nearest_known() -> None:
    with pytest.raises(TargetError) as error:
        TASK.encode(STATE, pl.Series("income", ["<=50K", "<=50K."]))
    for told in ("'income'", "row 2", "'<=50K.'", "'>50K'", "Did you mean '<=50K'?"):
        assert told in str(error.value)


def test_a_missing_label_is_named_with_its_row() -> None:
    with pytest.raises(TargetError, match="row 2: the label is missing"):
        TASK.encode(STATE, pl.Series("income", ["<=50K", None]))


def test_a_target_of_one_class_is_refused() -> None:
    with pytest.raises(TargetError, match="only the class 'a'"):
        TASK.encode_fit(pl.Series("y", ["a", "a"]))


def test_probabilities_are_the_softmax_in_float64_and_sum_to_one() -> None:
    outputs = np.array([[1000.0, 0.0], [0.0, np.log(3.0)]], np.float32)
    answers = TASK.answers(STATE, {"temperature": 1.0}, outputs)
    np.testing.assert_allclose(answers["p:>50K"], [0.0, 0.75], atol=1e-7)
    np.testing.assert_allclose(answers["p:<=50K"] + answers["p:>50K"], 1.0, rtol=1e-12)


def test_calibration_finds_the_temperature_that_the_logits_were_made_with() -> None:
    generator = np.random.default_rng(0)
    logits = 2.0 * generator.normal(size=(20_000, 3))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    targets = (shares.cumsum(axis=1) < generator.random((20_000, 1))).sum(axis=1)
    found = TASK.calibrate({"classes": ["a", "b", "c"]}, (3.0 * logits).astype(np.float32), targets)
    assert found["temperature"] == pytest.approx(3.0, rel=0.03)


def test_no_other_temperature_is_more_likely() -> None:
    generator = np.random.default_rng(1)
    logits = generator.normal(size=(300, 2)).astype(np.float32)
    targets = (logits[:, 1] + generator.normal(size=300) > logits[:, 0]).astype(np.int64)
    best = TASK.calibrate(STATE, logits, targets)["temperature"]
    tried = [row_log_loss(targets, logits / at).mean() for at in np.geomspace(0.1, 10, 200)]
    assert row_log_loss(targets, logits / best).mean() <= min(tried) + 1e-12


def test_the_temperature_stays_in_bounds_where_every_answer_is_right() -> None:
    logits = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    assert 0.1 <= TASK.calibrate(STATE, logits, np.array([0, 1]))["temperature"] < 1.0


def test_logits_that_say_nothing_keep_the_temperature_at_one() -> None:
    found = TASK.calibrate(STATE, np.zeros((4, 2), np.float32), np.array([0, 1, 0, 1]))
    assert found["temperature"] == 1.0


def test_the_area_under_the_curve_decides_for_two_classes_and_accuracy_for_more() -> None:
    assert main_metric(TASK, STATE).name == "roc_auc"
    assert main_metric(TASK, {"classes": ["a", "b", "c"], "positive": 1}).name == "accuracy"
    assert main_metric(TASK, STATE, "f1").name == "f1"


def test_a_misspelt_metric_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match="Did you mean 'accuracy'"):
        main_metric(TASK, STATE, "acuracy")


GRADES = pl.Series("grade", ["low", "high", "mid", "low", "mid", "low"])
ORDERED = TASK.aim(TASK.encode_fit(GRADES), "ordinal", ("low", "mid", "high", "superb"))


def test_ordered_classes_are_numbered_in_their_order() -> None:
    assert (ORDERED["classes"], ORDERED["counts"]) == (["low", "mid", "high"], [3, 2, 1])
    assert TASK.encode(ORDERED, GRADES).tolist() == [0, 2, 1, 0, 1, 0]


def test_ordered_classes_are_also_judged_by_their_ranks() -> None:
    names = [metric.name for metric in TASK.metrics(ORDERED)]
    assert names == ["accuracy", "balanced_accuracy", "f1", "log_loss", "quadratic_kappa", "rank_error"]


def test_of_two_ordered_classes_the_positive_is_the_same_label() -> None:
    state = TASK.encode_fit(pl.Series(["no", "yes", "no"]))
    ordered = TASK.aim(state, "ordinal", ("yes", "no"))
    assert ordered["classes"][ordered["positive"]] == state["classes"][state["positive"]] == "yes"


def test_an_ordinal_head_begins_at_the_share_of_each_class() -> None:
    import torch

    head = TASK.head(4, {**ORDERED, "loss": "ordinal"})
    np.testing.assert_allclose(head(torch.zeros(1, 4)).exp().detach().numpy(), [[3 / 6, 2 / 6, 1 / 6]], rtol=1e-5)
