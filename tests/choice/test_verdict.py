"""The verdict on small made-up races: who is chosen, and the sentences that say why."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from archwise.architectures import architecture
from archwise.choice.verdict import Sealed, decide, failure_words, sealed_words, verdict_json
from archwise.evidence import FEWEST_UNITS, bootstrap_scores
from archwise.records import Array, Candidate, CurvePoint, Metric, Plan, Scalar, Trial, Verdict, settings_of
from archwise.tasks import scores

ACCURACY = Metric("accuracy", True, scores.accuracy)
RMSE = Metric("rmse", False, partial(scores.root_mean_squared_error, scale=1.0))
N = 1_000
SEALED = Sealed("accuracy", 0.8, 0.75, 0.85, 200, 0.02, (("linear", 0.78), ("majority", 0.5)), {"accuracy": 0.8})


def candidate(name: str, label: str = "", settings: dict[str, Scalar] | None = None) -> Candidate:
    return Candidate(name, settings_of((settings or architecture(name).defaults()).items()), Plan(), label or name)


def trial(
    name: str,
    *,
    right: int = 800,
    other: int = 0,
    n: int = N,
    n_parameters: int = 100,
    latency_ms: float = math.nan,
    label: str = "",
) -> Trial:
    """A trial that is right on so many rows: the first ones, but for `other` of them the last rows."""
    hits = np.zeros(n)
    hits[: right - other] = 1.0
    hits[n - other :] = 1.0
    return Trial(
        candidate(name, label),
        0,
        "done",
        score=right / n,
        n_parameters=n_parameters,
        latency_ms=latency_ms,
        outputs=np.stack([hits, 1.0 - hits], axis=1),
    )


def errors(name: str, values: Array, *, label: str = "") -> Trial:
    """A trial that errs by these values, in units of the target."""
    score = float(np.sqrt(np.mean(values**2)))
    return Trial(candidate(name, label), 0, "done", score=score, outputs=values[:, None])


def judge(trials: Sequence[Trial], metric: Metric = ACCURACY, *, use_latency: bool = False) -> Verdict:
    outputs = [trial.outputs for trial in trials if trial.outputs is not None]
    truth = np.zeros(len(outputs[0]), dtype=np.int64)
    scored = bootstrap_scores(truth, outputs, metric, seed=0, n_resamples=500)
    return decide(trials, scored, metric, use_latency=use_latency)


def sentences(verdict: Verdict) -> list[str]:
    return [*verdict.reasons, *verdict.next_steps]


def seeds(of: Trial, n_seeds: int, *, right: int, other: int = 0) -> Trial:
    """The mean of more networks like one, right on so many rows, with the costs of all its members."""
    mean = trial(of.candidate.architecture, right=right, other=other, n_parameters=of.n_parameters * n_seeds)
    named = replace(of.candidate, seeds=n_seeds, label=f"{of.candidate.label} of {n_seeds} seeds")
    return replace(mean, candidate=named, latency_ms=of.latency_ms * n_seeds)


# ---------------------------------------------------------------- who is chosen


def test_a_reference_that_is_tied_with_the_best_network_is_chosen() -> None:
    verdict = judge([trial("trees", right=800, other=100), trial("mlp", right=805, other=30)])
    assert verdict.chosen == "trees"
    assert verdict.best.startswith("mlp-")
    assert len(verdict.tied) == 2


def test_a_network_that_is_clearly_better_is_chosen() -> None:
    verdict = judge([trial("trees", right=700), trial("mlp", right=850)])
    assert verdict.chosen == "mlp"
    assert len(verdict.tied) == 1
    assert verdict.score == 0.85


def test_a_mean_of_seeds_that_is_clearly_better_is_chosen_and_its_cost_is_told() -> None:
    alone = trial("mlp", right=800, latency_ms=0.03)
    trials = [trial("trees", right=700), alone, seeds(alone, 4, right=850)]
    verdict = judge(trials, use_latency=True)
    assert verdict.candidate.seeds == 4
    told = [reason for reason in verdict.reasons if reason.startswith("It is the mean of 4 seeds, 5.0 points ahead of")]
    assert told
    assert told[0].endswith("0.12 ms a row in place of 0.03.")
    by_steps = judge(trials)  # no clock is told
    assert any(reason.endswith("400 parameters in place of 100.") for reason in by_steps.reasons)


def test_a_mean_of_seeds_that_is_not_shown_to_pay_leaves_one_network() -> None:
    alone = trial("mlp", right=800, other=10)
    verdict = judge([trial("trees", right=700), alone, seeds(alone, 3, right=802, other=20)])
    assert verdict.candidate == alone.candidate
    told = [reason for reason in verdict.reasons if reason.startswith("The mean of 3 seeds, 0.2")]
    assert told
    assert told[0].endswith("would take 300 parameters in place of 100 and was not chosen.")


def test_a_reference_that_is_clearly_better_is_chosen() -> None:
    assert judge([trial("trees", right=850), trial("mlp", right=700)]).chosen == "trees"


def test_where_smaller_is_better_the_smaller_is_chosen() -> None:
    rng = np.random.default_rng(0)
    verdict = judge([errors("trees", 2.0 * rng.normal(size=N)), errors("mlp", rng.normal(size=N))], RMSE)
    assert verdict.chosen == "mlp"
    assert 0 < verdict.comparisons[0].low < verdict.comparisons[0].difference


@pytest.mark.parametrize("places", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_of_tied_networks_the_one_of_fewest_parameters_is_chosen(places: tuple[int, ...]) -> None:
    trials = [
        trial("mlp", right=803, other=20, n_parameters=9_000, label="large"),
        trial("mlp", right=800, other=10, n_parameters=900, label="small"),
        trial("perceptron", right=500, n_parameters=9, label="tiny but worse"),
    ]
    trials = [replace_settings(item, number) for number, item in enumerate(trials)]
    assert judge([trials[place] for place in places]).candidate.label == "small"


def replace_settings(trial: Trial, number: int) -> Trial:
    """The same trial of another candidate, so that no two have one id."""
    settings = settings_of([*trial.candidate.settings, ("number", number)])
    return replace(trial, candidate=replace(trial.candidate, settings=settings))


def two_networks(*latencies_ms: float) -> list[Trial]:
    """Tied networks; the later has fewer parameters."""
    return [
        replace_settings(
            trial("mlp", right=800 + number, other=20 * number, latency_ms=ms, n_parameters=100 - number), number
        )
        for number, ms in enumerate(latencies_ms)
    ]


def test_of_tied_networks_the_faster_is_chosen_however_many_parameters_it_has() -> None:
    trials = two_networks(0.9, 3.9)
    assert judge(trials, use_latency=True).candidate == trials[0].candidate


def test_latencies_within_a_factor_of_two_are_equal_and_parameters_decide() -> None:
    trials = two_networks(2.1, 3.9)
    assert judge(trials, use_latency=True).candidate == trials[1].candidate


def test_a_row_in_less_than_a_millisecond_is_fast_enough_and_parameters_decide() -> None:
    trials = two_networks(0.04, 0.9)
    assert judge(trials, use_latency=True).candidate == trials[1].candidate


def test_a_reference_goes_before_a_faster_network() -> None:
    trials = [trial("mlp", latency_ms=0.01), trial("trees", other=50, latency_ms=9.0)]
    assert judge(trials, use_latency=True).chosen == "trees"


def test_without_latency_the_clock_never_decides() -> None:
    chosen = {
        judge(two_networks(*latencies), use_latency=False).candidate.id
        for latencies in ((0.1, 99.0), (99.0, 0.1), (math.nan, 1.0))
    }
    assert len(chosen) == 1


def test_a_latency_that_was_not_measured_does_not_break_the_choice() -> None:
    assert judge(two_networks(math.nan, math.nan), use_latency=True).chosen == "mlp"


def test_who_scores_no_better_than_one_that_is_beaten_is_beaten_too() -> None:
    rng = np.random.default_rng(3)
    best, heavy = rng.normal(size=200), rng.normal(size=200)
    heavy[0] = 40.0  # one wild row: a bad score of which little is sure
    verdict = judge([errors("mlp", best), errors("trees", 1.3 * best), errors("majority", heavy)], RMSE)
    by_name = {comparison.right.split("-")[0]: comparison for comparison in verdict.comparisons}
    assert (by_name["majority"].tied, by_name["trees"].tied) == (True, False)
    assert (verdict.chosen, len(verdict.tied)) == ("mlp", 1)


def test_candidates_none_of_which_gives_numbers_are_still_judged() -> None:
    broken = np.full(100, math.nan)
    assert judge([errors("trees", broken), errors("mlp", broken)], RMSE).chosen == "trees"


def test_the_order_of_the_trials_does_not_change_the_choice() -> None:
    trials = [trial("trees", right=790), trial("linear", right=795, other=30), trial("mlp", right=800, other=60)]
    verdicts = [judge(order) for order in (trials, trials[::-1])]
    assert verdicts[0].candidate == verdicts[1].candidate
    assert set(verdicts[0].tied) == set(verdicts[1].tied)


# ---------------------------------------------------------------- the words


def test_the_words_name_the_chosen_with_its_score_and_interval() -> None:
    first = judge([trial("trees", right=850), trial("mlp", right=700)]).reasons[0]
    assert re.fullmatch(
        r"Chosen: trees \(a reference\), accuracy 0\.8500 on the validation rows "
        r"\(95 % interval 0\.8\d\d\d to 0\.8\d\d\d\)\.",
        first,
    )


def test_settings_that_differ_from_the_defaults_are_named() -> None:
    changed = candidate("mlp", "mlp 2", {**architecture("mlp").defaults(), "layers": 1})
    verdict = judge([replace(trial("mlp"), candidate=changed)])
    assert verdict.reasons[0].startswith("Chosen: mlp 2 (a network, with layers=1), accuracy 0.8000")


def test_a_clearly_better_network_is_said_to_win_and_by_how_much() -> None:
    verdict = judge([trial("trees", right=700), trial("mlp", right=850)])
    assert re.fullmatch(
        r"The best network, mlp, beats the best reference, trees, by 15 points \(95 % interval 1\d to 1\d\)\. "
        r"Deep learning pays here\.",
        verdict.reasons[1],
    )


def test_a_network_that_beats_no_more_than_the_majority_has_not_shown_that_it_pays() -> None:
    told = judge([trial("majority", right=500), trial("mlp", right=850)]).reasons[1]
    assert told.endswith(
        "No reference that learns was there to beat, so it stays open whether deep learning pays here."
    )


def test_no_network_beats_the_chosen_reference() -> None:
    verdict = judge([trial("trees", right=850), trial("mlp", right=800)])
    assert re.fullmatch(
        r"No network beats it: the best, mlp, is 5\.0 points behind \(95 % interval 3\.\d to 6\.\d\)\. "
        r"Deep learning does not pay here yet\.",
        verdict.reasons[1],
    )


def test_no_network_beats_the_best_reference_where_a_simpler_one_is_chosen() -> None:
    verdict = judge([trial("trees", right=850), trial("linear", right=848, other=20, n_parameters=1), trial("mlp")])
    assert verdict.chosen == "linear"
    assert verdict.reasons[1].startswith("No network beats the best reference, trees: the best network, mlp, is 5.0")


@pytest.mark.parametrize(
    ("trees", "mlp", "told"),
    [(800, 806, "0.60 points ahead of"), (806, 800, "0.60 points behind"), (800, 800, "level with")],
)
def test_a_tie_is_told_with_its_interval(trees: int, mlp: int, told: str) -> None:
    verdict = judge([trial("trees", right=trees, other=5), trial("mlp", right=mlp, other=40)])
    found = verdict.reasons[1].replace("0.6 points", "0.60 points")
    assert re.fullmatch(
        rf"The best network, mlp, is {told} the best reference, trees \(95 % interval -[\d.]+ to [\d.]+\): "
        r"the two cannot be told apart\. Deep learning is not shown to pay here\.",
        found,
    )


def test_errors_are_told_in_their_unit() -> None:
    rng = np.random.default_rng(0)
    verdict = judge([errors("trees", 200 * rng.normal(size=N)), errors("mlp", 100 * rng.normal(size=N))], RMSE)
    assert re.search(r"by \d+ rmse \(95 % interval \d+ to \d+\)", verdict.reasons[1])
    assert "points" not in " ".join(sentences(verdict))


def test_the_tied_are_counted_and_named() -> None:
    pair = judge([trial("trees", right=800), trial("mlp", right=801)])
    assert pair.reasons[-1] == (
        "2 candidates cannot be told apart on 1,000 independent rows; trees is the simplest of them (the other: mlp)."
    )
    three = judge([trial("trees", right=800), trial("mlp", right=801), trial("perceptron", right=801)])
    assert three.reasons[-1].endswith("trees is the simplest of them (the others: mlp and perceptron).")


def test_one_that_is_tied_but_more_than_a_standard_error_behind_is_not_chosen_for_being_simple() -> None:
    trials = [trial("trees", right=800, other=30), trial("mlp", right=812, other=60), trial("perceptron", right=500)]
    verdict = judge(trials)
    assert verdict.chosen == "mlp"
    assert (len(verdict.tied), len(verdict.near)) == (2, 1)
    assert verdict.reasons[1].endswith("Deep learning is not shown to pay here; it is the likelier guess.")
    assert verdict.reasons[-1].endswith("mlp is the best of them, by more than one standard error (the other: trees).")


def test_the_simplest_of_those_within_a_standard_error_is_chosen_where_more_are_tied() -> None:
    trials = [
        trial("linear", right=796),
        trial("trees", right=809, other=30),
        trial("mlp", right=812, other=60),
    ]
    verdict = judge(trials)
    assert verdict.chosen == "trees"
    assert (len(verdict.tied), len(verdict.near)) == (3, 2)
    assert "trees is the simplest of the 2 within one standard error of the best" in verdict.reasons[-1]


def test_of_few_rows_the_simplest_of_those_within_two_errors_is_chosen() -> None:
    n = FEWEST_UNITS - 1
    near = judge([trial("trees", right=14, n=n), trial("mlp", right=16, n=n)])
    assert (near.chosen, len(near.tied), len(near.near)) == ("trees", 2, 2)
    far = judge([trial("majority", right=5, n=n), trial("trees", right=15, n=n), trial("mlp", right=16, n=n)])
    assert (far.chosen, len(far.tied), len(far.near)) == ("trees", 3, 2)


def test_a_candidate_alone_is_chosen_without_comparisons() -> None:
    verdict = judge([trial("mlp")])
    assert (verdict.chosen, verdict.comparisons, len(verdict.tied), verdict.next_steps) == ("mlp", (), 1, ())
    assert verdict.reasons[1] == "No reference raced, so it stays open whether deep learning pays here."


def test_references_alone_say_nothing_of_networks() -> None:
    verdict = judge([trial("trees", right=850), trial("linear", right=700)])
    assert verdict.chosen == "trees"
    assert verdict.reasons[1] == "No network raced, so it stays open whether deep learning pays here."


def test_outputs_that_are_no_numbers_are_named() -> None:
    rng = np.random.default_rng(0)
    verdict = judge([errors("trees", rng.normal(size=N)), errors("mlp", np.full(N, math.nan))], RMSE)
    assert verdict.chosen == "trees"
    assert verdict.reasons[1] == (
        "The best network, mlp, gives outputs that are no numbers, so there is nothing to compare."
    )


def test_too_few_rows_are_said_to_be_too_few() -> None:
    verdict = judge([trial("trees", right=5, n=12), trial("mlp", right=12, n=12)])
    assert verdict.chosen == "mlp"  # the likelier guess, though nothing is claimed
    assert "58 points ahead of the best reference, trees: the two cannot be told apart." in verdict.reasons[1]
    assert verdict.next_steps == (
        f"To tell candidates apart takes at least {FEWEST_UNITS} independent validation rows; here are 12.",
    )


# ---------------------------------------------------------------- what would change it


def test_a_tie_says_how_many_rows_would_part_the_two() -> None:
    verdict = judge([trial("trees", right=800, other=100), trial("mlp", right=810, other=20)])
    assert re.fullmatch(
        r"To tell the best network from the best reference, about [\d,]+ validation rows would be needed "
        r"in place of 1,000, if the difference is what it seems\.",
        verdict.next_steps[0],
    )


def test_a_difference_that_is_shown_needs_no_more_rows() -> None:
    assert judge([trial("trees", right=850), trial("mlp", right=700)]).next_steps == ()


def test_a_difference_of_next_to_nothing_is_not_worth_more_rows() -> None:
    rng = np.random.default_rng(0)
    left, right = rng.normal(size=N), rng.normal(size=N)
    right *= np.sqrt(np.mean(left**2) / np.mean(right**2)) * (1 + 1e-5)
    verdict = judge([errors("trees", left), errors("mlp", right)], RMSE)
    assert "more rows would hardly part them" in verdict.next_steps[0]
    assert "level with" in verdict.reasons[1]


def paused(number: int, curve: Sequence[float]) -> Trial:
    points = tuple(CurvePoint(step, float(step), 1.0, score) for step, score in enumerate(curve))
    return replace(
        replace_settings(trial("mlp", right=700, label=f"mlp {number}"), number), state="paused", curve=points
    )


@pytest.mark.parametrize(
    ("curve", "improving"),
    [
        pytest.param([0.5], True, id="one look"),
        pytest.param([0.5, 0.6], True, id="rising"),
        pytest.param([0.6, 0.5], False, id="falling"),
        pytest.param([0.1 * place for place in range(30)], True, id="rising for long"),
        pytest.param([0.5, 0.9, *([0.6] * 20)], False, id="long past its best"),
        pytest.param([], False, id="no look"),
    ],
)
def test_a_longer_budget_is_proposed_where_the_curve_was_rising(curve: list[float], improving: bool) -> None:
    verdict = judge([trial("trees", right=850), paused(1, curve)])
    told = "A longer budget may help: mlp 1 was still improving when the race paused it."
    assert verdict.next_steps == ((told,) if improving else ())


def test_one_that_was_left_for_its_outlook_does_not_ask_for_a_longer_budget() -> None:
    left = replace(
        paused(1, [0.5, 0.6]), why="left at 33%: its curve points to 0.70 (0.65 to 0.72), below 0.85 of trees"
    )
    assert judge([trial("trees", right=850), left]).next_steps == ()


def test_several_that_were_improving_are_named_in_the_plural() -> None:
    verdict = judge([trial("trees", right=850), paused(1, [0.5, 0.6]), paused(2, [0.5, 0.6])])
    assert verdict.next_steps == (
        "A longer budget may help: mlp 1 and mlp 2 were still improving when the race paused them.",
    )


def test_each_that_failed_is_named_with_its_reason() -> None:
    failed = [
        Trial(candidate("mlp"), 1, "failed", why="stopped: it hangs, nothing was heard of it for 300 s"),
        Trial(candidate("perceptron"), 0, "failed", why="DivergedError: the loss is no number."),
        Trial(candidate("linear"), 0, "failed"),
        Trial(candidate("trees"), 0, "done"),
    ]
    assert failure_words(failed) == [
        "mlp left the race: stopped: it hangs, nothing was heard of it for 300 s.",
        "perceptron left the race: DivergedError: the loss is no number.",
        "linear left the race: no reason given.",
    ]


# ---------------------------------------------------------------- the sealed rows


@pytest.mark.parametrize(
    ("gap", "told"),
    [
        (0.02, "2.0 points worse than on the validation rows"),
        (-0.004, "0.40 points better than on the validation rows"),
        (0.0, "the same as on the validation rows"),
    ],
)
def test_the_sealed_score_stands_beside_the_one_on_validation(gap: float, told: str) -> None:
    first, second = sealed_words(replace(SEALED, gap=gap), ACCURACY)
    assert first == f"On 200 sealed test rows it scores accuracy 0.8000 (95 % interval 0.7500 to 0.8500), {told}."
    assert second == "References on the same rows: linear (0.7800) and majority (0.5000)."


def test_without_references_and_with_one_row_the_sealed_words_still_read() -> None:
    (only,) = sealed_words(replace(SEALED, n_rows=1, references=()), ACCURACY)
    assert only.startswith("On 1 sealed test row it scores")


# ---------------------------------------------------------------- the file


def written() -> dict[str, object]:
    verdict = judge([trial("trees", other=40, latency_ms=1.5), trial("mlp", right=805, latency_ms=2.5)])
    return verdict_json(verdict, SEALED, ACCURACY)


def test_the_file_holds_the_choice_the_evidence_and_the_test() -> None:
    found = written()
    assert {"chosen", "tied", "comparisons", "reasons", "next_steps", "test", "validation", "metric"} <= set(found)
    assert found["chosen"] == "trees"
    test = found["test"]
    assert isinstance(test, dict)
    assert test["references"] == [{"label": "linear", "score": 0.78}, {"label": "majority", "score": 0.5}]
    assert test["sentences"] == sealed_words(SEALED, ACCURACY)


def test_equal_runs_give_equal_bytes() -> None:
    assert json.dumps(written()) == json.dumps(written())


def test_no_clock_stands_in_the_file() -> None:
    assert not re.search(r"second|latency|created|time", " ".join(keys_of(written())))


def keys_of(data: object) -> list[str]:
    if isinstance(data, dict):
        return [*data, *(key for value in data.values() for key in keys_of(value))]
    return [key for value in data for key in keys_of(value)] if isinstance(data, list) else []


def races() -> list[list[Trial]]:
    rng = np.random.default_rng(5)
    return [
        [
            trial("trees", right=int(rng.integers(400, 900)), other=int(rng.integers(0, 60))),
            trial("linear", right=int(rng.integers(400, 900)), other=int(rng.integers(0, 60))),
            paused(1, [0.5, 0.6]),
            trial("perceptron", right=int(rng.integers(400, 900)), other=int(rng.integers(0, 60))),
        ][: 1 + number % 4]
        for number in range(24)
    ]


@pytest.mark.parametrize("trials", races(), ids=range(24))
def test_every_sentence_is_well_formed(trials: list[Trial]) -> None:
    for sentence in sentences(judge(trials)):
        assert re.fullmatch(r"[A-Z0-9].*[^.]\.", sentence), sentence
        assert not re.search(
            r"  |\.\.|,,| ,| \.|\bnan\b|\binf\b|unknown|-0(\.0*)? |\b1 (row|candidate)s\b", sentence
        ), sentence


def test_candidates_that_failed_alike_share_a_sentence() -> None:
    trials = [
        Trial(Candidate(name, (), Plan(), label=name), 0, "failed", why=why)
        for name, why in (("linear", "no time"), ("trees", "no memory"), ("mlp", "no time"))
    ]
    assert failure_words(trials) == [
        "linear and mlp left the race: no time.",
        "trees left the race: no memory.",
    ]
