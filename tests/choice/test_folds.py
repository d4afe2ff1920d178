"""Folds in a run: what a candidate answers for the rows it did not learn from, and one best look for all folds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from archwise.architectures import architecture
from archwise.choice.folds import (
    Fold,
    Jury,
    best_epochs,
    folds_of,
    join_looks,
    pool,
    signature_at,
    train_in_folds,
)
from archwise.choice.run import read_ground
from archwise.choice.start import start_run
from archwise.config import make_config
from archwise.records import Candidate, CurvePoint, Metric, Plan, Trial
from archwise.tasks.scores import root_mean_squared_error
from archwise.training.loop import Limit, Trained

RMSE = Metric("rmse", False, partial(root_mean_squared_error, scale=1.0))
FOLDS = tuple(Fold(Path(f"fold-{place}"), f"fold-{place}", np.arange(place, 10, 2)) for place in range(2))
JURY = Jury(RMSE, np.zeros(10, dtype=np.float32))
PLAN = Plan(epochs=40, patience=5)


def test_one_split_is_the_case_of_one_fold(tmp_path: Path) -> None:
    np.savez(tmp_path / "split.npz", train=np.arange(5), valid=np.arange(5, 9), test=np.arange(9, 12))
    (fold,) = folds_of(tmp_path)
    outputs = np.random.default_rng(0).normal(size=(4, 2)).astype(np.float32)
    assert (fold.place, fold.name) == (tmp_path, "")
    np.testing.assert_array_equal(pool([fold], [outputs]), outputs)


def test_the_folds_of_a_run_leave_out_every_validation_row_once_a_cut(tmp_path: Path) -> None:
    train = np.arange(3, 13)
    folds = np.stack([[-1, 0, 1, 0, 1, 0, 1, 0, 1, 0], [-1, 1, 1, 1, 1, 0, 0, 0, 0, 0]])
    np.savez(tmp_path / "split.npz", train=train, valid=np.tile(train[1:], 2), test=np.arange(3), folds=folds)
    found = folds_of(tmp_path)
    assert [fold.name for fold in found] == ["fold-0", "fold-1", "fold-2", "fold-3"]
    for repeat, cut in enumerate((found[:2], found[2:])):
        places = np.sort(np.concatenate([fold.left_out for fold in cut]))
        np.testing.assert_array_equal(places, 9 * repeat + np.arange(9))


def test_outputs_of_folds_stand_in_the_order_of_the_validation_rows() -> None:
    outputs = [np.full((5, 1), 1.0), np.full((5, 1), 2.0)]
    np.testing.assert_array_equal(pool(FOLDS, outputs)[:, 0], [1.0, 2.0] * 5)


class Runner:
    """Trains as a network would whose error falls until an epoch of its own and then rises; a look each epoch."""

    def __init__(self, lowest: Sequence[int]) -> None:
        self.lowest = lowest
        self.stood = [0] * len(FOLDS)
        self.calls: list[tuple[str, float, int | None]] = []

    def __call__(self, fold: Fold, limit: Limit) -> Trained:
        number = FOLDS.index(fold)
        steps = int(limit.epochs) if limit.steps is None else min(int(limit.epochs), limit.steps)
        self.stood[number] = max(self.stood[number], steps)
        self.calls.append((fold.name, limit.epochs, limit.steps))
        return trained(self.stood[number], self.lowest[number])


def trained(n_epochs: int, lowest: int) -> Trained:
    sizes = [1.0 + abs(epoch - lowest) for epoch in range(1, n_epochs + 1)]
    curve = tuple(CurvePoint(epoch, float(epoch), 0.5, sizes[epoch - 1]) for epoch in range(1, n_epochs + 1))
    looks = np.array([np.full((5, 1), size) for size in sizes], dtype=np.float32)
    return Trained(n_epochs >= PLAN.epochs, False, n_epochs, curve, sizes[-1], looks[-1], 1, 0.0, looks)


def run(runner: Runner, *, epochs: float = 40.0, steps: int | None = None, plan: Plan = PLAN) -> Trained:
    points: list[CurvePoint] = []
    limit = Limit(epochs, steps)
    return train_in_folds(runner, FOLDS, jury=JURY, plan=plan, limit=limit, on_point=points.append)


def test_all_folds_share_the_look_that_is_best_of_all_rows_together() -> None:
    reached = run(Runner([4, 8]))
    best = reached.curve[JURY.best(reached.curve)]
    assert 4 <= best.epoch <= 8
    np.testing.assert_allclose(reached.outputs[::2, 0], 1.0 + best.epoch - 4)
    np.testing.assert_allclose(reached.outputs[1::2, 0], 1.0 + 8 - best.epoch)
    assert reached.score == pytest.approx(best.score)


def test_folds_stop_together_once_no_better_look_came_for_a_while() -> None:
    runner = Runner([7, 7])
    reached = run(runner)
    assert (reached.finished, reached.stopped_early) == (True, True)
    assert runner.stood == [15, 15]


def test_without_patience_folds_train_to_their_goal() -> None:
    reached = run(Runner([7, 7]), epochs=30.0, plan=replace(PLAN, patience=40))
    assert (reached.finished, reached.steps) == (False, 60)


def test_steps_are_those_of_all_folds_and_shared_evenly() -> None:
    runner = Runner([30, 30])
    reached = run(runner, steps=9)
    assert runner.stood == [4, 4]
    assert reached.steps == 8
    assert reached.curve[-1].step == 8


def test_a_resumed_rung_decides_as_an_unbroken_one_although_a_fold_is_ahead() -> None:
    broken = Runner([7, 7])
    broken.stood[0] = 15
    whole, resumed = run(Runner([7, 7])), run(broken)
    assert resumed.curve == whole.curve
    np.testing.assert_array_equal(resumed.outputs, whole.outputs)


def test_looks_are_joined_only_as_far_as_every_fold_came() -> None:
    joined = join_looks(FOLDS, [trained(9, 5), trained(4, 5)], JURY, until=40)
    assert [point.epoch for point, _ in joined] == [1.0, 2.0, 3.0, 4.0]


def test_the_final_network_trains_for_the_best_epochs_of_the_folds() -> None:
    curve = tuple(CurvePoint(step, float(step), 0.1, score) for step, score in ((1, 3.0), (2, 1.0), (3, 2.0)))
    trial = Trial(Candidate("mlp", (), PLAN), 0, "paused", curve=curve)
    assert best_epochs(trial, ground_of_folds(), -1.0) == 2.0


def test_without_a_look_it_trains_as_long_as_the_folds_did() -> None:
    trial = Trial(Candidate("mlp", (), replace(PLAN, batch=40)), 0, "paused", steps=30)
    assert best_epochs(trial, ground_of_folds(), -1.0) == pytest.approx(1.5)  # 3 steps a fold, 2 an epoch


def ground_of_folds() -> object:
    class OfFolds:
        n_fits, rows_a_fit = 10, 80

    return OfFolds()


@pytest.mark.parametrize("n_rows", [400, 2_600])  # folds decide, one split decides
def test_a_count_has_its_nought_wherever_a_candidate_is_fitted(tmp_path: Path, n_rows: int) -> None:
    rng = np.random.default_rng(0)
    pull = rng.normal(size=n_rows)
    frame = pl.DataFrame({"pull": pull, "visits": rng.poisson(np.exp(1.0 + pull))})
    config = make_config({"target": "visits", "loss": "poisson", "only": ["trees"], "budget": "100steps"})
    folder = tmp_path / "run"
    (candidate, *_) = start_run(frame, config, folder, on_event=lambda event: None)
    ground, need = read_ground(folder), architecture(candidate.architecture).need
    assert len(folds_of(folder)) == (10 if n_rows == 400 else 1)
    zeros = {signature_at(fold.place, ground, need).zero for fold in folds_of(folder)}
    assert zeros == {ground.target_state["zero"]}
    assert ground.target_state["zero"] < 0.0
