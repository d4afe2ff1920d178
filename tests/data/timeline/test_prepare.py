"""What is fitted is fitted on the training steps alone, and no input of an origin knows of what comes after it."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archwise.data.timeline.grid import FILL, Roles, Timeline, lay_on_grid
from archwise.data.timeline.prepare import batch_at, fit_timeline, in_units, prepare_steps, targets_at
from archwise.errors import DataError, TargetError
from archwise.records import Json

ROLES = Roles(("y", "z"), ("x",), ("k",), time="t", gaps=FILL)
N, HORIZON, PAST = 120, 6, 12


def hourly(seed: int = 0, *, change_from: int = N) -> Timeline:
    """Four columns over N hours; the numbers of all but the known one are others from a step on."""
    rng, other = np.random.default_rng(seed), np.random.default_rng(seed + 1)
    hours = pl.datetime_range(pl.datetime(2024, 1, 1), pl.datetime(2024, 1, 5, 23), "1h", eager=True)
    columns = {}
    for name in ("y", "z", "x", "k"):
        values = rng.normal(10.0, 3.0, N)
        if name != "k":
            values[change_from:] = other.normal(-50.0, 20.0, N)[change_from:]
            values[rng.integers(0, N, 8)] = np.nan
        columns[name] = values
    return lay_on_grid(pl.DataFrame({"t": hours, **columns}), ROLES, source="hours")


def fitted(timeline: Timeline, until: int = 80) -> dict[str, Json]:
    return fit_timeline(timeline, ROLES, train_until=np.array([until]), horizon=HORIZON)


def test_the_scale_is_that_of_the_training_steps() -> None:
    timeline = hourly()
    state = fitted(timeline)
    np.testing.assert_allclose(state["means"][0], np.nanmean(timeline.values[:80], axis=0))
    np.testing.assert_allclose(state["scales"][0], np.nanstd(timeline.values[:80], axis=0))


def several(lengths: list[int]) -> Timeline:
    """Series one after the other, each around a level of its own."""
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "id": np.repeat(np.arange(len(lengths)), lengths),
            "t": np.concatenate([np.arange(length) for length in lengths]),
            "y": np.concatenate([10.0 ** (place + 1) + rng.normal(size=n) for place, n in enumerate(lengths)]),
        }
    )
    return lay_on_grid(frame, Roles(("y",), time="t", series="id"), source="several")


@pytest.mark.parametrize("absent", [0, 1, 2, 3])
def test_a_series_without_training_steps_is_read_on_the_scale_of_the_middle_one_of_the_others(absent: int) -> None:
    timeline, roles = several([40, 40, 40, 40]), Roles(("y",), time="t", series="id")
    until = np.where(np.arange(4) == absent, 0, 30)
    state = fit_timeline(timeline, roles, train_until=until, horizon=HORIZON)
    whole = fit_timeline(timeline, roles, train_until=np.full(4, 30), horizon=HORIZON)
    others = np.arange(4) != absent
    for name in ("means", "scales", "naive", "spreads", "floors"):
        np.testing.assert_array_equal(state[name][others], whole[name][others])
        np.testing.assert_allclose(state[name][absent], np.median(whole[name][others], axis=0))


def test_nothing_that_is_fitted_changes_with_later_steps() -> None:
    one, other = fitted(hourly()), fitted(hourly(change_from=80))
    assert one.keys() == other.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(value, other[name])


@settings(max_examples=25, deadline=None)
@given(origin=st.integers(PAST, N - HORIZON), seed=st.integers(0, 50))
def test_future_values_cannot_change_the_inputs_of_an_origin(origin: int, seed: int) -> None:
    state = fitted(hourly(seed))
    batches = []
    for timeline in (hourly(seed), hourly(seed, change_from=origin)):
        batches.append(batch_at(state, prepare_steps(state, timeline), np.array([origin]), past=PAST))
    assert set(batches[0]) == {"window", "future", "calendar"}
    for name in batches[0]:
        np.testing.assert_array_equal(batches[0][name][:], batches[1][name][:])


def test_the_window_ends_before_the_origin_and_the_known_begin_with_it() -> None:
    timeline = hourly()
    state = fitted(timeline)
    steps = prepare_steps(state, timeline)
    batch = batch_at(state, steps, np.array([40, 41]), past=PAST)
    assert batch["window"].shape == (2, PAST, 4)
    np.testing.assert_array_equal(batch["window"][0], steps.series[40 - PAST : 40])
    np.testing.assert_array_equal(batch["future"][1][:, 0], steps.series[41 : 41 + HORIZON, 3])
    assert batch["calendar"].shape[:2] == (2, HORIZON)


def test_targets_hold_the_steps_of_each_target_and_the_scale_of_its_series() -> None:
    timeline = hourly()
    state = fitted(timeline)
    targets = np.asarray(targets_at(state, timeline, prepare_steps(state, timeline), np.array([30])))
    assert targets.shape == (1, 2 * HORIZON + 4 * 2)
    values = targets[0, : 2 * HORIZON].reshape(2, HORIZON) * targets[0, -6:-4, None] + targets[0, -8:-6, None]
    np.testing.assert_allclose(values, timeline.values[30 : 30 + HORIZON, :2].T, rtol=1e-5)


def test_a_target_that_never_varies_is_refused() -> None:
    frame = pl.DataFrame({"y": [3.0] * 50})
    timeline = lay_on_grid(frame, Roles(("y",)), source="constant")
    with pytest.raises(TargetError, match="'y' does not vary in the training steps"):
        fit_timeline(timeline, Roles(("y",)), train_until=np.array([30]), horizon=5)


def test_a_series_that_training_did_not_see_is_named() -> None:
    frame = pl.DataFrame({"id": ["a"] * 30, "y": np.arange(30.0)})
    roles = Roles(("y",), series="id")
    state = fit_timeline(lay_on_grid(frame, roles, source="a"), roles, train_until=np.array([20]), horizon=2)
    other = lay_on_grid(frame.with_columns(pl.lit("b").alias("id")), roles, source="b")
    with pytest.raises(DataError, match="series 'b' was not there in training"):
        prepare_steps(state, other)


def growing(seed: int = 0, *, grows: bool = True) -> Timeline:
    """Ten years of months that double every four years, with ups and downs that grow with them, or do not."""
    steps = np.arange(120)
    level = 2.0 ** (steps / 48)
    wave = 0.2 * np.sin(2 * np.pi * steps / 12)
    noise = np.random.default_rng(seed).normal(0, 0.02, 120)
    values = level * (1 + wave + noise) if grows else 3 * level + wave + noise
    return lay_on_grid(pl.DataFrame({"y": 100 * values}), Roles(("y",)), source="months")


@pytest.mark.parametrize("grows", [True, False])
def test_the_logarithm_is_read_where_ups_and_downs_grow_with_the_level(grows: bool) -> None:
    timeline = growing(grows=grows)
    state = fit_timeline(timeline, Roles(("y",)), train_until=np.array([96]), horizon=12)
    assert state["logs"] == [grows]
    steps = prepare_steps(state, timeline)
    again = in_units(state, np.zeros(120, int), steps.truth[:, 0], 0)
    np.testing.assert_allclose(again, timeline.values[:, 0], rtol=1e-5)


def test_a_later_value_of_nought_has_a_logarithm() -> None:
    timeline = growing()
    state = fit_timeline(timeline, Roles(("y",)), train_until=np.array([96]), horizon=12)
    timeline.values[110:] = 0.0
    assert np.isfinite(prepare_steps(state, timeline).series).all()
