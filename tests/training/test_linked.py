"""Losses whose heads end in a link train in a stack as they do alone, and an ensemble's members each on their own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from archwise.architectures import architecture
from archwise.records import Candidate, InputSpec, Json, Plan, Signature, Task, settings_of
from archwise.tasks import main_metric, task
from archwise.training.agreement import stack_key
from archwise.training.loop import Examples, Limit, Tools, Trained, TrainJob, train
from archwise.training.network import make_network
from archwise.training.stacked import Member, train_stacked

SIGNATURE = Signature((InputSpec("numbers", "float32", 3),), 1)
RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=(300, 3)).astype(np.float32)
PLAN = Plan(epochs=9, batch=32, rate=3e-3, average=0.9, patience=9)
COUNTS = pl.Series("y", RNG.poisson(np.exp(1.0 + NUMBERS[:, 0])) + 1.0)
GRADES = pl.Series("y", np.digitize(NUMBERS[:, 0] + RNG.normal(size=300), [-1.0, 0.0, 1.0]).astype(str))
LABELS = pl.Series("y", [";a;b;" if row[0] > 0 else ";b;" if row[1] > 0 else ";" for row in NUMBERS])
CASES = {
    "poisson": ("regress", COUNTS),
    "mean_squared_log": ("regress", COUNTS),
    "quantiles": ("regress", COUNTS),
    "ordinal": ("classify", GRADES),
    "binary_cross_entropy": ("multilabel", LABELS),
}


def prepared(loss: str) -> tuple[Task, Mapping[str, Json], Examples]:
    name, values = CASES[loss]
    kind = task(name)
    state = kind.encode_fit(values)
    if kind.aim is not None:
        state = kind.aim(state, loss, tuple(sorted(set(GRADES))))
    return kind, state, Examples({"numbers": NUMBERS}, kind.encode(state, values))


def member(loss: str, folder: Path, *, rate: float = 3e-3, name: str = "mlp") -> Member:
    kind, state, _ = prepared(loss)
    small = {"layers": 1, "width": 16, "numbers": "plain"} if name == "mlp" else {"layers": 1, "width": 16}
    settings = settings_of({**architecture(name).defaults(), **small}.items())
    candidate = Candidate(name, settings, replace(PLAN, loss=loss, rate=rate))
    network = make_network(architecture(name), candidate, SIGNATURE, kind, state)
    job = TrainJob(kind, state, main_metric(kind, state), candidate.plan, "cpu")
    return Member(network, job, Tools(folder, lambda point: None, lambda: 0.0))


def alone(member: Member, rows: Examples) -> Trained:
    return train(member.network, member.job, train=rows, valid=rows, limit=Limit(99.0), tools=member.tools)


@pytest.mark.parametrize("loss", CASES)
def test_members_of_a_stack_learn_what_they_learn_alone(tmp_path: Path, loss: str) -> None:
    rows = prepared(loss)[2]
    rates = (1e-3, 3e-3, 5e-3)
    stack = [member(loss, tmp_path / f"stacked-{rate}", rate=rate) for rate in rates]
    reached = train_stacked(stack, train=rows, valid=rows, limit=Limit(99.0))
    for rate, each in zip(rates, reached, strict=True):
        expected = alone(member(loss, tmp_path / f"alone-{rate}", rate=rate), rows)
        assert isinstance(each, Trained)
        assert each.score == pytest.approx(expected.score, rel=1e-3)
        np.testing.assert_allclose(each.outputs, expected.outputs, rtol=1e-2, atol=2e-3)


@pytest.mark.parametrize("loss", CASES)
def test_an_ensemble_learns_through_the_link(tmp_path: Path, loss: str) -> None:
    rows = prepared(loss)[2]
    trained = alone(member(loss, tmp_path / "one", name="tabm"), rows)
    assert trained.curve[-1].loss < trained.curve[0].loss
    assert np.isfinite(trained.outputs).all()


def test_candidates_of_different_losses_share_no_stack() -> None:
    candidate = Candidate("mlp", settings_of(architecture("mlp").defaults().items()), PLAN)
    assert stack_key(candidate) != stack_key(replace(candidate, plan=replace(PLAN, loss="poisson")))
