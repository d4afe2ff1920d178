"""Networks that learn from pictures: augmented, of mixed precision, and paused at any step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from archwise.architectures import architecture
from archwise.records import Candidate, InputSpec, Plan, Scalar, Signature, settings_of
from archwise.tasks import main_metric, task
from archwise.training import look, loop
from archwise.training.checkpoint import read_checkpoint
from archwise.training.device import has_fast_bfloat16, products
from archwise.training.loop import Examples, Limit, Tools, Trained, TrainJob, train
from archwise.training.network import Network, make_network
from archwise.training.stacked import Member, pays

SIGNATURE = Signature((InputSpec("image", "uint8", 12 * 12 * 3, shape=(12, 12, 3)),), 2)
TASK = task("classify")
STATE = {"classes": ["a", "b"], "counts": [40, 40], "positive": 1}
ALL = "flip+shift+rotate+colour+cutout+mixup"
PLAN = Plan(epochs=4, batch=16, rate=3e-3, average=0.9, patience=9, augment=ALL)


def examples(n: int, seed: int) -> Examples:
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, n)
    pixels = generator.integers(0, 200, (n, 12, 12, 3)) + 50 * labels[:, None, None, None]
    return Examples({"image": pixels.astype(np.uint8)}, labels)


def run(
    folder: Path, plan: Plan = PLAN, *, name: str = "cnn", limit: Limit | None = None, **settings: Scalar
) -> Trained:
    entry = architecture(name)
    pairs = settings_of({**entry.defaults(), **settings}.items())
    return train(
        make_network(entry, Candidate(name, pairs, plan), SIGNATURE, TASK, STATE),
        TrainJob(TASK, STATE, main_metric(TASK, STATE), plan, "cpu"),
        train=examples(70, seed=0),
        valid=examples(40, seed=1),
        limit=limit or Limit(100.0),
        tools=Tools(folder / "checkpoint", lambda point: None, lambda: 0.0),
    )


@pytest.mark.parametrize("augment", ["none", "flip+shift", ALL])
@pytest.mark.parametrize("precision", ["full", "mixed"])
def test_pausing_changes_nothing(tmp_path: Path, augment: str, precision: str) -> None:
    plan = replace(PLAN, augment=augment, precision=precision)
    whole = run(tmp_path / "whole", plan, filters=8)
    for steps in (1, 6, 11):
        assert run(tmp_path / "paused", plan, limit=Limit(100.0, steps), filters=8).steps == steps
    resumed = run(tmp_path / "paused", plan, filters=8)
    assert resumed.curve == whole.curve
    np.testing.assert_array_equal(resumed.outputs, whole.outputs)
    one, other = (read_checkpoint(tmp_path / place / "checkpoint") for place in ("whole", "paused"))
    for part in ("weights", "average", "best", "optimizer"):
        mine, its = getattr(one, part), getattr(other, part)
        assert all(torch.equal(mine[key], its[key]) for key in mine), part


def test_augmentation_changes_what_is_learnt_and_not_what_is_judged(tmp_path: Path) -> None:
    plain = run(tmp_path / "plain", replace(PLAN, augment="none"), filters=8)
    changed = run(tmp_path / "changed", filters=8)
    assert changed.curve[-1].loss != plain.curve[-1].loss
    untrained = [
        run(tmp_path / name, replace(PLAN, augment=name), limit=Limit(0.0, 1), filters=8).outputs.shape
        for name in ("none", "flip")
    ]
    assert untrained == [(40, 2), (40, 2)]


@pytest.mark.parametrize("name", ["cnn", "resnet", "pixels"])
def test_pictures_of_two_brightnesses_are_told_apart(tmp_path: Path, name: str) -> None:
    plan = replace(PLAN, epochs=15, augment="flip+shift", precision="mixed")
    assert run(tmp_path, plan, name=name).score > 0.9


def test_statistics_of_normalisations_are_averaged_as_the_weights_are(tmp_path: Path) -> None:
    run(tmp_path, replace(PLAN, average=0.5, augment="none"), limit=Limit(100.0, 1), filters=8)
    after = read_checkpoint(tmp_path / "checkpoint")
    means = [name for name in after.weights if name.endswith("running_mean")]
    assert means
    for name in means:  # they begin at nought, and the share kept at the first step is a tenth
        torch.testing.assert_close(after.average[name], 0.9 * after.weights[name])


def test_networks_that_read_pictures_are_not_stacked(tmp_path: Path) -> None:
    entry = architecture("cnn")
    plans = [replace(PLAN, rate=rate) for rate in (1e-3, 2e-3, 3e-3, 4e-3)]
    members = [
        Member(
            make_network(entry, Candidate("cnn", settings_of(entry.defaults().items()), plan), SIGNATURE, TASK, STATE),
            TrainJob(TASK, STATE, main_metric(TASK, STATE), plan, "cpu"),
            Tools(tmp_path / str(plan.rate), lambda point: None, lambda: 0.0),
        )
        for plan in plans
    ]
    assert not pays(members)


def test_products_are_full_where_nothing_else_is_asked() -> None:
    left, right = torch.rand(8, 8), torch.rand(8, 8)
    device = torch.device("cpu")
    with products(device, "full"):
        assert (left @ right).dtype == torch.float32
    with products(device, "mixed"):
        assert (left @ right).dtype == (torch.bfloat16 if has_fast_bfloat16(device) else torch.float32)


class Busy:
    """A clock that goes on by a thousandth of a second when it is read."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


def test_the_look_at_the_end_falls_into_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, answers = Busy(), look.answers

    def slow(network: Network, inputs: list[torch.Tensor], n_rows: int, *, lengths: None = None) -> torch.Tensor:
        clock.now += 0.01 * n_rows
        return answers(network, inputs, n_rows, lengths=lengths)

    monkeypatch.setattr(look, "answers", slow)
    monkeypatch.setattr(loop, "answers", slow)
    monkeypatch.setattr(look, "_ROWS_TIMED", 100)
    entry, plan = architecture("pixels"), replace(PLAN, epochs=10_000, augment="none")
    pairs = settings_of({**entry.defaults(), "width": 16}.items())
    trained = train(
        make_network(entry, Candidate("pixels", pairs, plan), SIGNATURE, TASK, STATE),
        TrainJob(TASK, STATE, main_metric(TASK, STATE), plan, "cpu"),
        train=examples(5_000, seed=0),
        valid=examples(1_000, seed=1),
        limit=Limit(10_000.0, seconds=12.0),  # a look takes 10 s, what it takes is told in 1 s
        tools=Tools(tmp_path / "checkpoint", lambda point: None, clock),
    )
    assert trained.steps > 10
    assert trained.seconds < 12.1
