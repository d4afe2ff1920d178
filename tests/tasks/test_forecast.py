"""The task of forecasting: its figures against formulas in float64, its intervals, and its loss."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch

from archwise.errors import UsageError
from archwise.records import Array, Json
from archwise.tasks import main_metric, task

TASK = task("forecast")
M, H, N = 2, 4, 300
STATE: dict[str, Json] = {"targets": ["y", "z"], "horizon": H, "n_series": 1, "season": 3}


def example(seed: int = 0, *, n: int = N, unknown: float = 0.1) -> tuple[Array, Array]:
    """Targets with the scale of their series, some of them unknown, and outputs near them."""
    rng = np.random.default_rng(seed)
    steps = rng.normal(size=(n, M * H))
    outputs = steps + rng.normal(0, 0.5, size=steps.shape) * np.tile(np.arange(1, H + 1), M)
    steps[rng.random(steps.shape) < unknown] = np.nan
    of_series = np.tile([10.0, -5.0, 2.0, 3.0, 1.5, 0.5, 2.0, 3.0], (n, 1))  # means, scales, naive, spreads
    return np.concatenate([steps, of_series], axis=1).astype(np.float32), outputs.astype(np.float32)


def score(name: str, targets: Array, outputs: Array) -> float:
    return float(main_metric(TASK, STATE, name).score(targets, outputs, np.ones((1, len(targets))))[0])


def by_hand(targets: Array, outputs: Array) -> tuple[Array, Array, Array, Array]:
    """Truth and answers in units, scale and naive distance, all (N, M, H), float64."""
    wide = targets.astype(np.float64)
    mean, scale, naive = (wide[:, M * H + part * M :][:, :M, None] for part in range(3))
    truth, given = (each[:, : M * H].astype(np.float64).reshape(-1, M, H) * scale + mean for each in (targets, outputs))
    return truth, given, np.broadcast_to(scale, truth.shape), np.broadcast_to(naive, truth.shape)


def test_every_figure_is_its_formula_over_the_known_steps() -> None:
    targets, outputs = example()
    truth, given, scale, naive = by_hand(targets, outputs)
    apart = given - truth
    expected = {
        "mse": np.nanmean((apart / scale) ** 2),
        "mae": np.nanmean(np.abs(apart)),
        "rmse": np.sqrt(np.nanmean(apart**2)),
        "mase": np.nanmean(np.abs(apart) / naive),
        "smape": np.nanmean(200 * np.abs(apart) / (np.abs(given) + np.abs(truth))),
        "pinball": np.nanmean(0.5 * np.abs(apart / scale)),
    }
    for name, value in expected.items():
        assert score(name, targets, outputs) == pytest.approx(value, rel=1e-5), name


def test_weights_count_rows() -> None:
    targets, outputs = example(n=20)
    weights = np.random.default_rng(1).integers(0, 3, (5, 20)).astype(float)
    metric = main_metric(TASK, STATE, "mse")
    for row, found in zip(weights, metric.score(targets, outputs, weights), strict=True):
        drawn = np.repeat(np.arange(20), row.astype(int))
        assert found == pytest.approx(score("mse", targets[drawn], outputs[drawn]), rel=1e-9)


def test_outputs_that_are_no_numbers_are_the_worst() -> None:
    targets, outputs = example(n=10)
    outputs[3, 2] = np.nan
    assert score("mse", targets, outputs) == np.inf
    assert score("smape", targets, outputs) == 200.0


def test_one_series_is_judged_by_squares_and_several_by_mase() -> None:
    assert main_metric(TASK, STATE).name == "mse"
    assert main_metric(TASK, {**STATE, "n_series": 7}).name == "mase"


@pytest.mark.parametrize("learnt", [False, True])
def test_intervals_hold_nine_of_ten_at_every_step(learnt: bool) -> None:
    held = []
    for seed in range(40):
        targets, outputs = example(seed, n=600, unknown=0.05)
        if learnt:
            outputs = np.concatenate([outputs, outputs - 0.2, outputs + 0.2], axis=1)
        calibration = TASK.calibrate(STATE, outputs[:300], targets[:300])
        served = TASK.served(calibration, outputs[300:], main_metric(TASK, STATE))
        truth = targets[300:, : M * H]
        inside = (served[:, M * H : 2 * M * H] <= truth) & (truth <= served[:, 2 * M * H :])
        known = ~np.isnan(truth)
        held.append([(inside & known)[:, step].sum() / known[:, step].sum() for step in range(M * H)])
    assert np.abs(np.mean(held, axis=0) - 0.9).max() < 0.015
    widths = (served[:, 2 * M * H :] - served[:, M * H : 2 * M * H]).mean(axis=0).reshape(M, H)
    assert (np.diff(widths, axis=1) > 0).all()  # the steps farther ahead are less sure in these rows


def test_the_check_counts_what_the_intervals_hold() -> None:
    targets, outputs = example(n=600)
    calibration = TASK.calibrate(STATE, outputs[:300], targets[:300])
    assert TASK.check is not None
    facts = TASK.check(STATE, calibration, outputs[300:], targets[300:])
    assert facts["n_judged"] == int((~np.isnan(targets[300:, : M * H])).sum())
    assert 0.85 < facts["n_held"] / facts["n_judged"] < 0.95
    served = TASK.served(calibration, outputs[300:], main_metric(TASK, STATE))
    assert score("coverage", targets[300:], served) == pytest.approx(facts["n_held"] / facts["n_judged"])


def test_answers_name_each_step_of_each_target() -> None:
    _, outputs = example(n=3)
    found = TASK.answers(STATE, {}, outputs)
    assert list(found)[:5] == ["y+1", "y+2", "y+3", "y+4", "z+1"]
    np.testing.assert_allclose(found["z+1"], outputs[:, H])


@pytest.mark.parametrize(("loss", "power"), [("mean_squared", 2), ("mean_absolute", 1)])
def test_losses_are_their_formula_and_pass_over_unknown_steps(loss: str, power: int) -> None:
    targets, outputs = example(n=9)
    given = torch.from_numpy(outputs).requires_grad_()
    found = TASK.losses[loss](given, torch.from_numpy(targets), STATE)
    expected = np.nanmean(np.abs(outputs - targets[:, : M * H]).astype(np.float64) ** power, axis=1)
    np.testing.assert_allclose(found.detach(), expected, rtol=1e-5)
    found.sum().backward()
    assert given.grad is not None
    assert given.grad.isfinite().all()
    assert (given.grad.numpy()[np.isnan(targets[:, : M * H])] == 0).all()


def test_quantiles_are_least_at_the_quantiles() -> None:
    rng = np.random.default_rng(0)
    truth = torch.from_numpy(rng.normal(size=(20_000, 1)).astype(np.float32))
    levels = torch.linspace(-2.5, 2.5, 101)

    def best(part: int) -> float:
        losses = []
        for level in levels:
            outputs = torch.zeros(len(truth), 3)
            outputs[:, part] = level
            losses.append(float(TASK.losses["quantiles"](outputs, truth, {}).mean()))
        return float(levels[int(np.argmin(losses))])

    assert [best(part) for part in range(3)] == pytest.approx([0.0, -1.645, 1.645], abs=0.06)


def test_a_forecast_without_a_horizon_is_refused_in_words() -> None:
    with pytest.raises(UsageError, match="say how many steps: --horizon 24"):
        TASK.encode_fit(pl.Series("y", [1.0, 2.0]))


def test_figures_of_a_logarithm_are_those_of_the_amounts() -> None:
    targets, outputs = example(unknown=0.0)
    state = {**STATE, "logs": [True, False]}
    truth, given, _, naive = by_hand(targets, outputs)
    truth[:, 0], given[:, 0] = np.exp(truth[:, 0]), np.exp(given[:, 0])
    spread = targets[:, -2:].astype(np.float64)[:, :, None]
    one = np.ones((1, len(targets)))
    for name, value in {
        "mae": np.abs(given - truth).mean(),
        "mse": (((given - truth) / spread) ** 2).mean(),
        "mase": (np.abs(given - truth) / naive).mean(),
    }.items():
        found = float(main_metric(TASK, state, name).score(targets, outputs, one)[0])
        assert found == pytest.approx(value, rel=1e-5), name
