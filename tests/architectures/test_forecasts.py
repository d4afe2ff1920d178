"""Claims that hold for every architecture that forecasts, and for each of the references on its own."""

from __future__ import annotations

import random
import warnings
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

from archwise.architectures import architecture, architectures
from archwise.architectures.smoothing import Fading, unroll
from archwise.architectures.window_graph import ahead_of
from archwise.architectures.window_plan import pasts
from archwise.data.timeline.windows import Windows
from archwise.model.export import export_network
from archwise.model.session import open_session, outputs
from archwise.records import (
    Array,
    Batch,
    Candidate,
    ColumnProfile,
    ForecastFacts,
    InputSpec,
    Plan,
    Profile,
    Scalar,
    Setting,
    Signature,
    settings_of,
)
from archwise.tasks import main_metric, task
from archwise.training.loop import Examples, Limit, Tools, TrainJob, train
from archwise.training.network import Network, make_network

FORECASTS = {name: entry for name, entry in architectures().items() if "window" in entry.gives}
NETWORKS = sorted(name for name, entry in FORECASTS.items() if entry.build is not None)
REFERENCES = sorted(name for name, entry in FORECASTS.items() if entry.solve is not None)
PAST, HORIZON, TARGETS, CHANNELS = 24, 6, 2, 4
INPUTS = (
    InputSpec("window", "float32", PAST * CHANNELS, shape=(PAST, CHANNELS)),
    InputSpec("future", "float32", HORIZON, shape=(HORIZON, 1)),
    InputSpec("calendar", "float32", HORIZON * 4, shape=(HORIZON, 4)),
)
SIGNATURE = Signature(INPUTS, TARGETS * HORIZON, form="window", horizon=HORIZON)
TASK = task("forecast")
STATE = {"targets": ["y", "z"], "horizon": HORIZON, "n_series": 1, "season": 12}

over_networks = pytest.mark.parametrize("name", NETWORKS)
over_references = pytest.mark.parametrize("name", REFERENCES)


def batch_of(n: int, seed: int = 0) -> Batch:
    rng = np.random.default_rng(seed)
    return {spec.name: rng.normal(size=(n, *spec.row)).astype(np.float32) for spec in INPUTS}


def tensors_of(batch: Batch) -> list[torch.Tensor]:
    return [torch.from_numpy(batch[spec.name]) for spec in INPUTS]


def make(name: str, settings: Mapping[str, Scalar] | None = None, *, seed: int = 0, loss: str = "") -> Network:
    entry = FORECASTS[name]
    own = {key: value for key, value in (settings or {}).items() if not key.startswith("plan.")}
    pairs = settings_of({**entry.defaults(), "past": PAST, **own}.items())
    return make_network(entry, Candidate(name, pairs, Plan(seed=seed, loss=loss)), SIGNATURE, TASK, STATE)


def answer(network: Network, batch: Batch) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = network.eval()(*tensors_of(batch))
    return found


def profile_of(n_steps: int, *, horizon: int = HORIZON, seasons: tuple[int, ...] = (12,), n_series: int = 1) -> Profile:
    facts = ForecastFacts(n_series, n_steps, horizon, seasons, 2, 1, 1, calendar=True)
    columns = tuple(ColumnProfile(name, "timeline", "", True, 0, 9) for name in ("y", "z", "x", "k"))
    return Profile("a table", n_steps, columns, "y,z", "forecast", "", forecast=facts)


def drawn(setting: Setting, chance: random.Random) -> Scalar:
    if setting.choices:
        return chance.choice(setting.choices)
    if setting.low is None or setting.high is None or not setting.searched:
        return PAST if setting.name == "past" else setting.default
    if isinstance(setting.default, bool):
        return chance.random() < 0.5
    low, high = setting.low, min(setting.high, 64) if isinstance(setting.default, int) else setting.high
    value = float(np.exp(chance.uniform(np.log(low), np.log(high)))) if setting.log else chance.uniform(low, high)
    return round(value) if isinstance(setting.default, int) else value


# ---------------------------------------------------------------- networks


@over_networks
@pytest.mark.parametrize(("loss", "times"), [("", 1), ("quantiles", 3)])
def test_outputs_are_the_steps_of_every_target_and_with_quantiles_their_ends(name: str, loss: str, times: int) -> None:
    network = make(name, loss=loss)
    assert answer(network, batch_of(5)).shape == (5, times * TARGETS * HORIZON)
    assert isinstance(network.body.width, int)


@over_networks
def test_every_parameter_gets_a_finite_gradient(name: str) -> None:
    network = make(name, {"covariates": "read", "calendar": "read"}).train()
    network(*tensors_of(batch_of(64))).square().mean().backward()
    for parameter_name, parameter in network.named_parameters():
        assert parameter.grad is not None, parameter_name
        assert parameter.grad.isfinite().all(), parameter_name


@over_networks
def test_an_origins_forecast_does_not_depend_on_its_batch(name: str) -> None:
    for settings in FORECASTS[name].variants(profile_of(10_000)):  # type: ignore[misc]
        network = make(name, {**settings, "past": PAST})
        batch = batch_of(9)
        alone = [answer(network, {key: array[row : row + 1] for key, array in batch.items()}) for row in range(9)]
        torch.testing.assert_close(torch.cat(alone), answer(network, batch), rtol=1e-5, atol=1e-5)


@over_networks
@pytest.mark.parametrize("level", ["last", "mean"])
def test_a_window_at_another_level_is_forecast_at_that_level(name: str, level: str) -> None:
    network = make(name, {"level": level})
    batch = batch_of(4)
    raised = {**batch, "window": batch["window"].copy()}
    raised["window"][:, :, :TARGETS] += 5.0
    torch.testing.assert_close(answer(network, raised), answer(network, batch) + 5.0, rtol=1e-4, atol=1e-4)


@over_networks
def test_each_target_is_forecast_from_its_own_past(name: str) -> None:
    network = make(name)
    batch = batch_of(4)
    other = {**batch, "window": batch["window"].copy()}
    other["window"][:, :, 1] = 9.0
    one, changed = answer(network, batch), answer(network, other)
    torch.testing.assert_close(one[:, :HORIZON], changed[:, :HORIZON])
    assert not torch.equal(one[:, HORIZON:], changed[:, HORIZON:])


@over_networks
def test_the_same_seed_gives_the_same_weights(name: str) -> None:
    one, other, another = (make(name, seed=seed).state_dict() for seed in (5, 5, 6))
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert not all(torch.equal(one[key], another[key]) for key in one)


@over_networks
def test_it_learns_32_windows_by_heart(name: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    steps = TARGETS * HORIZON
    truth = np.concatenate([rng.normal(size=(32, steps)), np.tile([0.0] * 2 + [1.0] * 6, (32, 1))], axis=1)
    rows = Examples(batch_of(32), truth.astype(np.float32))
    entry, plan = FORECASTS[name], Plan(epochs=400, batch=32, rate=1e-2, decay=0.0, patience=400)
    bounds = {"dropout": 0.0, "past": PAST, "width": 64}
    known = {key: value for key, value in bounds.items() if key in entry.defaults()}
    pairs = settings_of({**entry.defaults(), **known}.items())
    network = make_network(entry, Candidate(name, pairs, plan), SIGNATURE, TASK, STATE)
    job = TrainJob(TASK, STATE, main_metric(TASK, STATE), plan, "cpu")
    tools = Tools(tmp_path / "checkpoint", lambda point: None, lambda: 0.0)
    trained = train(network, job, train=rows, valid=rows, limit=Limit(plan.epochs), tools=tools)
    most = 0.7 if name == "forecast-linear" else 0.3  # of a variance of 1; a sum of 24 steps cannot hold 64 windows
    assert trained.score < most


@over_networks
@pytest.mark.parametrize("seed", range(4))
def test_random_settings_of_its_space_build(name: str, seed: int) -> None:
    chance = random.Random(seed)
    settings = {setting.name: drawn(setting, chance) for setting in FORECASTS[name].space}
    assert answer(make(name, {**settings, "past": PAST}), batch_of(3)).isfinite().all()


@over_networks
def test_onnx_agrees_at_any_batch(name: str) -> None:
    network = make(name, {"covariates": "read", "calendar": "read"}).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        session = open_session(export_network(network, batch_of(4), SIGNATURE))
    for n in (1, 33):
        np.testing.assert_allclose(outputs(session, batch_of(n, n)), answer(network, batch_of(n, n)), atol=1e-4)


@pytest.mark.parametrize("name", sorted(FORECASTS))
@pytest.mark.parametrize("n_steps", [30, 200, 8_640, 1_000_000])
@pytest.mark.parametrize("seasons", [(), (12,), (24, 168)])
def test_variants_fit_the_series(name: str, n_steps: int, seasons: tuple[int, ...]) -> None:
    entry = FORECASTS[name]
    space = {setting.name: setting for setting in entry.space}
    profile = profile_of(n_steps, seasons=seasons)
    plan = entry.plan(profile) if entry.plan else Plan()
    assert plan.epochs >= 1
    for variant in (entry.variants or (lambda _: ({},)))(profile):
        for key, value in variant.items():
            setting = space[key]
            assert value != setting.default
            assert not setting.choices or value in setting.choices
        settings = {**entry.defaults(), **variant}
        need = entry.need_of(settings)
        assert entry.suits(profile).prior == 0.0 or 1 <= need.past <= max(720, n_steps)
    assert 0.0 <= entry.suits(profile).prior <= 1.0


def test_pasts_are_whole_seasons_that_leave_windows_to_train_on() -> None:
    facts = ForecastFacts(1, 8_640, 96, (24,), 7)
    assert pasts(facts) == (96, 336, 720)
    short = ForecastFacts(1, 82, 12, (12,), 1)
    assert all(past % 12 == 0 and past <= 35 for past in pasts(short))


# ---------------------------------------------------------------- references


def waves(n: int = 400, seed: int = 0) -> Array:
    """(T, M) of two targets with a season of 12 steps."""
    rng = np.random.default_rng(seed)
    steps = np.arange(n)[:, None]
    return np.sin(2 * np.pi * steps / 12 + np.array([0.0, 1.0])) + rng.normal(0, 0.1, (n, 2))


def windows_and_truth(values: Array, past: int) -> tuple[Batch, Array]:
    starts = np.arange(len(values) - past - HORIZON + 1)
    source = np.concatenate([values, np.zeros((len(values), 2))], axis=1).astype(np.float32)
    truth = values[starts[:, None] + past + np.arange(HORIZON)].transpose(0, 2, 1).reshape(len(starts), -1)
    of_series = np.tile([0.0] * 2 + [1.0] * 6, (len(starts), 1))
    batch: Batch = {"window": Windows(None, source, starts, past)}  # type: ignore[dict-item]
    return batch, np.concatenate([truth, of_series], axis=1).astype(np.float32)


def settings_for(name: str) -> dict[str, Scalar]:
    wanted = {"past": PAST, "season": 12}
    return {**architecture(name).defaults(), **{k: v for k, v in wanted.items() if k in architecture(name).defaults()}}


def solved_outputs(name: str, values: Array) -> tuple[Array, Array, Array]:
    entry, settings = architecture(name), settings_for(name)
    past = entry.need_of(settings).past
    batch, truth = windows_and_truth(values, past)
    spec = InputSpec("window", "float32", past * CHANNELS, shape=(past, CHANNELS))
    signature = Signature((spec,), TARGETS * HORIZON, form="window", horizon=HORIZON)
    assert entry.solve is not None
    solved = entry.solve(signature, settings, batch, truth, "forecast", 0)
    return solved.outputs(batch), outputs(open_session(solved.onnx), batch), truth


@over_references
def test_the_graph_of_a_reference_answers_as_its_rule(name: str) -> None:
    by_rule, by_graph, _ = solved_outputs(name, waves())
    np.testing.assert_allclose(by_graph, by_rule, atol=1e-5)


@over_references
def test_a_reference_moves_with_the_level_and_the_scale_of_its_window(name: str) -> None:
    if name == "window-ridge":
        pytest.skip("its penalty depends on the scale")
    one, _, _ = solved_outputs(name, waves())
    other, _, _ = solved_outputs(name, 3.0 * waves() + 7.0)
    np.testing.assert_allclose(other, 3.0 * one + 7.0, atol=0.05)


def test_the_last_value_the_season_before_and_the_drift_are_what_they_say() -> None:
    values = waves()
    last, _, _ = solved_outputs("last-value", values)
    np.testing.assert_allclose(last[0].reshape(2, HORIZON), np.repeat(values[0][:, None], HORIZON, axis=1), rtol=1e-5)
    seasonal, _, _ = solved_outputs("seasonal-naive", values)
    np.testing.assert_allclose(seasonal[0].reshape(2, HORIZON), values[:HORIZON].T, rtol=1e-5)
    drift, _, _ = solved_outputs("drift", values)
    slope = (values[PAST - 1] - values[0]) / (PAST - 1)
    expected = values[PAST - 1][:, None] + slope[:, None] * np.arange(1, HORIZON + 1)
    np.testing.assert_allclose(drift[0].reshape(2, HORIZON), expected, rtol=1e-4, atol=1e-5)


def test_what_recurs_is_forecast_better_by_season_smoothing_and_ridge_than_by_the_last_value() -> None:
    error = {}
    for name in REFERENCES:
        given, _, truth = solved_outputs(name, waves())
        error[name] = float(((given - truth[:, : TARGETS * HORIZON]) ** 2).mean())
    assert max(error["seasonal-naive"], error["smoothing"], error["window-ridge"]) < 0.1 * error["last-value"]
    assert error["window-ridge"] == min(error.values())


def test_ridge_is_least_squares_where_nothing_is_penalised() -> None:
    values = waves()
    batch, truth = windows_and_truth(values, PAST)
    spec = InputSpec("window", "float32", PAST * CHANNELS, shape=(PAST, CHANNELS))
    signature = Signature((spec,), TARGETS * HORIZON, form="window", horizon=HORIZON)
    solve = architecture("window-ridge").solve
    assert solve is not None
    solved = solve(signature, {"past": PAST, "penalty": 1e-12}, batch, truth, "forecast", 0)
    past = np.asarray(batch["window"])[:, :, :2].astype(np.float64).transpose(0, 2, 1).reshape(-1, PAST)
    ahead = truth[:, : TARGETS * HORIZON].astype(np.float64).reshape(-1, HORIZON)
    level = past[:, -1:]
    weights, *_ = np.linalg.lstsq((past - level)[:, :-1], ahead - level, rcond=None)
    expected = (past - level)[:, :-1] @ weights + level
    np.testing.assert_allclose(solved.outputs(batch).reshape(-1, HORIZON), expected, atol=1e-4)


@pytest.mark.parametrize("with_trend", [False, True])
@pytest.mark.parametrize("season", [0, 6])
def test_the_unrolled_recursion_is_that_of_statsmodels(season: int, with_trend: bool) -> None:
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    series = waves(300)[:, 0] + 0.02 * np.arange(300)  # long enough for the start to be forgotten
    fading = Fading(0.4, 0.2 if with_trend else 0.0, 0.3 if season else 0.0, 0.9 if with_trend else 0.0, season)
    begin = season or 1
    level = series[:season].mean() if season else series[0]
    trend = 0.0
    if with_trend:
        n_slope = 10
        trend = (
            (series[season : 2 * season].mean() - level) / season if season else (series[n_slope] - series[0]) / n_slope
        )
    start_level = level + trend * (season - 1) / 2.0 if season else level
    model = ExponentialSmoothing(
        series[begin:],
        trend="add" if with_trend else None,
        damped_trend=with_trend,
        seasonal="add" if season else None,
        seasonal_periods=season or None,
        initialization_method="known",
        initial_level=start_level,
        initial_trend=trend if with_trend else None,
        initial_seasonal=series[:season] - level if season else None,
    )
    fitted = model.fit(
        smoothing_level=0.4,
        smoothing_trend=0.2 if with_trend else None,
        smoothing_seasonal=0.3 if season else None,
        damping_trend=0.9 if with_trend else None,
        optimized=False,
    )
    ahead = ahead_of(series[None, None], unroll(fading, len(series), HORIZON)[None])
    n_same = (
        season - 1 if season else HORIZON
    )  # statsmodels 0.15 leaves the last update of the season out at step `season`
    np.testing.assert_allclose(ahead[0, :n_same], fitted.forecast(HORIZON)[:n_same], rtol=1e-6)
