"""Limits of the choice, with made-up trials: who is taken instead, what is said, and when nobody fits."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from archwise.choice.limits import Written, choose_within, requirement
from archwise.choice.verdict import Sealed, decide
from archwise.config import Config
from archwise.errors import RaceError
from archwise.evidence import bootstrap_scores
from archwise.records import Candidate, Json, Metric, Plan, Trial, Verdict
from archwise.tasks import main_metric, task

REGRESS = task("regress")
STATE = {"mean": 0.0, "scale": 1.0}
METRIC = main_metric(REGRESS, STATE)
NOISE = {"linear": 1.0, "trees": 0.5, "perceptron": 0.52, "mlp": 0.5}  # the three at the end are near each other
SIZES_KB = {"linear": 1, "trees": 800, "perceptron": 20, "mlp": 300}
LATENCIES_MS = {"linear": 0.01, "trees": 0.5, "perceptron": 3.0, "mlp": 0.02}


def candidate(name: str) -> Candidate:
    return Candidate(name, (), Plan(), label=name)


class Choice:
    """A race that is over, of candidates that are all written and measured by a table."""

    def __init__(self) -> None:
        rng = np.random.default_rng(5)
        truth = rng.normal(size=200)
        self.outputs = [(truth + noise * rng.normal(size=200))[:, None] for noise in NOISE.values()]
        self.scores = bootstrap_scores(truth, self.outputs, METRIC, seed=0, n_resamples=200)
        self.written: list[str] = []
        self.measured: list[str] = []

    def trials(self) -> list[Trial]:
        parameters = {"linear": 3, "trees": 9, "perceptron": 10, "mlp": 1_000}
        return [
            Trial(candidate(name), 0, "done", score=float(point), n_parameters=parameters[name], outputs=given)
            for name, given, point in zip(NOISE, self.outputs, self.scores.point, strict=True)
        ]

    def decide(self, barred: frozenset[str]) -> Verdict | None:
        if len(barred) == len(NOISE):
            return None
        return decide(self.trials(), self.scores, METRIC, use_latency=False, barred=barred)

    def write(self, chosen: Candidate) -> Written:
        self.written.append(chosen.label)
        return Written(b"x" * 1_000 * SIZES_KB[chosen.label], None)

    def measure(self, chosen: Candidate, onnx: bytes) -> float:
        self.measured.append(chosen.label)
        return LATENCIES_MS[chosen.label]

    def within(self, **limits: str) -> tuple[Verdict, Written, Mapping[str, Json]]:
        return choose_within(Config(**limits), self.decide, write=self.write, measure=self.measure)


def test_without_limits_the_simplest_of_the_tie_is_taken_and_nothing_is_measured() -> None:
    choice = Choice()
    verdict, _, limits = choice.within()
    assert (verdict.chosen, limits) == ("trees", {})
    assert (choice.written, choice.measured) == (["trees"], [])


def test_a_limit_that_the_choice_keeps_changes_nothing_and_is_said() -> None:
    verdict, _, limits = Choice().within(size="1MB")
    assert verdict.chosen == "trees"
    assert "It keeps the limit of 1 MB: it takes 0.8 MB." in verdict.reasons
    assert limits["broken"] == []


def test_a_limit_on_size_alone_reads_no_clock() -> None:
    choice = Choice()
    choice.within(size="500kB")
    assert choice.measured == []


def test_the_next_simplest_of_the_tie_is_taken_where_the_first_is_too_big() -> None:
    verdict, written, _ = Choice().within(size="500kB")
    assert verdict.chosen == "perceptron"
    assert len(written.onnx) == 20_000
    told = " ".join(verdict.reasons)
    assert "The limit rules out what would have been chosen before it: trees (0.8 MB)." in told
    assert "perceptron is the simplest of them that keeps the limits" in told


def test_a_slow_candidate_is_passed_over_with_its_figures() -> None:
    choice = Choice()
    verdict, _, limits = choice.within(latency="100us", size="500kB")
    assert verdict.chosen == "mlp"
    assert choice.measured == ["trees", "perceptron", "mlp"]
    assert "trees (0.5 ms a row and 0.8 MB) and perceptron (3 ms a row and 0.02 MB)" in " ".join(verdict.reasons)
    assert limits["measured"] == {"label": "mlp", "size_mb": 0.3, "latency_ms": 0.02}


def test_where_no_tied_candidate_fits_the_best_of_the_rest_is_taken_and_what_it_costs_is_said() -> None:
    verdict, _, _ = Choice().within(size="5kB")
    assert verdict.chosen == "linear"
    assert verdict.candidate.id not in verdict.tied
    assert any(reason.startswith("It is 0.") and "which breaks a limit" in reason for reason in verdict.reasons)


def test_where_nobody_fits_everyone_is_named_with_the_figures() -> None:
    with pytest.raises(RaceError, match=r"no candidate keeps the limit of 0\.0005 MB: trees takes 0\.8 MB; .*loosen"):
        Choice().within(size="0.5kB")


def sealed(score: float) -> Sealed:
    return Sealed("any", score, score, score, 100, 0.0, (), {})


@pytest.mark.parametrize(
    ("greater_is_better", "score", "reached"),
    [(True, 0.91, True), (True, 0.9, True), (True, 0.89, False), (False, 0.91, False), (False, 0.89, True)],
)
def test_a_score_must_reach_what_is_required_and_an_error_must_not_exceed_it(
    greater_is_better: bool, score: float, reached: bool
) -> None:
    metric = Metric("roc_auc" if greater_is_better else "rmse", greater_is_better, METRIC.score)
    found = requirement(0.9, sealed(score), metric)
    assert found["reached"] is reached
    assert ("at least" if greater_is_better else "at most") in found["sentence"]


def test_how_much_is_missing_is_said() -> None:
    found = requirement(0.95, sealed(0.93), Metric("roc_auc", True, METRIC.score))
    assert found["sentence"].endswith("it is 2.0 points short.")


def test_nothing_required_says_nothing() -> None:
    assert requirement(None, sealed(0.5), METRIC) == {}
