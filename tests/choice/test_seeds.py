"""Seeds averaged: which candidate a mean is, when it may pay, how many fit, and the record of their mean."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from archwise.choice.race import LAST, Course
from archwise.choice.run import read_ground, read_targets, read_trial, write_trial
from archwise.choice.seeds import JoinJob, best_network, count_more, join_members, kept_for_seeds, may_win
from archwise.choice.start import start_run
from archwise.choice.trial import judge
from archwise.config import Config
from archwise.records import Array, Candidate, Plan, Trial

PLAN = Plan(epochs=9, batch=100)  # of 1,000 rows: 90 steps
MLP = Candidate("mlp", (("width", 16),), PLAN, "mlp")
LINEAR = Candidate("linear", (("penalty", 1.0),), Plan(), "linear")


def steps(n: int) -> Course:
    return Course(1_000, 2, -1.0, lambda: 0.0, steps=n)


def seconds(left: float, n_workers: int = 2) -> Course:
    return Course(1_000, n_workers, -1.0, lambda: 0.0, stop_at=left)


def done(candidate: Candidate, outputs: Array, score: float = 1.0) -> Trial:
    is_network = candidate.architecture == "mlp"
    return Trial(
        candidate, LAST, "done", score=score, steps=90 * is_network, seconds=8.0, n_parameters=10, latency_ms=0.02,
        outputs=outputs,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 400 rows with 80 validation rows, up to its race."""
    folder = tmp_path_factory.mktemp("seeds") / "m.run"
    x = np.random.default_rng(0).normal(size=400)
    frame = pl.DataFrame({"x": x, "z": x[::-1].copy(), "y": x**2})
    config = Config(target="y", only=("mlp", "linear"), budget="200steps", out="m.archwise")
    start_run(frame, config, folder, on_event=lambda event: None)
    return folder


class TestCandidate:
    def test_the_id_of_one_network_is_what_it_was_before_there_were_means(self) -> None:
        content = json.dumps([MLP.architecture, sorted(MLP.settings), asdict(MLP.plan)], sort_keys=True)
        assert MLP.id == f"mlp-{hashlib.sha256(content.encode()).hexdigest()[:10]}"

    def test_a_mean_has_an_id_of_its_own_and_survives_json(self) -> None:
        mean = replace(MLP, seeds=4)
        assert mean.id != MLP.id
        assert Candidate.from_json(mean.to_json()) == mean

    def test_a_record_of_before_is_one_network(self) -> None:
        held = {name: value for name, value in MLP.to_json().items() if name != "seeds"}
        assert Candidate.from_json(held) == MLP

    def test_the_members_of_a_mean_are_the_network_and_the_seeds_after_it(self) -> None:
        members = replace(MLP, seeds=3).members
        assert [member.plan.seed for member in members] == [0, 1, 2]
        assert members[0] == MLP
        assert MLP.members == (MLP,)


class TestBudget:
    def test_steps_take_three_more_or_two_or_none(self) -> None:
        best = done(MLP, np.zeros((1, 1)))
        found = [count_more(best, [best], steps(90 + left)) for left in (179, 180, 269, 270, 9_999)]
        assert found == [0, 2, 2, 3, 3]

    def test_seconds_count_the_workers_that_train_side_by_side(self) -> None:
        best = done(MLP, np.zeros((1, 1)))  # 10 s with what is kept for safety, and 4 s for the writing
        assert [count_more(best, [best], seconds(left)) for left in (13.9, 14.1, 24.1)] == [0, 2, 3]
        assert count_more(best, [best], seconds(14.1, n_workers=3)) == 3


class TestWhereItMayPay:
    def test_the_best_network_is_the_best_that_was_trained_to_the_end(self) -> None:
        trials = [done(replace(MLP, label=f"mlp {n}"), np.zeros((1, 1)), score=float(n)) for n in (3, 1, 2)]
        found = best_network([*trials, done(LINEAR, np.zeros((1, 1)), 0.5)], -1.0)
        assert found is not None
        assert found.candidate.label == "mlp 1"
        assert best_network([replace(trials[0], state="paused")], -1.0) is None

    def test_a_network_that_leads_or_is_level_may_win_and_one_far_behind_may_not(self, folder: Path) -> None:
        truth = read_targets(folder, "valid")[:, None]
        noise = np.random.default_rng(1).normal(size=truth.shape)
        good, as_good, bad = truth + 0.1 * noise, truth + 0.1 * noise[::-1], truth + 3 * noise
        reference = done(LINEAR, good, score=0.1)
        assert may_win(folder, done(MLP, bad, score=0.05), [reference], -1.0)
        assert may_win(folder, done(MLP, as_good, score=0.11), [reference], -1.0)
        assert not may_win(folder, done(MLP, bad, score=3.0), [reference], -1.0)

    def test_nothing_is_kept_back_for_a_network_far_behind(self, folder: Path) -> None:
        truth = read_targets(folder, "valid")[:, None]
        reference, network = done(LINEAR, truth, score=0.0), done(MLP, truth[::-1] + 5.0, score=9.0)
        assert kept_for_seeds(folder, [reference, network], steps(1_000)) == 0.0
        assert kept_for_seeds(folder, [network], steps(1_000)) == 180.0


def test_the_record_of_a_mean_holds_the_mean_answers_and_the_sum_of_what_they_cost(folder: Path) -> None:
    mean = replace(MLP, seeds=3, label="mlp of 3 seeds")
    n_valid = len(read_targets(folder, "valid"))
    answers = np.random.default_rng(0).normal(size=(3, n_valid, 1)).astype(np.float32)
    for member, outputs in zip(mean.members, answers, strict=True):
        write_trial(folder, done(member, outputs))
    assert join_members(JoinJob(str(folder), mean), lambda message: None) == mean.id
    found = read_trial(folder, mean, LAST)
    assert found is not None
    assert found.outputs is not None
    np.testing.assert_allclose(found.outputs, answers.mean(axis=0), rtol=1e-6)
    assert (found.state, found.steps, found.n_parameters) == ("done", 270, 30)
    assert found.latency_ms == pytest.approx(0.06)
    assert found.low < found.score < found.high


def test_a_member_that_stopped_early_in_an_earlier_rung_is_in_the_mean(folder: Path) -> None:
    mean = replace(MLP, settings=(("width", 17),), seeds=3, label="mlp of 3 seeds")
    n_valid = len(read_targets(folder, "valid"))
    answers = np.random.default_rng(0).normal(size=(3, n_valid, 1)).astype(np.float32)
    for rung, member, outputs in zip((1, LAST, LAST), mean.members, answers, strict=True):
        write_trial(folder, replace(done(member, outputs), rung=rung))
    join_members(JoinJob(str(folder), mean), lambda message: None)
    found = read_trial(folder, mean, LAST)
    assert found is not None
    assert found.outputs is not None
    np.testing.assert_allclose(found.outputs, answers.mean(axis=0), rtol=1e-6)


class TestFolds:
    def test_steps_are_those_of_all_folds(self) -> None:
        best, course = done(MLP, np.zeros((1, 1))), replace(steps(0), n_fits=5)  # a whole network is 450 steps
        assert [count_more(best, [best], replace(course, steps=90 + left)) for left in (899, 900, 1_350)] == [0, 2, 3]

    def test_seconds_leave_room_for_training_the_members_on_all_open_rows(self) -> None:
        best = replace(done(MLP, np.zeros((1, 1))), steps=450, seconds=40.0)  # 50 s with what is kept for safety
        course = replace(seconds(0.0), n_fits=5)
        found = [count_more(best, [best], replace(course, stop_at=left)) for left in (63.9, 64.1, 124.1)]
        assert found == [0, 2, 3]

    def test_the_interval_of_a_mean_is_that_of_folds(self, folder: Path) -> None:
        mean = replace(MLP, settings=(("width", 18),), seeds=2, label="mlp of 2 seeds")
        truth = read_targets(folder, "valid")[:, None]
        outputs = truth + np.random.default_rng(0).normal(size=truth.shape).astype(np.float32)
        for member in mean.members:
            write_trial(folder, done(member, outputs))
        assert read_ground(folder).n_folds == 5
        join_members(JoinJob(str(folder), mean), lambda message: None)
        found = read_trial(folder, mean, LAST)
        assert found is not None
        assert (found.score, found.low, found.high) == pytest.approx(judge(folder, read_ground(folder), [outputs])[0])
