"""A loss that the user names, from the start of a run to its written network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from archwise.architectures import architecture
from archwise.choice.run import Ground, read_batch, read_candidates, read_ground, read_targets
from archwise.choice.start import start_run
from archwise.config import Config
from archwise.errors import TargetError, UsageError
from archwise.model.export import check_parity, export_network
from archwise.model.session import open_session, outputs
from archwise.records import Json
from archwise.tasks import main_metric, task
from archwise.training.loop import Examples, Limit, Tools, TrainJob, train
from archwise.training.network import make_network

N = 600


def frame() -> pl.DataFrame:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=N), rng.normal(size=N)
    score = a + 0.5 * rng.normal(size=N)
    return pl.DataFrame(
        {
            "a": a,
            "b": b,
            "visits": rng.poisson(np.exp(1.0 + 0.6 * a)),
            "price": np.exp(3.0 + a + 0.8 * rng.normal(size=N)),
            "stars": np.digitize(score, [-1.0, -0.3, 0.3, 1.0]) + 8,  # 8 to 12, which as text are in another order
        }
    )


def labels() -> pl.DataFrame:
    told = frame().select("a", "b", "price")
    return told.with_columns(cheap=pl.col("price") < 20, near=(pl.col("a") + pl.col("b") > 0).cast(pl.Int8)).drop(
        "price"
    )


def start(folder: Path, target: str, loss: str, **options: Json) -> Ground:
    others = tuple({"visits", "price", "stars"} - {target})
    config = Config(target=target, loss=loss, drop=others, only=("mlp",), budget="400steps", **options)
    start_run(frame(), config, folder, on_event=lambda event: None)
    return read_ground(folder)


@pytest.mark.parametrize(
    ("target", "loss", "metric"),
    [
        ("visits", "poisson", "rmse"),
        ("price", "mean_squared_log", "rmse"),
        ("price", "quantile", "mae"),
        ("price", "quantiles", "mae"),
        ("stars", "ordinal", "quadratic_kappa"),
    ],
)
def test_a_named_loss_is_learnt_and_written_and_brings_its_metric(
    tmp_path: Path, target: str, loss: str, metric: str
) -> None:
    ground = start(tmp_path / "run", target, loss)
    assert ground.metric == metric
    entry, kind_of_task = architecture("mlp"), task(ground.profile.task)
    candidate = read_candidates(tmp_path / "run")[0]
    plan = replace(candidate.plan, epochs=10, average=0.0, rate=3e-3, batch=64)
    signature = ground.signature(entry.need)
    network = make_network(entry, replace(candidate, plan=plan), signature, kind_of_task, ground.target_state)
    parts = [
        Examples(read_batch(tmp_path / "run", entry.need, part), read_targets(tmp_path / "run", part))
        for part in ("train", "valid")
    ]
    trained = train(
        network,
        TrainJob(kind_of_task, ground.target_state, main_metric(kind_of_task, ground.target_state), plan, "cpu"),
        train=parts[0],
        valid=parts[1],
        limit=Limit(10.0),
        tools=Tools(tmp_path / "checkpoint", lambda point: None, lambda: 0.0),
    )
    assert trained.curve[-1].loss < trained.curve[0].loss
    rows = {name: np.array(array[:50]) for name, array in parts[1].batch.items()}
    with torch.inference_mode():
        answered = network.eval()(*(torch.from_numpy(rows[spec.name]) for spec in signature.inputs)).numpy()
    written = outputs(open_session(export_network(network, rows, signature)), rows)
    check_parity(answered, written, lambda values: kind_of_task.answers(ground.target_state, {}, values))


def test_the_log_scale_is_answered_by_means_not_by_medians(tmp_path: Path) -> None:
    """Without a lift the exponential of the mean logarithm would lie a quarter below the mean of these prices."""
    ground = start(tmp_path / "run", "price", "mean_squared_log")
    state = ground.target_state
    head = task("regress").head(1, {**state, "loss": "mean_squared_log"})
    prices = torch.from_numpy(read_targets(tmp_path / "run", "train").copy())
    loss_of = task("regress").losses["mean_squared_log"]
    optimizer = torch.optim.Adam(head.parameters(), lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        loss_of(head.train()(torch.zeros(len(prices), 1)), prices, state).mean().backward()
        optimizer.step()
    answer = head.eval()(torch.zeros(1, 1)).item()
    assert answer == pytest.approx(prices.mean().item(), abs=0.02)


def test_whole_numbers_of_few_levels_are_ordered_as_numbers(tmp_path: Path) -> None:
    state = start(tmp_path / "run", "stars", "ordinal").target_state
    assert state["classes"] == ["8", "9", "10", "11", "12"]
    assert state["is_ordered"]


def test_a_loss_says_which_task_is_meant(tmp_path: Path) -> None:
    assert start(tmp_path / "run", "stars", "poisson").profile.task == "regress"


def test_a_metric_that_was_asked_for_goes_before_that_of_the_loss(tmp_path: Path) -> None:
    assert start(tmp_path / "run", "price", "quantiles", metric="r2").metric == "r2"


def test_a_loss_that_does_not_fit_the_target_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(TargetError, match="--loss poisson needs values of 0 or more"):
        start_run(frame(), Config(target="a", loss="poisson"), tmp_path / "run", on_event=lambda event: None)
    assert not (tmp_path / "run").exists()


def test_a_loss_of_another_task_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no loss of classify 'poisson'"):
        start(tmp_path / "run", "stars", "poisson", task="classify")


def test_several_columns_of_yes_and_no_are_one_target_of_labels(tmp_path: Path) -> None:
    config = Config(target="cheap,near", only=("mlp",), budget="400steps")
    start_run(labels(), config, tmp_path / "run", on_event=lambda event: None)
    ground = read_ground(tmp_path / "run")
    assert (ground.profile.task, ground.metric, ground.n_outputs) == ("multilabel", "macro_auc", 2)
    assert [name for name, _ in ground.columns] == ["a", "b"]
    targets = read_targets(tmp_path / "run", "train")
    assert targets.shape == (ground.n_train, 2)
    assert set(np.unique(targets)) == {0.0, 1.0}
