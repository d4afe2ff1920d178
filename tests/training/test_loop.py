"""The training loop: learns, stops, pauses, goes on, and is the same each time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from lesson import SIGNATURE, STATE, TASK, TRAIN, VALID, WHOLE

from archwise.architectures import architecture
from archwise.errors import DivergedError, UsageError
from archwise.records import Candidate, CurvePoint, Plan, settings_of
from archwise.tasks import main_metric
from archwise.training import loop
from archwise.training.checkpoint import read_checkpoint
from archwise.training.loop import Limit, Tools, Trained, TrainJob, train
from archwise.training.network import Network, best_network, make_network

PLAN = Plan(epochs=12, batch=32, rate=3e-3, average=0.9, patience=12)
SMALL = {"layers": 2, "width": 16, "dropout": 0.2, "normalisation": "batch"}
ENTRY = architecture("mlp")


def network_of(plan: Plan) -> Network:
    candidate = Candidate("mlp", settings_of({**ENTRY.defaults(), **SMALL}.items()), plan)
    return make_network(ENTRY, candidate, SIGNATURE, TASK, STATE)


def job_of(plan: Plan) -> TrainJob:
    return TrainJob(TASK, STATE, main_metric(TASK, STATE), plan, "cpu")


def run(
    folder: Path,
    plan: Plan = PLAN,
    *,
    limit: Limit = WHOLE,
    on_point: Callable[[CurvePoint], None] = lambda point: None,
    clock: Callable[[], float] = lambda: 0.0,
) -> Trained:
    return train(
        network_of(plan),
        job_of(plan),
        train=TRAIN,
        valid=VALID,
        limit=limit,
        tools=Tools(folder / "checkpoint", on_point, clock),
    )


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return set(left) == set(right) and all(torch.equal(left[name], right[name]) for name in left)


def assert_same_run(left: Path, right: Path) -> None:
    one, other = read_checkpoint(left / "checkpoint"), read_checkpoint(right / "checkpoint")
    assert one.curve == other.curve
    assert one.step == other.step
    for part in ("weights", "average", "best", "optimizer"):
        assert same(getattr(one, part), getattr(other, part)), part
    assert torch.equal(one.outputs, other.outputs)
    assert torch.equal(one.generator, other.generator)


def test_it_learns_what_can_be_learnt(tmp_path: Path) -> None:
    trained = run(tmp_path, replace(PLAN, epochs=60, rate=1e-2, patience=60))
    assert trained.finished
    assert trained.score > 0.85


def test_the_same_seed_gives_the_same_weights(tmp_path: Path) -> None:
    for name in ("one", "other"):
        torch.manual_seed(hash(name) % 1000)
        run(tmp_path / name)
    assert_same_run(tmp_path / "one", tmp_path / "other")


def test_another_seed_gives_other_weights(tmp_path: Path) -> None:
    assert run(tmp_path / "one").curve != run(tmp_path / "other", replace(PLAN, seed=1)).curve


@pytest.mark.parametrize("average", [0.0, 0.9])
@pytest.mark.parametrize("optimizer", ["adamw", "nesterov", "rmsprop"])
def test_pausing_at_epoch_ends_and_between_changes_nothing(tmp_path: Path, optimizer: str, average: float) -> None:
    plan = replace(PLAN, optimizer=optimizer, average=average, epochs=6)
    whole = run(tmp_path / "whole", plan)
    for steps in (3, 20, 37, 40, 51):
        paused = run(tmp_path / "paused", plan, limit=Limit(100.0, steps))
        assert (paused.steps, paused.finished) == (steps, False)
    resumed = run(tmp_path / "paused", plan)
    assert_same_run(tmp_path / "whole", tmp_path / "paused")
    np.testing.assert_array_equal(whole.outputs, resumed.outputs)
    assert (whole.score, whole.curve, whole.steps) == (resumed.score, resumed.curve, resumed.steps)


def test_going_on_after_the_end_trains_nothing(tmp_path: Path) -> None:
    first = run(tmp_path)
    points: list[CurvePoint] = []
    again = run(tmp_path, on_point=points.append)
    assert not points
    assert (again.finished, again.steps, again.score) == (True, first.steps, first.score)


def test_it_pauses_at_the_share_of_epochs(tmp_path: Path) -> None:
    trained = run(tmp_path, limit=Limit(2.5))
    assert (trained.steps, trained.finished) == (25, False)


def test_it_pauses_when_its_seconds_are_over(tmp_path: Path) -> None:
    ticks = count()
    trained = run(tmp_path, limit=Limit(100.0, seconds=30.0), clock=lambda: float(next(ticks)))
    assert 20 <= trained.steps <= 30
    assert not trained.finished


def test_a_plan_that_does_not_fit_ends_at_the_limit(tmp_path: Path) -> None:
    plan = replace(PLAN, average=0.0)
    cut = run(tmp_path / "cut", plan, limit=Limit(100.0, 40))
    landed = run(tmp_path / "landed", plan, limit=Limit(100.0, 40, lands=True))
    assert (landed.steps, landed.finished, landed.skipped) == (40, True, pytest.approx(80.0))
    assert landed.curve[-1].step == 40
    assert (cut.finished, cut.skipped) == (False, 0.0)
    lasts = [read_checkpoint(tmp_path / name / "checkpoint").weights for name in ("cut", "landed")]
    assert not same(*lasts)


def test_a_plan_that_fits_is_trained_as_ever(tmp_path: Path) -> None:
    run(tmp_path / "one")
    run(tmp_path / "other", limit=Limit(100.0, 500, lands=True))
    assert_same_run(tmp_path / "one", tmp_path / "other")


def test_a_plan_cut_short_goes_on_from_a_checkpoint_as_if_never_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing = Limit(100.0, 40, lands=True)
    run(tmp_path / "whole", limit=landing)
    monkeypatch.setattr(loop, "CHECKPOINT_EVERY_S", -1.0)

    def stop(point: CurvePoint) -> None:
        if point.step == 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "stopped", limit=landing, on_point=stop)
    assert read_checkpoint(tmp_path / "stopped" / "checkpoint").skipped > 0.0
    assert run(tmp_path / "stopped", limit=landing).finished
    assert_same_run(tmp_path / "whole", tmp_path / "stopped")


def test_a_plan_ends_inside_its_seconds(tmp_path: Path) -> None:
    ticks = count()
    landed = run(tmp_path, limit=Limit(100.0, seconds=60.0, lands=True), clock=lambda: float(next(ticks)))
    assert landed.finished
    assert landed.steps < 40
    assert next(ticks) < 70


def test_without_time_for_a_step_the_answer_is_that_of_the_untrained_network(tmp_path: Path) -> None:
    trained = run(tmp_path, limit=Limit(100.0, seconds=0.0))
    assert trained.steps == 0
    assert trained.curve == ()
    assert np.isfinite(trained.score)
    assert trained.outputs.shape == (150, 2)


def test_it_stops_when_no_better_score_comes(tmp_path: Path) -> None:
    trained = run(tmp_path, replace(PLAN, epochs=500, patience=3, rate=0.03))
    best = max(point.score for point in trained.curve)
    best_step = next(point.step for point in trained.curve if point.score == best)
    assert trained.finished
    assert trained.stopped_early
    assert trained.score == best
    assert 30 <= trained.steps - best_step < 30 + 20
    assert run(tmp_path, replace(PLAN, epochs=500, patience=3, rate=0.03)).steps == trained.steps


def test_the_best_weights_answer_as_they_did_when_they_were_judged(tmp_path: Path) -> None:
    trained = run(tmp_path, replace(PLAN, epochs=40, rate=0.03, patience=40))
    network = best_network(network_of(PLAN), tmp_path / "checkpoint")
    with torch.no_grad():
        outputs = network(*(torch.from_numpy(VALID.batch[spec.name]) for spec in SIGNATURE.inputs))
    np.testing.assert_array_equal(outputs.numpy(), trained.outputs)
    weights = np.ones((1, 150))
    assert main_metric(TASK, STATE).score(VALID.targets, trained.outputs, weights)[0] == trained.score


def test_the_weights_that_are_judged_are_the_average(tmp_path: Path) -> None:
    run(tmp_path, replace(PLAN, average=0.99))
    checkpoint = read_checkpoint(tmp_path / "checkpoint")
    assert not same(checkpoint.average, checkpoint.weights)
    running = [name for name in checkpoint.weights if "running" in name]
    assert running
    assert all(torch.equal(checkpoint.average[name], checkpoint.weights[name]) for name in running)


def test_the_average_follows_its_rule(tmp_path: Path) -> None:
    plan = replace(PLAN, average=0.5)
    start = {name: each.clone() for name, each in network_of(plan).named_parameters()}
    run(tmp_path, plan, limit=Limit(100.0, 1))
    after = read_checkpoint(tmp_path / "checkpoint")
    for name, before in start.items():  # the share kept is the lesser of 0.5 and (1 + 0) / (10 + 0)
        torch.testing.assert_close(after.average[name], 0.1 * before + 0.9 * after.weights[name])


def test_a_loss_that_is_not_finite_is_named(tmp_path: Path) -> None:
    broken = replace(TRAIN, batch={**TRAIN.batch, "numbers": np.full((330, 3), np.nan, np.float32)})
    with pytest.raises(DivergedError, match="the training loss is nan"):
        train(
            network_of(PLAN),
            job_of(PLAN),
            train=broken,
            valid=VALID,
            limit=WHOLE,
            tools=Tools(tmp_path / "checkpoint", lambda point: None, lambda: 0.0),
        )


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"loss": "cross_entrpy"}, "loss of classify 'cross_entrpy'. Did you mean 'cross_entropy'"),
        ({"optimizer": "adamx"}, "no optimizer 'adamx'"),
        ({"schedule": "cosin"}, "Did you mean 'cosine'"),
    ],
)
def test_a_misspelt_name_in_the_plan_is_refused(tmp_path: Path, wrong: dict[str, str], told: str) -> None:
    with pytest.raises(UsageError) as error:
        run(tmp_path, replace(PLAN, **wrong))  # type: ignore[arg-type]
    assert told in str(error.value)


@pytest.mark.parametrize("loss", sorted(TASK.losses))
def test_every_loss_of_the_task_trains(tmp_path: Path, loss: str) -> None:
    trained = run(tmp_path, replace(PLAN, loss=loss, smoothing=0.05))
    assert trained.curve[-1].loss < trained.curve[0].loss


def test_fewer_rows_than_a_batch_train_too(tmp_path: Path) -> None:
    assert run(tmp_path, replace(PLAN, batch=1000, epochs=25)).steps == 25


def test_rows_that_cannot_be_written_to_are_left_alone(tmp_path: Path) -> None:
    TRAIN.batch["numbers"].flags.writeable = False
    try:
        assert run(tmp_path, limit=Limit(1.0)).steps == 10
    finally:
        TRAIN.batch["numbers"].flags.writeable = True


@pytest.mark.parametrize(("steps_an_epoch", "steps_a_look"), [(1, 20), (7, 21), (20, 20), (400, 400), (1001, 334)])
def test_the_validation_rows_are_looked_at_in_reasonable_time(steps_an_epoch: int, steps_a_look: int) -> None:
    assert loop._steps_a_look(steps_an_epoch) == steps_a_look


def test_a_long_run_leaves_checkpoints_on_its_way(tmp_path: Path) -> None:
    seen: list[bool] = []
    clock = count(step=10)
    run(
        tmp_path,
        limit=Limit(100.0, 60),
        on_point=lambda point: seen.append((tmp_path / "checkpoint").exists()),
        clock=lambda: float(next(clock)),
    )
    assert seen == [False, True, True]


# ---------------------------------------------------------------- where the caller chooses


def run_unchosen(folder: Path, plan: Plan = PLAN, *, limit: Limit = WHOLE) -> Trained:
    tools = Tools(folder / "checkpoint", lambda point: None, lambda: 0.0)
    job = replace(job_of(plan), chooses=False)
    return train(network_of(plan), job, train=TRAIN, valid=VALID, limit=limit, tools=tools)


def test_where_the_caller_chooses_every_look_is_kept_and_nothing_stops_early(tmp_path: Path) -> None:
    trained = run_unchosen(tmp_path, replace(PLAN, epochs=10, patience=1))
    assert (trained.steps, trained.stopped_early) == (100, False)
    assert trained.looks.shape == (len(trained.curve), 150, 2)
    ones = np.ones((1, 150))
    scores = [float(main_metric(TASK, STATE).score(VALID.targets, look, ones)[0]) for look in trained.looks]
    assert scores == [point.score for point in trained.curve]


def test_where_the_caller_chooses_the_weights_are_those_at_the_end(tmp_path: Path) -> None:
    trained = run_unchosen(tmp_path, replace(PLAN, average=0.0))
    saved = read_checkpoint(tmp_path / "checkpoint")
    assert same(saved.best, saved.weights)
    np.testing.assert_array_equal(trained.outputs, trained.looks[-1])


def test_pausing_keeps_the_looks_where_the_caller_chooses(tmp_path: Path) -> None:
    whole = run_unchosen(tmp_path / "whole")
    for epochs in (2.5, 7.0):
        run_unchosen(tmp_path / "paused", limit=Limit(epochs))
    paused = run_unchosen(tmp_path / "paused")
    np.testing.assert_array_equal(paused.looks, whole.looks)
    assert paused.curve == whole.curve
