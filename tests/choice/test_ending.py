"""What the end of a run is expected to take grows with the rows that decide, and the seal is judged in time."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from archwise.api import _reserve_s
from archwise.choice.answering import Allowance, bests_first, unseal
from archwise.choice.ending import SURPLUS, Ending, ending_s, measure_ending, references_s
from archwise.choice.race import Course
from archwise.choice.run import Ground, read_candidates, read_ground, read_trial, trial_folder
from archwise.choice.start import start_run
from archwise.choice.trial import Grant, TrialJob, run_trial
from archwise.config import Config, make_config
from archwise.records import Trial

Ran = tuple[Path, Ground, list[Trial]]


def run_of(folder: Path, n_rows: int) -> Path:
    rng = np.random.default_rng(0)
    columns = {f"x{place}": rng.normal(size=n_rows) for place in range(4)}
    label = sum(columns.values()) + rng.normal(size=n_rows) > 0
    frame = pl.DataFrame({**columns, "y": np.where(label, "yes", "no")})
    config = make_config({"target": "y", "budget": "30s", "only": ("majority", "linear"), "workers": 1})
    start_run(frame, config, folder / "a.run", on_event=lambda event: None)
    return folder / "a.run"


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A run folder of 4,000 rows in which the references have been fitted."""
    folder = run_of(tmp_path_factory.mktemp("run"), 4_000)
    trials = []
    for candidate in read_candidates(folder)[:3]:
        run_trial(TrialJob(str(folder), candidate, Grant(0, 1.0)), lambda message: None)
        trial = read_trial(folder, candidate, 0)
        assert trial is not None
        trials.append(trial)
    return folder, read_ground(folder), trials


def answered(ran: Ran, allowance: Allowance) -> tuple[list[str], tuple[str, ...]]:
    """Who answered the sealed rows beside the first, and what is said of the others."""
    folder, ground, trials = ran
    onnx = (trial_folder(folder, trials[0].candidate) / "model.onnx").read_bytes()
    sealed, chosen, _ = unseal(folder, ground, trials, config=Config(), onnx=onnx, allowance=allowance)
    assert chosen.trial is trials[0]
    return [label for label, _ in sealed.references], sealed.notes


def test_where_no_clock_decides_all_answer_the_sealed_rows(ran: Ran) -> None:
    labels, said = answered(ran, Allowance(None, Ending(1.0, 1.0)))
    assert labels == [trial.candidate.label for trial in ran[2][1:]]
    assert said == ()


def test_where_no_time_is_left_the_chosen_alone_answers_and_the_others_are_named(ran: Ran) -> None:
    labels, said = answered(ran, Allowance(time.monotonic(), Ending(0.0, 0.0)))
    assert labels == []
    assert said == (
        f"No time was left to hold {ran[2][1].candidate.label} and {ran[2][2].candidate.label} against the sealed rows",
    )


def test_time_for_the_scores_is_kept_before_another_answers(ran: Ran) -> None:
    labels, _ = answered(ran, Allowance(time.monotonic() + 50.0, Ending(20.0, 25.0)))
    assert len(labels) == 1  # a third would need 65 s


def test_who_takes_long_over_a_row_does_not_answer_where_the_time_is_short(ran: Ran) -> None:
    folder, ground, trials = ran
    slow = [trials[0], *(replace(trial, latency_ms=1_000.0) for trial in trials[1:])]
    assert answered((folder, ground, slow), Allowance(time.monotonic() + 50.0, Ending(0.0, 0.0)))[0] == []


def test_the_race_leaves_time_for_the_best_reference_of_each_architecture_to_answer(
    ran: Ran, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    linear = ran[2][1]
    trials = [replace(linear, score=0.8, latency_ms=0.1), replace(linear, score=0.7, latency_ms=9.0)]
    taken = references_s(trials, 100_000, sign=1.0)
    assert taken == SURPLUS * 100_000 * 0.1 / 1e3 / 2
    course = Course(1_000, 2, 1.0, time.monotonic, stop_at=100.0, beside=lambda standing: taken)
    assert course.leaving(trials).stop_at == 100.0 - taken
    assert Course(1_000, 2, 1.0, time.monotonic, steps=10).leaving(trials).stop_at is None


def test_the_best_of_each_architecture_comes_before_the_rest(ran: Ran) -> None:
    majority, linear = ran[2][0], ran[2][1]
    trials = [
        replace(trial, candidate=replace(trial.candidate, label=label), score=score)
        for label, trial, score in [("a", linear, 0.7), ("b", linear, 0.8), ("c", majority, 0.5), ("d", linear, 0.6)]
    ]
    assert [trial.candidate.label for trial in bests_first(trials, 1.0)] == ["b", "c", "a", "d"]


def test_the_end_of_a_small_run_takes_part_of_a_second_for_each_candidate(ran: Ran) -> None:
    ending = measure_ending(ran[0])
    assert 0.0 < ending.judging <= ending.sealing < 10.0


def test_every_candidate_is_counted_with_its_evidence_and_the_best_references_with_their_seal(
    ran: Ran,
) -> None:
    racing = read_candidates(ran[0])
    every = ending_s(Ending(2.0, 5.0), racing)
    assert every == len(racing) * 2.0 + (1 + 2) * 5.0  # majority and the best of the linear ones


@pytest.mark.parametrize(("seconds", "expected"), [(30.0, 5.0), (90.0, 9.0), (600.0, 12.0)])
def test_what_is_kept_of_a_budget_on_a_small_table_is_a_tenth_of_it(seconds: float, expected: float) -> None:
    assert _reserve_s(seconds, 1, measured=0.5) == expected


@pytest.mark.parametrize(("seconds", "measured", "expected"), [(90.0, 14.0, 18.0), (600.0, 30.0, 34.0)])
def test_what_is_kept_grows_with_what_the_end_was_measured_to_take(
    seconds: float, measured: float, expected: float
) -> None:
    assert _reserve_s(seconds, 1, measured=measured) == expected


def test_at_most_half_of_a_budget_is_kept_for_its_end() -> None:
    assert _reserve_s(20.0, 1, measured=60.0) == 10.0
