"""The stack: each member learns what it learns alone, leaves when it is done, and goes on alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
import torch
from lesson import SIGNATURE, STATE, TASK, TRAIN, VALID, WHOLE

from archwise.architectures import architecture
from archwise.errors import DivergedError
from archwise.records import Candidate, Plan, Scalar, settings_of
from archwise.tasks import main_metric
from archwise.training.agreement import stack_key
from archwise.training.checkpoint import read_checkpoint
from archwise.training.loop import Limit, Tools, Trained, TrainJob, train
from archwise.training.optimizer import OPTIMIZERS
from archwise.training.stacked import Member, Reached, alike, pays, train_stacked

PLAN = Plan(epochs=6, batch=32, rate=3e-3, average=0.9, patience=6, fade="flat_cosine")
SMALL: dict[str, Scalar] = {"layers": 2, "width": 16, "dropout": 0.2}


def candidate_of(plan: Plan, name: str = "mlp", settings: dict[str, Scalar] = SMALL) -> Candidate:
    return Candidate(name, settings_of({**architecture(name).defaults(), **settings}.items()), plan)


def member_of(candidate: Candidate, checkpoint: Path) -> Member:
    from archwise.training.network import make_network

    network = make_network(architecture(candidate.architecture), candidate, SIGNATURE, TASK, STATE)
    job = TrainJob(TASK, STATE, main_metric(TASK, STATE), candidate.plan, "cpu")
    return Member(network, job, Tools(checkpoint, lambda point: None, lambda: 0.0))


def alone(member: Member, limit: Limit = WHOLE) -> Trained:
    return train(member.network, member.job, train=TRAIN, valid=VALID, limit=limit, tools=member.tools)


def together(candidates: Sequence[Candidate], folder: Path, limit: Limit = WHOLE) -> tuple[Reached, ...]:
    members = [member_of(candidate, folder / str(place)) for place, candidate in enumerate(candidates)]
    return train_stacked(members, train=TRAIN, valid=VALID, limit=limit)


def assert_close(left: Path, right: Path) -> None:
    """Whether two checkpoints are of one training, to rounding."""
    one, other = read_checkpoint(left), read_checkpoint(right)
    assert (one.step, one.best_step, one.stopped) == (other.step, other.best_step, other.stopped)
    assert torch.equal(one.generator, other.generator)
    for part in ("weights", "average", "best", "optimizer"):
        torch.testing.assert_close(getattr(one, part), getattr(other, part), rtol=1e-2, atol=1e-3)
    torch.testing.assert_close(one.outputs, other.outputs, rtol=1e-2, atol=1e-3)
    assert [point.loss for point in one.curve] == pytest.approx([point.loss for point in other.curve], rel=1e-3)


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
def test_a_member_learns_what_it_learns_alone(tmp_path: Path, optimizer: str) -> None:
    plan = replace(PLAN, optimizer=optimizer)
    plans = [
        plan,
        replace(plan, seed=1),
        replace(plan, rate=1e-3, decay=0.1, momentum=0.8),
        replace(plan, clip=0.0, average=0.0),
    ]
    candidates = [candidate_of(each) for each in plans]
    together(candidates, tmp_path / "stack")
    for place, candidate in enumerate(candidates):
        alone(member_of(candidate, tmp_path / f"alone{place}"))
        assert_close(tmp_path / "stack" / str(place), tmp_path / f"alone{place}")


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("perceptron", {}),
        ("mlp", {**SMALL, "normalisation": "batch"}),
        ("mlp", {**SMALL, "normalisation": "layer", "activation": "gelu"}),
        ("realmlp", {"width": 16, "layers": 2}),
        ("resnet-mlp", {"width": 16, "blocks": 1}),
    ],
)
def test_networks_of_every_kind_learn_what_they_learn_alone(
    tmp_path: Path, name: str, settings: dict[str, Scalar]
) -> None:
    plan = replace(PLAN, optimizer="sgd", epochs=3)  # adam makes steps of the noise before batch normalisation
    candidates = [candidate_of(replace(plan, seed=seed), name, settings) for seed in (0, 1)]
    together(candidates, tmp_path / "stack")
    for place, candidate in enumerate(candidates):
        alone(member_of(candidate, tmp_path / f"alone{place}"))
        assert_close(tmp_path / "stack" / str(place), tmp_path / f"alone{place}")


def test_members_may_drop_different_shares(tmp_path: Path) -> None:
    candidates = [candidate_of(PLAN, settings={**SMALL, "dropout": share}) for share in (0.1, 0.4)]
    together(candidates, tmp_path / "stack")
    for place, candidate in enumerate(candidates):
        alone(member_of(candidate, tmp_path / f"alone{place}"))
        assert_close(tmp_path / "stack" / str(place), tmp_path / f"alone{place}")


def test_a_member_goes_on_alone_and_a_lone_one_enters_a_stack(tmp_path: Path) -> None:
    candidates = [candidate_of(replace(PLAN, seed=seed)) for seed in range(2)]
    together(candidates, tmp_path, Limit(100.0, 17))
    alone(member_of(candidates[0], tmp_path / "0"), Limit(100.0, 31))
    alone(member_of(candidates[1], tmp_path / "1"), Limit(100.0, 31))
    together(candidates, tmp_path, WHOLE)
    alone(member_of(candidates[1], tmp_path / "whole"))
    assert_close(tmp_path / "1", tmp_path / "whole")


def test_a_member_that_diverges_leaves_the_rest_untouched(tmp_path: Path) -> None:
    plan = replace(PLAN, optimizer="sgd", clip=0.0, average=0.0)
    candidates = [candidate_of(plan), candidate_of(replace(plan, rate=1e20)), candidate_of(replace(plan, seed=1))]
    reached = together(candidates, tmp_path / "stack")
    assert isinstance(reached[1], DivergedError)
    assert "try a smaller rate than 1e+20" in str(reached[1])
    for place in (0, 2):
        alone(member_of(candidates[place], tmp_path / f"alone{place}"))
        assert_close(tmp_path / "stack" / str(place), tmp_path / f"alone{place}")


def test_each_member_has_its_own_patience(tmp_path: Path) -> None:
    plan = replace(PLAN, epochs=60, rate=0.03, patience=60)
    candidates = [candidate_of(plan), candidate_of(replace(plan, patience=3))]
    whole, stopped = together(candidates, tmp_path / "stack", Limit(20.0))
    assert isinstance(whole, Trained)
    assert isinstance(stopped, Trained)
    assert (whole.steps, whole.finished, whole.stopped_early) == (200, False, False)
    assert stopped.stopped_early
    assert stopped.steps == alone(member_of(candidates[1], tmp_path / "alone"), Limit(20.0)).steps < 200


def test_a_member_that_stands_elsewhere_is_left_as_it_was(tmp_path: Path) -> None:
    candidates = [candidate_of(replace(PLAN, seed=seed)) for seed in range(3)]
    alone(member_of(candidates[1], tmp_path / "1"), Limit(100.0, 5))
    reached = together(candidates, tmp_path, Limit(100.0, 20))
    assert [each is None for each in reached] == [False, True, False]
    assert read_checkpoint(tmp_path / "1").step == 5


def test_a_member_of_another_form_is_left_as_it_was(tmp_path: Path) -> None:
    others = {**SMALL, "activation": "tanh"}
    reached = together([candidate_of(PLAN), candidate_of(PLAN, settings=others)], tmp_path, Limit(1.0))
    assert [each is None for each in reached] == [False, True]


def test_members_pause_when_their_share_of_the_time_is_over(tmp_path: Path) -> None:
    ticks = count()
    members = [member_of(candidate_of(replace(PLAN, seed=seed)), tmp_path / str(seed)) for seed in range(2)]
    members = [replace(each, tools=replace(each.tools, clock=lambda: float(next(ticks)))) for each in members]
    reached = train_stacked(members, train=TRAIN, valid=VALID, limit=Limit(100.0, seconds=20.0))
    for each in reached:
        assert isinstance(each, Trained)
        assert 20.0 <= each.seconds < 25.0
        assert 0 < each.steps < 40


def test_a_stack_stops_at_its_moment(tmp_path: Path) -> None:
    members = [member_of(candidate_of(replace(PLAN, seed=seed)), tmp_path / str(seed)) for seed in range(2)]
    reached = train_stacked(members, train=TRAIN, valid=VALID, limit=WHOLE, stop_at=0.0)
    assert [each.steps for each in reached if isinstance(each, Trained)] == [0, 0]


def test_dropout_of_torch_keeps_networks_out_of_a_stack(tmp_path: Path) -> None:
    candidates = [candidate_of(PLAN, settings={**SMALL, "activation": "selu"})] * 2
    with pytest.raises(RuntimeError, match="randomness"):
        together(candidates, tmp_path)


def test_few_or_large_networks_are_not_stacked(tmp_path: Path) -> None:
    small = member_of(candidate_of(PLAN), tmp_path / "small")
    large = member_of(candidate_of(PLAN, settings={"width": 1024}), tmp_path / "large")
    assert pays([small] * 4)
    assert not pays([small] * 3)
    assert not pays([large] * 4)


def test_networks_that_differ_in_their_numbers_alone_are_alike(tmp_path: Path) -> None:
    def network(**settings: Scalar) -> torch.nn.Module:
        return member_of(candidate_of(PLAN, settings={**SMALL, **settings}), tmp_path).network

    assert alike(network(), network(dropout=0.4, frequency=1.0))
    assert not alike(network(), network(activation="tanh"))
    assert not alike(network(), network(width=17))


def test_the_key_is_equal_where_only_rates_seeds_and_shares_differ() -> None:
    key = stack_key(candidate_of(PLAN))
    assert key == stack_key(
        candidate_of(replace(PLAN, rate=0.1, seed=7, decay=0.0), settings={**SMALL, "dropout": 0.5})
    )
    assert key != stack_key(candidate_of(PLAN, settings={**SMALL, "dropout": 0.0}))
    assert key != stack_key(candidate_of(replace(PLAN, batch=64)))
    assert key != stack_key(candidate_of(PLAN, settings={**SMALL, "width": 17}))
