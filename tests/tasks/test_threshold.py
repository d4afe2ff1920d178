"""The threshold of two classes: against brute force, and what it does to answers and metrics."""

from __future__ import annotations

import numpy as np
import pytest

from archwise.records import Array
from archwise.tasks import task
from archwise.tasks.calibration import softmax
from archwise.tasks.threshold import best_threshold, merit, tally_at

TASK = task("classify")
STATE = {"classes": ["no", "yes"], "counts": [4, 1], "positive": 1}
RULES = ("f1", "balanced_accuracy", "cost:5:1")


def make_rows(n: int = 400, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    targets = (rng.random(n) < 0.2).astype(np.int64)
    margins = (2.0 * targets - 2.0 + rng.normal(size=n)).round(2)
    return np.stack([-0.5 * margins, 0.5 * margins], axis=1).astype(np.float32), targets


def merit_of(rule: str, targets: Array, said: Array) -> float:
    """What the rule says, by the task's own metrics, or by counting."""
    if rule.startswith("cost"):
        return -float((5.0 * (targets & ~said) + 1.0 * (~targets.astype(bool) & said)).mean())
    metric = next(metric for metric in TASK.metrics(STATE) if metric.name == rule)
    return float(metric.score(targets, np.eye(2)[said.astype(int)], np.ones((1, len(targets))))[0])


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("seed", range(4))
def test_no_threshold_is_better_by_the_rule(rule: str, seed: int) -> None:
    outputs, targets = make_rows(seed=seed)
    shares = softmax(outputs)[:, 1]
    tried = [merit_of(rule, targets, shares >= at) for at in (0.0, *np.unique(shares), 1.1)]
    found = merit_of(rule, targets, shares >= best_threshold(shares, targets == 1, rule))
    assert found == pytest.approx(max(tried), abs=1e-12)


@pytest.mark.parametrize("rule", RULES)
def test_the_merit_of_a_tally_is_that_of_the_metric(rule: str) -> None:
    outputs, targets = make_rows()
    shares = softmax(outputs)[:, 1]
    told = merit(tally_at(shares, targets == 1, 0.3), rule)[0]
    assert told == pytest.approx(merit_of(rule, targets, shares >= 0.3))


def test_of_equal_thresholds_the_nearest_to_one_half_is_taken() -> None:
    shares = np.array([0.1, 0.2, 0.9])
    assert best_threshold(shares, np.array([False, False, True]), "f1") == pytest.approx(0.55)


def test_a_dear_miss_lowers_the_threshold_and_a_dear_alarm_raises_it() -> None:
    outputs, targets = make_rows(4_000)
    shares = softmax(outputs)[:, 1]
    assert best_threshold(shares, targets == 1, "cost:9:1") < best_threshold(shares, targets == 1, "cost:1:9")


@pytest.mark.parametrize("positive", [0, 1])
def test_the_positive_class_is_answered_from_the_threshold_on(positive: int) -> None:
    outputs, targets = make_rows()
    state = {**STATE, "positive": positive}
    calibration = TASK.cut(state, TASK.calibrate(state, outputs, targets), outputs, targets, "cost:5:1")
    answers = TASK.answers(state, calibration, outputs)
    name = state["classes"][positive]
    said = answers["prediction"] == name
    assert (said == (answers[f"p:{name}"] >= calibration["threshold"])).all()
    assert calibration["threshold"] != 0.5


def test_metrics_of_labels_see_the_threshold_and_metrics_of_probabilities_do_not() -> None:
    outputs, targets = make_rows()
    plain = TASK.calibrate(STATE, outputs, targets)
    cut = TASK.cut(STATE, plain, outputs, targets, "f1")
    ones = np.ones((1, len(targets)))
    scores = {
        metric.name: [
            float(metric.score(targets, TASK.served(each, outputs, metric), ones)[0]) for each in (plain, cut)
        ]
        for metric in TASK.metrics(STATE)
    }
    assert scores["f1"][1] > scores["f1"][0]
    assert scores["roc_auc"][0] == scores["roc_auc"][1]
    assert scores["log_loss"][0] == scores["log_loss"][1]


def test_label_sets_hold_nine_of_ten_also_around_the_labels_of_a_threshold() -> None:
    held = []
    for seed in range(60):
        outputs, targets = make_rows(1_000, seed=seed)
        calibration = TASK.cut(STATE, TASK.calibrate(STATE, outputs, targets), outputs, targets, "cost:20:1")
        held.append(TASK.check(STATE, calibration, *make_rows(1_000, seed=1_000 + seed))["n_held"] / 1_000)
    assert np.mean(held) == pytest.approx(0.9, abs=0.015)


def test_the_facts_tell_of_the_rule_and_what_it_brought() -> None:
    outputs, targets = make_rows()
    calibration = TASK.cut(STATE, TASK.calibrate(STATE, outputs, targets), outputs, targets, "f1")
    facts = TASK.check(STATE, calibration, outputs, targets)
    assert (facts["rule"], facts["positive"]) == ("f1", "yes")
    assert facts["merit"][1] >= facts["merit"][0]
